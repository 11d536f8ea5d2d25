"""catalog/quality/*.csv -> QualityMeasurement."""

from advisor.catalog.layers import Root
from advisor.catalog.records import csv_records
from advisor.domain.quality import QualityMeasurement


def load_quality(root: Root) -> tuple[QualityMeasurement, ...]:
    """Every measurement."""
    return tuple(row for row, _ in csv_records(root, "quality", QualityMeasurement))
