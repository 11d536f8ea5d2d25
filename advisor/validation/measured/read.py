"""`--measured`: which of the known kinds a file is, by what it holds."""

import json
from pathlib import Path
from typing import Any, Final

from advisor.catalog.records import table_records
from advisor.documents import read_text
from advisor.domain.measured import MeasuredPoint
from advisor.domain.measurement import Measurement
from advisor.domain.strict import FieldFault
from advisor.errors import UserInputError
from advisor.intake.measured_text import EXAMPLE, is_point_text, measured_text
from advisor.units import MIB
from advisor.validation.benchmark.result import read_result
from advisor.validation.measured.evidence import evidence_points
from advisor.validation.measured.llama_bench import is_llama_bench, llama_bench_points
from advisor.validation.measured.loads import load_points
from advisor.validation.measured.rows import row_points

_EVIDENCE: Final = "advisor.evidence/"
_MOST_BYTES: Final = 512 * MIB


def read_measured(text: str) -> tuple[MeasuredPoint, ...]:
    """Raises UserInputError for what is neither a file nor a point, for a file of no known kind, and for one that holds no speed."""
    path = Path(text).expanduser()
    if not path.is_file():
        if is_point_text(text):
            return (measured_text(text),)
        raise UserInputError(f"--measured {text[:120]}: no such file, and not written like {EXAMPLE}")
    try:
        points = _points(path)
    except FieldFault as fault:
        raise UserInputError(f"{path}: {fault}") from None
    if not points:
        raise UserInputError(f"{path}: holds no speed at a known number of requests at once")
    return points


def _points(path: Path) -> tuple[MeasuredPoint, ...]:
    if path.suffix == ".csv":
        return row_points(table_records(read_text(path), str(path), Measurement), str(path))
    document = _json(path)
    if is_llama_bench(document):
        return llama_bench_points(document, path.name)
    if isinstance(document, dict) and str(document.get("schema", "")).startswith(_EVIDENCE):
        return evidence_points(path)
    return load_points(read_result(path), path.name)


def _json(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserInputError(f"{path}: more than {_MOST_BYTES // MIB} MiB: no benchmark result")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UserInputError(f"{path}: neither a table (.csv) nor JSON, or cut off") from None
