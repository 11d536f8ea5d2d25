"""Reads `catalog/calibration/memory.yaml`."""

from functools import cache
from pathlib import Path

from advisor.documents import load, read_text
from advisor.domain.memory_constants import MemoryConstants
from advisor.resources import folder


@cache
def load_memory_constants(path: Path | None = None) -> MemoryConstants:
    """The constants of the memory estimates. Raises DataError for a faulty file."""
    path = path or folder("catalog") / "calibration" / "memory.yaml"
    return load(read_text(path), str(path), MemoryConstants)
