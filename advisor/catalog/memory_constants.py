"""Reads `catalog/calibration/memory.yaml`."""

from functools import cache
from pathlib import Path

from advisor.catalog.layers import Root, layers_in_use, layers_of
from advisor.documents import load, read_text
from advisor.domain.memory_constants import MemoryConstants


def load_memory_constants(root: Root | None = None) -> MemoryConstants:
    """The constants of the memory estimates. Raises DataError for a faulty file."""
    layers = layers_of(root) if root is not None else layers_in_use()
    return _read(layers.file("calibration/memory.yaml"))


@cache
def _read(path: Path) -> MemoryConstants:
    return load(read_text(path), str(path), MemoryConstants)
