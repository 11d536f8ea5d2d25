"""What quantisation costs in answer quality: published measurements, each on the model that it was made on and no other."""

from dataclasses import dataclass

from advisor.domain.strict import STRICT, IsoDate


@dataclass(frozen=True, slots=True)
class QualityMeasurement:
    """A metric of a quantised model beside its 16-bit baseline; `delta` is value minus baseline, in the metric's own unit.

    Without a baseline a value only compares with those of other formats in the same source.
    """

    __pydantic_config__ = STRICT
    model: str  # as the source names it
    quantization: str
    metric: str
    value: float
    as_of: IsoDate
    source: str
    baseline: float | None = None
    delta: float | None = None
    note: str = ""
