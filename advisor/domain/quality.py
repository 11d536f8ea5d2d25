"""What quantisation costs in answer quality: published measurements, each on the model that it was made on and no other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityMeasurement:
    """A metric of a quantised model beside its 16-bit baseline; `delta` is value minus baseline, in the metric's own unit."""

    model: str  # as the source names it
    quantization: str
    metric: str
    value: float
    baseline: float
    delta: float
    note: str
    as_of: str
    source: str
