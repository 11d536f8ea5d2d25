"""One way to serve the workload before it is simulated: a sized candidate on available hardware, with its bounds."""

from dataclasses import dataclass
from typing import Literal

from advisor.assess import Sized
from advisor.domain.deployment import Candidate
from advisor.domain.ggml_types import GGML_TYPES
from advisor.domain.hardware import Available
from advisor.domain.quantization import Quantization
from advisor.domain.verdict import Verdict

Precision = Literal["16-bit", "8-bit", "5-6-bit", "4-bit", "below 4-bit"]


@dataclass(frozen=True, slots=True)
class Family:
    """Options that a person would call the same: engine, model, precision and kind of hardware."""

    engine: str
    model: str
    precision: Precision
    hardware: str

    def __str__(self) -> str:
        return f"{self.engine}, {self.model} {self.precision}, {self.hardware}"


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate that fits, with bounds: it takes at least `replicas_at_least` replicas and costs at least that much a month."""

    sized: Sized
    available: Available
    family: Family
    model_rank: int
    replicas_at_least: int
    replicas_at_most: int
    usd_per_month_at_least: float

    @property
    def candidate(self) -> Candidate:
        """The recipe of one replica."""
        return self.sized.candidate


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that was not simulated, with the verdict or the bound that it failed."""

    family: Family
    candidate: Candidate
    available: Available
    verdict: Verdict


def precision_of(quantization: Quantization) -> Precision:
    """The class of a weight format by the bits of the narrowest type that its bulk may be stored in."""
    bits = quantization.scheme.weight_bits if quantization.scheme else _narrowest_bits(quantization)
    classes: tuple[tuple[float, Precision], ...] = ((12, "16-bit"), (7.2, "8-bit"), (4.9, "5-6-bit"), (4, "4-bit"))
    return next((name for floor, name in classes if bits >= floor), "below 4-bit")


def _narrowest_bits(quantization: Quantization) -> float:
    if quantization.mix is None:
        return 16.0
    used = {quantization.mix.default_type, *(step.type for steps in quantization.mix.roles.values() for step in steps if not step.when)}
    return min(GGML_TYPES[name].bytes_per_block * 8 / GGML_TYPES[name].block for name in used)
