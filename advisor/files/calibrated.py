"""Calibrations of machines on disk: written whole or not at all."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from advisor.documents import dotted, read_text
from advisor.domain.calibrated import CalibratedMachine
from advisor.errors import DataError, Fault
from advisor.files.writing import write_atomically


def write_calibrated(path: Path, machine: CalibratedMachine) -> None:
    """Raises UserInputError when it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(calibrated_document(machine), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def calibrated_document(machine: CalibratedMachine) -> dict[str, Any]:
    """The file's content; of points only what they say."""
    document = dataclasses.asdict(machine)
    document["points"] = [{name: value for name, value in point.items() if value not in (None, {})} for point in document["points"]]
    return document


def read_calibrated(path: Path) -> CalibratedMachine:
    """Raises DataError with every fault, UserInputError when it cannot be read."""
    try:
        return _ADAPTER.validate_json(read_text(path))
    except ValidationError as error:
        faults = [Fault(str(path), f"{dotted(fault['loc'])}: {fault['msg']}") for fault in error.errors(include_url=False)]
        raise DataError(faults) from None


_ADAPTER: Final = TypeAdapter(CalibratedMachine)
