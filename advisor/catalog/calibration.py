"""Reads `catalog/calibration/<engine>.yaml`: the fitted constants of the step-time model."""

from advisor.catalog.layers import Root, layers_in_use, layers_of
from advisor.documents import load, read_text
from advisor.domain.calibration import CALIBRATION_TYPES, Calibration


def load_calibrations(root: Root | None = None) -> dict[str, Calibration]:
    """Every engine's calibration by the engine's name. Raises DataError for a fault in a file."""
    layers = layers_of(root) if root is not None else layers_in_use()
    files = {engine: layers.file(f"calibration/{engine}.yaml") for engine in CALIBRATION_TYPES}
    return {engine: load(read_text(files[engine]), str(files[engine]), kind) for engine, kind in CALIBRATION_TYPES.items()}
