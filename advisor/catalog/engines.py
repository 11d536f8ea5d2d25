"""Reads `catalog/engines/*.yaml`: one record an engine, the file name is its id."""

from functools import cache
from pathlib import Path

from advisor.documents import load, read_text
from advisor.domain.engine_record import EngineRecord
from advisor.errors import DataError
from advisor.resources import folder


def read_engine(path: Path) -> EngineRecord:
    """One engine record. Raises DataError with every fault at its line and column."""
    record = load(read_text(path), str(path), EngineRecord)
    if record.id != path.stem:
        raise DataError.at(f"{path}:1:1", f"id: {record.id} is not the name of the file")
    return record


@cache
def load_engines(root: Path | None = None) -> dict[str, EngineRecord]:
    """Every engine of a catalog folder (without one, of the folder in use) by id, in the order of their names."""
    return {path.stem: read_engine(path) for path in sorted(((root or folder("catalog")) / "engines").glob("*.yaml"))}
