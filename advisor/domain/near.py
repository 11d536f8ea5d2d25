"""What was measured of a deployment, as a scale on what the step-time model predicts of it, and what counts as near.

A scale is measured time over predicted time. What is near enough to use one, and how much is then believed, is data:
`catalog/calibration/near.yaml` (schema `advisor.near/1`); the scales of published measurements are `catalog/calibration/near.csv`.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from advisor.domain.calibration import Metric
from advisor.domain.engine import EngineName
from advisor.domain.strict import STRICT, FieldFault

Origin = Literal["own", "published"]
"""`own`: measured by whoever asks, on the very hosts that are planned. `published`: of a stranger's host."""

Grade = Literal["same", "variant", "model", "device"]
"""What a measurement shares with what is asked, beyond engine, backend, device and the engine's generation of versions:

`same` model, format, devices and how they are split · `variant` the same model in another format, on another number of devices or
split otherwise · `model` another model of the same kind, dense or with experts, in the same format · `device` another model of the same
kind in another format.
"""

_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a measured speed belongs to, but its load."""

    engine: EngineName
    version: str
    backend: str
    device: str
    model: str
    experts: bool
    quantization: str
    devices: int = 1
    tensor: int = 1

    def grade(self, other: "Setup", generations: tuple[str, ...]) -> Grade | None:
        """How near another setup is; None: too far to say anything about this one. `generations` are where the engine's speed changed."""
        shared = ("engine", "backend", "device")
        if any(getattr(self, name) != getattr(other, name) for name in shared):
            return None
        if generation(self.version, generations) != generation(other.version, generations):
            return None
        if self.model != other.model:
            same_format = self.quantization == other.quantization
            return ("model" if same_format else "device") if self.experts == other.experts else None
        layout = ("quantization", "devices", "tensor")
        return "same" if all(getattr(self, name) == getattr(other, name) for name in layout) else "variant"


def generation(version: str, generations: tuple[str, ...]) -> int:
    """How many of the boundaries this version is at or above; a version without a number is the newest."""
    numbers = _numbers(version)
    return sum(1 for boundary in generations if not numbers or numbers >= _numbers(boundary))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _DIGITS.findall(version)[:3])


@dataclass(frozen=True, slots=True)
class Loads:
    """The loads at which something was measured, each from its least to its most; 0 where the lengths were not told."""

    concurrency: tuple[float, float]
    input_tokens: tuple[float, float]
    output_tokens: tuple[float, float]

    def near(self, concurrency: float, input_tokens: float, output_tokens: float, *, factor: float) -> bool:
        """True where a load lies within these or not further than `factor` outside, in each respect."""
        pairs = ((self.concurrency, concurrency), (self.input_tokens, input_tokens), (self.output_tokens, output_tokens))
        return all(least > 0 and least / factor <= value <= most * factor for (least, most), value in pairs)


@dataclass(frozen=True, slots=True)
class Scale:
    """Measured over predicted time of one setup; None where that side was not measured. `source` names the measurement."""

    setup: Setup
    origin: Origin
    decode: float | None
    prefill: float | None
    loads: Loads
    source: str

    def of(self, metric: Metric) -> float | None:
        """The scale of one side."""
        return self.decode if metric == "decode" else self.prefill


@dataclass(frozen=True, slots=True)
class Nearest:
    """The measurement that is nearest to what is asked, and whether the prediction was scaled by it."""

    scale: Scale
    grade: Grade
    applied: bool


@dataclass(frozen=True, slots=True)
class NearBand:
    """How much of a scale is believed, and what is then the 80 % range of true over predicted time, from series that were held out.

    The prediction is multiplied by scale to the power of `shrink`: less than 1 where the fit knows the device and a scale is half
    chance, 1 where it does not and the device's own speed is in the scale. Own measurements of the same setup are believed whole; their
    range is the calibration's error band `point`.
    """

    __pydantic_config__ = STRICT
    engine: EngineName
    origin: Origin
    grade: Grade
    metric: Metric
    known_device: bool
    shrink: float
    low: float
    high: float
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.low <= 1 <= self.high:
            raise FieldFault("low", f"a range must hold 1: 0 < {self.low:g} <= 1 <= {self.high:g}")
        if not 0 <= self.shrink <= 1:
            raise FieldFault("shrink", f"{self.shrink:g}: must be from 0, not believed at all, to 1")


@dataclass(frozen=True, slots=True)
class NearRules:
    """The file `near.yaml`: what counts as near, and how much it says."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.near/1"]
    as_of: str
    source: str
    generations: dict[EngineName, tuple[str, ...]]  # versions at which the engine's speed changed, oldest first
    near_load_factor: float  # a load up to this factor away is the measured one
    bands: tuple[NearBand, ...]

    def band(self, engine: str, origin: Origin, grade: Grade, metric: Metric, *, known_device: bool) -> NearBand | None:
        """The band of one class of measurements; None where holding out showed that it says nothing."""
        wanted = (engine, origin, grade, metric, known_device)
        return next((one for one in self.bands if (one.engine, one.origin, one.grade, one.metric, one.known_device) == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearSeries:
    """A row of `near.csv`: one published series, the current step-time model's prediction of it already divided out."""

    __pydantic_config__ = STRICT
    engine: EngineName
    backend: str
    device: str
    devices: int
    model: str
    experts: bool
    quantization: str
    tensor: int
    version: str
    source: str
    date: str
    rows: int
    concurrency_least: float
    concurrency_most: float
    input_tokens_least: float
    input_tokens_most: float
    output_tokens_least: float
    output_tokens_most: float
    decode_scale: float | None = None
    prefill_scale: float | None = None
    spread: float | None = None  # 90th over 10th percentile of measured over predicted decode time among its rows

    @property
    def scale(self) -> Scale:
        """The same as a scale."""
        setup = Setup(
            self.engine, self.version, self.backend, self.device, self.model, self.experts, self.quantization, self.devices, self.tensor
        )
        loads = Loads(
            (self.concurrency_least, self.concurrency_most),
            (self.input_tokens_least, self.input_tokens_most),
            (self.output_tokens_least, self.output_tokens_most),
        )
        return Scale(setup, "published", self.decode_scale, self.prefill_scale, loads, f"{self.source} ({self.date})")
