"""catalog/quality/*.csv -> QualityMeasurement: what quantisation was measured to cost, on the model it was measured on."""

from dataclasses import dataclass
from pathlib import Path

from advisor.catalog.records import IsoDate, csv_records
from advisor.domain.quality import QualityMeasurement
from advisor.domain.strict import STRICT


@dataclass(frozen=True, slots=True)
class QualityRecord:
    """A row of a quality table."""

    __pydantic_config__ = STRICT
    model: str
    quantization: str
    metric: str
    value: float
    baseline: float
    delta: float
    as_of: IsoDate
    source: str
    note: str = ""


def load_quality(root: Path) -> tuple[QualityMeasurement, ...]:
    """Every measurement."""
    return tuple(
        QualityMeasurement(
            model=row.model,
            quantization=row.quantization,
            metric=row.metric,
            value=row.value,
            baseline=row.baseline,
            delta=row.delta,
            note=row.note,
            as_of=row.as_of,
            source=row.source,
        )
        for row, _ in csv_records(root, "quality", QualityRecord)
    )
