"""Reads `catalog/calibration/<engine>.yaml`: the fitted constants of the step-time model."""

from pathlib import Path

from advisor.documents import load, read_text
from advisor.domain.calibration import CALIBRATION_TYPES, Calibration
from advisor.resources import folder


def load_calibrations(directory: Path | None = None) -> dict[str, Calibration]:
    """Every engine's calibration by the engine's name. Raises DataError for a fault in a file."""
    at = directory or folder("catalog") / "calibration"
    return {engine: load(read_text(file := at / f"{engine}.yaml"), str(file), kind) for engine, kind in CALIBRATION_TYPES.items()}
