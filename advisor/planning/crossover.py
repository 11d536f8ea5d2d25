"""Which engine serves this workload faster on the chosen hardware, from how many requests at once: predicted.

Each engine in the best of the formats that the workload allows it, on equally many devices, at the workload's mean lengths; llama.cpp with
as many slots as the load takes, as it would be started for it. `advisor crossover` measures the same on a machine that is at hand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from advisor.assess import SEED, Case, Sized
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Deployment
from advisor.domain.engine import EngineName
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.workload import Load
from advisor.estimate.crossing import Comparison, Crossing, compare, ratio_of
from advisor.estimate.load import speed_curves
from advisor.estimate.load_equilibrium import ReplicaCurve
from advisor.estimate.load_requests import request_stream
from advisor.planning.option import Dropped, Option, Prospect, Space, about_quality
from advisor.planning.size import sized_anyway
from advisor.planning.size_llama_cpp import llama_cpp_size

LOADS: Final = (1, 2, 4, 8, 16, 32, 64)
FIRST: Final[EngineName] = "llama.cpp"
SECOND: Final[EngineName] = "vllm"


@dataclass(frozen=True, slots=True)
class Faced:
    """Both engines with so many requests at once: output tokens per second of one replica; `ratio` is vLLM's over llama.cpp's."""

    at_once: int
    first_tokens_per_s: Quantity
    second_tokens_per_s: Quantity
    ratio: Quantity
    second_requests_per_s: float


@dataclass(frozen=True, slots=True)
class Crossover:
    """The prediction; without points `why_not` says which engine does not serve this here, and why."""

    model: str
    device: str
    first: str  # llama.cpp's format
    second: str  # vLLM's
    devices: tuple[int, int]
    points: tuple[Faced, ...]
    comparison: Comparison | None
    pause_s: float | None  # of the workload's users, where its load is in users
    input_tokens: int = 0  # at the median, to measure the same
    output_tokens: int = 0
    why_not: str = ""

    def users(self, at_once: float) -> float | None:
        """How many users keep so many requests in service: N = n + X Z (Little's law over the closed loop), at vLLM's rate X."""
        if self.pause_s is None or not self.points:
            return None
        near = min(self.points, key=lambda point: abs(point.at_once - at_once))
        return at_once + near.second_requests_per_s * at_once / near.at_once * self.pause_s

    @property
    def crossing(self) -> Crossing | None:
        """The first one."""
        return self.comparison.crossings[0] if self.comparison and self.comparison.crossings else None


def predicted_crossover(case: Case, chosen: Assessment, options: Sequence[Option], space: Space) -> Crossover:
    """For the chosen model on the chosen device; `options` best first."""
    sides = {engine: _side(case, chosen, options, space, engine=engine) for engine in (FIRST, SECOND)}
    model, device = chosen.deployment.candidate.model.id, chosen.deployment.candidate.node.device.id
    first, second = sides[FIRST], sides[SECOND]
    pause_s = case.demand.load.users.pause_s if case.demand.load.users else None
    if isinstance(first, str) or isinstance(second, str):
        why_not = "; ".join(f"{engine}: {side}" for engine, side in sides.items() if isinstance(side, str))
        return Crossover(model, device, "", "", (0, 0), (), None, pause_s, why_not=why_not)
    points = tuple(_points(case, first, second))
    return Crossover(
        model=model,
        device=device,
        first=first.candidate.checkpoint.quantization,
        second=second.candidate.checkpoint.quantization,
        devices=(first.candidate.parallelism.devices, second.candidate.parallelism.devices),
        points=points,
        comparison=compare(FIRST, SECOND, {point.at_once: point.ratio for point in points}),
        pause_s=pause_s,
        input_tokens=case.demand.input_tokens.p50,
        output_tokens=case.demand.output_tokens.p50,
    )


# ---- the two sides


def _side(case: Case, chosen: Assessment, options: Sequence[Option], space: Space, *, engine: EngineName) -> Option | str:
    """This engine's best option for the model on the device, on equally many devices where there is one; else why there is none."""
    ranked = [option for option in options if _same(option.prospect, chosen, engine)]
    late = sorted((d for d in space.dropped if d.prospect and _same(d.prospect, chosen, engine)), key=_factor)
    found = [*ranked, *(one for d in late[:1] if d.prospect and isinstance(one := sized_anyway(case, d.prospect), Option))]
    wanted = chosen.deployment.candidate.parallelism.devices
    if found:
        return min(found, key=lambda option: option.candidate.parallelism.devices != wanted)
    dropped = sorted((d for d in space.dropped if _dropped_here(d, chosen, case, engine)), key=lambda d: about_quality(case.rules, d))
    return next(map(_first_sentence, dropped), "not looked at here")


def _same(prospect: Prospect, chosen: Assessment, engine: EngineName) -> bool:
    candidate = chosen.deployment.candidate
    loaded_by = FIRST if prospect.checkpoint.format == "gguf" else SECOND
    on = prospect.available
    return (
        loaded_by == engine
        and prospect.model.id == candidate.model.id
        and (on.node.device.id, on.acquisition) == (candidate.node.device.id, chosen.available.acquisition)
    )


def _factor(dropped: Dropped) -> float:
    return dropped.missed.factor if dropped.missed else 0.0


def _dropped_here(dropped: Dropped, chosen: Assessment, case: Case, engine: EngineName) -> bool:
    candidate = chosen.deployment.candidate
    mine = dropped.family.runtime in case.catalog.engine(engine).runtimes
    return mine and dropped.family.model == candidate.model.id and dropped.family.device == candidate.node.device.id


def _first_sentence(dropped: Dropped) -> str:
    return dropped.verdict.message.partition(". ")[0]


# ---- the two lines


def _points(case: Case, first: Option, second: Option) -> Iterator[Faced]:
    vllm = _curves(case, second.sized)
    by_slots: dict[int, tuple[ReplicaCurve, ...]] = {}
    for at_once in LOADS:
        sized = llama_cpp_size(case, first.prospect, in_flight=at_once)
        slots = sized.memory.parallel_requests
        if slots not in by_slots:
            by_slots[slots] = _curves(case, sized)
        theirs, mine = _tokens_per_s(vllm, at_once), _tokens_per_s(by_slots[slots], at_once)
        yield Faced(at_once, mine, theirs, ratio_of(theirs, mine), theirs.value / vllm[0].output_tokens)


def _curves(case: Case, sized: Sized) -> tuple[ReplicaCurve, ...]:
    replica = Deployment(case.workload.name, sized.candidate, 1)
    return speed_curves(replica, case.demand, memory=sized.memory, steps=sized.steps, stream=request_stream(case.demand, SEED))


def _tokens_per_s(curves: Sequence[ReplicaCurve], at_once: int) -> Quantity:
    """In the steady state of a closed loop: beyond the slots or the cache the rest waits, and the rate stays."""
    rates = [curve.settle(Load(in_flight=at_once)).requests_per_s * curve.output_tokens for curve in curves]
    return Quantity(rates[0], min(rates), max(rates), Basis.MODELLED, f"steady state on step times: {curves[0].steps.source}")
