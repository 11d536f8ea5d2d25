"""Step times corrected by what was measured near: which measurements count, how far they are believed, what range is left.

A prediction is multiplied by (measured / predicted)^shrink of the nearest class of measurements, geometric mean over its series. The
nearest class is the user's own measurement of the same setup, else the one with the narrowest range on series that were held out;
where the fit knows the device and that is not narrower than the model's own range, nothing is scaled.
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
from advisor.domain.near import Grade, Nearest, NearRules, Origin, Scale, Setup
from advisor.domain.quantity import Basis

METRICS: Final[tuple[Metric, ...]] = ("decode", "prefill")
_KNOWN: Final = ("point", "group", "model")  # levels at which the fit has seen the device
_OF: Final[Mapping[Grade, str]] = {
    "same": "",
    "variant": ", of another format or layout",
    "model": ", of other models in this format on this device",
    "device": ", of other models and formats on this device",
}


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


@dataclass(frozen=True, slots=True)
class Believing:
    """What decides how much is believed: the rules, the engine's calibration, the backend, and the model's own range of each side."""

    rules: NearRules
    calibration: Calibration
    backend: str
    own: Mapping[Metric, ErrorBand]

    def of(self, origin: Origin, grade: Grade, metric: Metric) -> tuple[float, ErrorBand] | None:
        """The power that a scale is raised to, and the range that is left; None where it says nothing.

        Of a device that the fit knows a measurement must say more than the model itself does; of another any is better than none.
        """
        if (origin, grade) == ("own", "same"):
            return 1.0, error_band(self.calibration, metric, "point", self.backend)
        own = self.own[metric]
        known = own.level in _KNOWN
        band = self.rules.band(self.calibration.engine, origin, grade, metric, known_device=known)
        if band is None:
            return None
        left = ErrorBand(metric, "point", band.low, band.high * self._unmeasured_kind(metric, grade), note=band.note)
        return (band.shrink, left) if not known or left.high / left.low < own.high / own.low else None

    def _unmeasured_kind(self, metric: Metric, grade: Grade) -> float:
        """By how much the slow end is raised for a kind of architecture that only other models' measurements could tell of."""
        own = self.own[metric]
        return own.high / error_band(self.calibration, metric, own.level, self.backend).high if grade in ("model", "device") else 1.0


def applied(candidate: Candidate, scales: Sequence[Scale], believing: Believing) -> dict[Metric, Applied]:
    """For each side what scales it, if anything does."""
    setup = setup_of(candidate)
    generations = believing.rules.generations.get(setup.engine, ())
    graded = [(scale, grade) for scale in scales if (grade := setup.grade(scale.setup, generations)) is not None]
    if _offloads(candidate):
        graded = [(scale, grade) for scale, grade in graded if scale.origin == "own"]
    found = {metric: min(_classes(graded, metric, believing, candidate), key=_preference, default=None) for metric in METRICS}
    return {metric: one for metric, one in found.items() if one is not None}


def nearest(candidate: Candidate, scales: Sequence[Scale], rules: NearRules, found: Mapping[Metric, Applied]) -> Nearest | None:
    """What scaled the prediction; else the nearest published series of the same model, which only stands beside it."""
    for one in found.values():
        return Nearest(one.scales[0], one.grade, applied=True)
    setup = setup_of(candidate)
    generations = rules.generations.get(setup.engine, ())
    graded = [(scale, grade) for scale in scales if (grade := setup.grade(scale.setup, generations)) in ("same", "variant")]
    graded.sort(key=lambda pair: _apart(setup, pair[0].setup))
    return Nearest(*graded[0], applied=False) if graded and not _offloads(candidate) else None


def _apart(setup: Setup, other: Setup) -> tuple[bool, bool, bool]:
    """What of format and layout differs, the weightiest first."""
    return setup.quantization != other.quantization, setup.tensor != other.tensor, setup.devices != other.devices


def _preference(one: Applied) -> tuple[bool, float]:
    """Own measurements of the very setup first, then the narrowest range."""
    return (one.origin, one.grade) != ("own", "same"), one.band.high / one.band.low


def _classes(graded: Sequence[tuple[Scale, Grade]], metric: Metric, believing: Believing, candidate: Candidate) -> Iterator[Applied]:
    """Each origin and grade that was measured on this side, with what it would do."""
    known = [(scale, grade, measured) for scale, grade in graded if (measured := scale.of(metric)) is not None]
    for origin, grade in dict.fromkeys((scale.origin, grade) for scale, grade, _ in known):
        believed = believing.of(origin, grade, metric)
        if believed is not None:
            shrink, band = believed
            own = [(scale, measured) for scale, of, measured in known if (scale.origin, of) == (origin, grade)]
            own.sort(key=lambda pair: pair[0].setup.quantization != candidate.checkpoint.quantization)  # the nearest format first
            factor = math.exp(shrink * fmean(math.log(measured) for _, measured in own))
            yield Applied(factor, origin, grade, tuple(scale for scale, _ in own), band, believing.rules.near_load_factor)


def _offloads(candidate: Candidate) -> bool:
    """Part of the model is not on its devices: published series hold it there whole."""
    settings = candidate.settings
    if not isinstance(settings, LlamaCppSettings) or candidate.on_cpu:
        return False
    return settings.n_cpu_moe > 0 or 0 <= settings.n_gpu_layers < candidate.model.architecture.layers + 1
