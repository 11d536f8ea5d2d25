"""Step times corrected by what was measured near: which measurements count, how far they are believed, what range is left.

A prediction is multiplied by (measured / predicted)^shrink of the nearest class of measurements, geometric mean over its series. The
nearest class is the one with the narrowest range on series that were held out; where that is not narrower than the model's own
range, nothing is scaled.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from advisor.domain.calibration import Calibration, ErrorBand, Metric, error_band
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.near import Grade, NearRules, Origin, Scale, Setup
from advisor.domain.quantity import Basis

METRICS: Final[tuple[Metric, ...]] = ("decode", "prefill")
_OF: Final[Mapping[Grade, str]] = {"same": "", "variant": ", of another format or layout", "device": ", of other models on this device"}


@dataclass(frozen=True, slots=True)
class Applied:
    """What scales one side of a prediction: the factor, whose measurements it is from (the nearest first), and the range that is left."""

    factor: float
    origin: Origin
    grade: Grade
    scales: tuple[Scale, ...]
    band: ErrorBand
    near_load_factor: float

    def basis(self, concurrency: float, input_tokens: float, output_tokens: float) -> Basis:
        """`measured` where this very setup was measured under such a load, else `scaled`."""
        near = (scale.loads.near(concurrency, input_tokens, output_tokens, factor=self.near_load_factor) for scale in self.scales)
        return Basis.MEASURED if self.grade == "same" and any(near) else Basis.SCALED

    @property
    def by(self) -> str:
        """`SOURCE and 2 more, of another format or layout`."""
        more = f" and {len(self.scales) - 1} more" if len(self.scales) > 1 else ""
        return f"{self.scales[0].source}{more}{_OF[self.grade]}"


def in_words(found: Mapping[Metric, Applied]) -> str:
    """`decode x 1.12 and prefill x 0.9 by SOURCE`."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for metric, one in found.items():
        by_source[one.by].append(f"{metric} x {one.factor:.3g}")
    return "; ".join(f"{' and '.join(factors)} by {source}" for source, factors in by_source.items())


def worked_out(basis: Basis) -> Basis:
    """Of what follows from a measured median by a model: tails, rates, whole answers."""
    return Basis.SCALED if basis is Basis.MEASURED else basis


def setup_of(candidate: Candidate) -> Setup:
    """What a candidate's speed belongs to, but its load."""
    runtime, spread, architecture = candidate.runtime, candidate.parallelism, candidate.model.architecture
    return Setup(
        engine=runtime.engine,
        version=runtime.version,
        backend=runtime.backend,
        device=candidate.node.device.id,
        model=candidate.model.id,
        experts=bool(architecture.experts),
        quantization=candidate.checkpoint.quantization,
        devices=spread.devices,
        tensor=spread.tensor,
    )


def applied(
    candidate: Candidate, scales: Sequence[Scale], rules: NearRules, calibration: Calibration, *, own_width: Mapping[Metric, float]
) -> dict[Metric, Applied]:
    """For each side what scales it, if anything does; `own_width` is high / low of the model's own range."""
    setup = setup_of(candidate)
    generations = rules.generations.get(setup.engine, ())
    graded = [(scale, grade) for scale in scales if (grade := setup.grade(scale.setup, generations)) is not None]
    found: dict[Metric, Applied] = {}
    for metric in METRICS:
        classes = list(_classes(graded, metric, rules, calibration, candidate))
        best = min(classes, key=lambda one: one.band.high / one.band.low, default=None)
        if best is not None and best.band.high / best.band.low < own_width[metric]:
            found[metric] = best
    return found


def _classes(
    graded: Sequence[tuple[Scale, Grade]], metric: Metric, rules: NearRules, calibration: Calibration, candidate: Candidate
) -> Iterator[Applied]:
    """Each origin and grade that was measured on this side, with what it would do."""
    for origin, grade in dict.fromkeys((scale.origin, grade) for scale, grade in graded):
        believed = _believed(origin, grade, metric, rules, calibration)
        if believed is None or (origin == "published" and _offloads(candidate)):
            continue
        shrink, band = believed
        known = [scale for scale, of in graded if (scale.origin, of) == (origin, grade) and scale.of(metric) is not None]
        known.sort(key=lambda scale: scale.setup.quantization != candidate.checkpoint.quantization)
        if known:
            mean = fmean(math.log(scale.of(metric) or 1.0) for scale in known)
            yield Applied(math.exp(shrink * mean), origin, grade, tuple(known), band, rules.near_load_factor)


def _believed(origin: Origin, grade: Grade, metric: Metric, rules: NearRules, calibration: Calibration) -> tuple[float, ErrorBand] | None:
    if (origin, grade) == ("own", "same"):
        return 1.0, error_band(calibration, metric, "point")
    band = rules.band(calibration.engine, origin, grade, metric)
    return (band.shrink, ErrorBand(metric, "point", band.low, band.high, band.note)) if band and band.shrink > 0 else None


def _offloads(candidate: Candidate) -> bool:
    """Published series hold the whole model on their devices."""
    settings = candidate.settings
    if not isinstance(settings, LlamaCppSettings) or candidate.on_cpu:
        return False
    return settings.n_cpu_moe > 0 or 0 <= settings.n_gpu_layers < candidate.model.architecture.layers + 1
