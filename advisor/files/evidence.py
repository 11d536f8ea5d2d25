"""evidence/<deployment>-<12 hex>.json: written whole or not at all, found by the fingerprint of the deployment that it shows."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from advisor.documents import dotted, read_text
from advisor.domain.evidence import EvidenceFile
from advisor.errors import DataError, Fault
from advisor.files.writing import write_atomically

FOLDER: Final = "evidence"
_HEX_DIGITS: Final = 12


def evidence_path(plan: Path, deployment: str, fingerprint: str, source: str = "run") -> Path:
    """Beside the plan, named after what it shows; a log's evidence stands beside that of a run, which tells more."""
    kind = "" if source == "run" else f"-{source}"
    return plan.parent / FOLDER / f"{deployment}-{fingerprint[:_HEX_DIGITS]}{kind}.json"


def write_evidence(plan: Path, evidence: EvidenceFile) -> Path:
    """Write it, over an earlier run of the same deployment. Raises UserInputError when it cannot be written."""
    path = evidence_path(plan, evidence.deployment, evidence.fingerprint, evidence.source)
    write_atomically(path, json.dumps(evidence_dict(evidence), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def evidence_dict(evidence: EvidenceFile) -> dict[str, Any]:
    """The file's content."""
    return dataclasses.asdict(evidence)


def read_evidence(path: Path) -> EvidenceFile:
    """Raises DataError with every fault, UserInputError when it cannot be read."""
    try:
        evidence = _ADAPTER.validate_json(read_text(path))
        json.dumps(evidence_dict(evidence), allow_nan=False)
    except ValidationError as error:
        faults = [Fault(str(path), _fault_text(fault["loc"], fault["msg"])) for fault in error.errors(include_url=False)]
        raise DataError(faults) from None
    except ValueError:  # free-form parts may hold what JSON has no word for
        raise DataError.at(path, "holds a number that is none (NaN, infinite, or of thousands of digits)") from None
    return evidence


def _fault_text(place: tuple[int | str, ...], message: str) -> str:
    own = message.removeprefix("Value error, ")
    if place:
        return f"{dotted(place)}: {own}"
    return own if own != message else f"not an evidence file: {own}"


def evidence_beside(plan: Path) -> list[Path]:
    """Every evidence file of a plan, by name."""
    return sorted((plan.parent / FOLDER).glob("*.json"))


_ADAPTER: Final = TypeAdapter(EvidenceFile)
