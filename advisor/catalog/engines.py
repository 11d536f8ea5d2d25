"""Reads `catalog/engines/*.yaml`: one record an engine, the file name is its id."""

from functools import cache
from pathlib import Path

from advisor.catalog.layers import Layers, Root, layers_in_use, layers_of
from advisor.documents import load, read_text
from advisor.domain.engine_record import EngineRecord
from advisor.errors import DataError


def read_engine(path: Path) -> EngineRecord:
    """One engine record. Raises DataError with every fault at its line and column."""
    record = load(read_text(path), str(path), EngineRecord)
    if record.id != path.stem:
        raise DataError.at(f"{path}:1:1", f"id: {record.id} is not the name of the file")
    return record


def load_engines(root: Root | None = None) -> dict[str, EngineRecord]:
    """Every engine of a catalog (without one, of that in use) by id, in the order of their names."""
    return _engines(layers_of(root) if root is not None else layers_in_use())


@cache
def _engines(layers: Layers) -> dict[str, EngineRecord]:
    return {path.stem: read_engine(path) for _, path in sorted(layers.files("engines", ".yaml").items())}
