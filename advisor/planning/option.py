"""One way to serve the workload on its road to a verdict: a cheap prospect, then a sized option, or dropped with the reason."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from advisor.assess import Sized
from advisor.domain.deployment import Candidate
from advisor.domain.ggml_types import GGML_TYPES
from advisor.domain.hardware import Available
from advisor.domain.model import Checkpoint, Model
from advisor.domain.quantity import Basis
from advisor.domain.quantization import Quantization
from advisor.domain.verdict import Verdict
from advisor.rules.rule import RuleSet

DOES_NOT_FIT = "memory"
TOO_SLOW = "physics"
Precision = Literal["16-bit", "8-bit", "5-6-bit", "4-bit", "below 4-bit"]


@dataclass(frozen=True, slots=True)
class Family:
    """Options that a person would call the same: runtime, model, precision and device."""

    runtime: str
    model: str
    precision: Precision
    device: str

    def __str__(self) -> str:
        return f"{self.runtime}, {self.model} {self.precision}, {self.device}"


@dataclass(frozen=True, slots=True)
class Prospect:
    """A recipe on hardware that physics does not rule out, before anything is sized. It costs at least `usd_per_month_at_least`."""

    model: Model
    checkpoint: Checkpoint
    available: Available
    devices: int
    family: Family
    model_rank: int
    usd_per_month_at_least: float
    on_host_share: float = 0.0  # of the weights, at least: what the devices cannot hold
    hopeful: bool = True  # physics leaves so much room that real software may well keep the limits: looked at first

    @property
    def replica(self) -> object:
        """Equal for prospects that differ in nothing but how many replicas a machine holds."""
        device = self.available.node.device
        return self.model.id, self.checkpoint, device, self.devices, self.available.node.host if self.on_host_share else None

    @property
    def text(self) -> str:
        """`llama-server, Qwen3-32B Q4_K_M on NVIDIA L4`."""
        return _recipe_text(self.family, self.checkpoint.quantization, self.available)


@dataclass(frozen=True, slots=True)
class Option:
    """A sized prospect: it takes at least `replicas_at_least` replicas and costs at least that much a month."""

    prospect: Prospect
    sized: Sized
    replicas_at_least: int
    replicas_at_most: int
    usd_per_month_at_least: float

    @property
    def candidate(self) -> Candidate:
        """The recipe of one replica."""
        return self.sized.candidate

    @property
    def available(self) -> Available:
        """The hardware."""
        return self.prospect.available

    @property
    def replicas_per_node(self) -> int:
        """How many replicas one machine holds."""
        return max(1, self.available.node.devices // self.candidate.parallelism.devices)


@dataclass(frozen=True, slots=True)
class Missed:
    """The figure that a recipe was dropped for, under its claim's name: what is expected at least, and what is allowed."""

    name: str
    expect: float
    at_most: float
    basis: Basis

    @property
    def factor(self) -> float:
        """By how much it is missed; above 1."""
        return self.expect / self.at_most


@dataclass(slots=True)
class Dropped:
    """A recipe that was not simulated: the `rule`, the bound of physics or the engine itself that removed it, and its verdict.

    The verdict is put into words when it is asked for: tens of thousands are dropped, a handful is shown. `prospect` is there for what
    would run and is only too slow. The verdict holds for `alike` points: the recipe in other machines of the same device too.
    """

    family: Family
    quantization: str
    available: Available
    rule: str
    judge: Callable[[], Verdict]
    missed: Missed | None = None
    prospect: Prospect | None = None
    alike: int = 1

    @property
    def verdict(self) -> Verdict:
        """In words."""
        return self.judge()

    @property
    def text(self) -> str:
        """The recipe and its device, as of a prospect."""
        return _recipe_text(self.family, self.quantization, self.available)


@dataclass(slots=True)
class Space:
    """What was looked at and put aside: recipes that were dropped, hardware that a rule removed, and how many it all was.

    A point is a model in a format on so many devices of a machine; survivors are those that rules and physics leave, of which the most
    promising are sized, and of those the finalists are simulated. `models` were looked at, the others were not reached.
    """

    usd_at_most: float = math.inf  # a month: what costs more at its bound is counted only
    models: int = 0
    points: int = 0
    survivors: int = 0
    sized: int = 0
    finalists: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    removed_hardware: list[tuple[Available, Verdict]] = field(default_factory=list)


def _recipe_text(family: Family, quantization: str, available: Available) -> str:
    return f"{family.runtime}, {family.model.split('/')[-1]} {quantization} on {available.node.device.name}"


def about_quality(rules: RuleSet, dropped: Dropped) -> bool:
    """True when the rule that removed it reads the quality band."""
    rule = rules.get(dropped.rule)
    return rule is not None and any(path.startswith("quantization.loss") for path in rule.reads)


def narrowest_bits(quantization: Quantization) -> float:
    """Bits of the narrowest type that the bulk of the weights may be stored in: a bound on size from below."""
    if quantization.scheme is not None:
        return quantization.scheme.weight_bits
    if quantization.mix is None:
        return 16.0
    mix = quantization.mix
    used = {mix.default_type, *(step.type for steps in mix.roles.values() for step in steps if not step.when)}
    return min(GGML_TYPES[name].bytes_per_block * 8 / GGML_TYPES[name].block for name in used)


def precision_of(quantization: Quantization) -> Precision:
    """The class of a weight format."""
    classes: tuple[tuple[float, Precision], ...] = ((12, "16-bit"), (7.2, "8-bit"), (4.9, "5-6-bit"), (4, "4-bit"))
    bits = narrowest_bits(quantization)
    return next((name for floor, name in classes if bits >= floor), "below 4-bit")
