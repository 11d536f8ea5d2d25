"""The same workload at multiples of its load: the answer on each step, and where one answer gives way to another.

Everything else stays as it is, the budget and the machines that are owned included; the volume grows with the load.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from advisor.domain.assessment import Assessment
from advisor.domain.workload import Workload
from advisor.errors import UserInputError
from advisor.planning.amounts import load_size, sized_load, unit_of
from advisor.planning.decision import Decision
from advisor.planning.describe import money, option_text, recipe
from advisor.units import significant

_NEAR: Final = 1.06  # loads closer than this are one point of migration
_MOST_STEPS: Final = 16
_MOST_FACTOR: Final = 10_000.0
Decide = Callable[[Workload], Decision]
Kind = tuple[str, str, str, int] | None  # runtime, model, device, devices of a replica; None: nothing keeps every requirement


@dataclass(frozen=True, slots=True)
class Step:
    """The answer at `factor` times the load. `answer` is the nearest option where `feasible` is False, None where nothing fits at all.

    `kind` is what stays the same while replicas are added, or another format is as good.
    """

    factor: float
    workload: Workload
    answer: Assessment | None
    feasible: bool
    kind: Kind

    @property
    def load_text(self) -> str:
        """`100 users`."""
        load = self.workload.load
        size = load_size(load)
        return f"{f'{size:,.0f}' if load.requests_per_s is None else significant(size, 3)}{unit_of(load)}"


@dataclass(frozen=True, slots=True)
class Migration:
    """The answer is still that of `before` and already that of `after`: it changes between the two loads."""

    before: Step
    after: Step


@dataclass(frozen=True, slots=True)
class Staircase:
    """Steps from the lightest load to the heaviest, and the points of migration between them."""

    steps: tuple[Step, ...]
    migrations: tuple[Migration, ...]


def staircase(workload: Workload, factors: Sequence[float], decide: Decide) -> Staircase:
    """Decides at every factor, and between two factors whose answers differ by halving until the loads are within 6 %."""

    def at(factor: float) -> Step:
        scaled = scaled_workload(workload, factor)
        found = decide(scaled)
        return Step(factor, scaled, found.chosen, found.feasible, _kind(found))

    steps = [at(factor) for factor in sorted(set(factors))]
    between = [step for pair in pairwise(steps) for step in _between(*pair, at)]
    every = sorted((*steps, *between), key=lambda step: step.factor)
    return Staircase(tuple(steps), tuple(_migrations(every)))


def _between(before: Step, after: Step, at: Callable[[float], Step]) -> Iterator[Step]:
    """The answers that are needed to tell where one gives way to the other."""
    if before.kind == after.kind or after.factor / before.factor < _NEAR:
        return
    middle = at((before.factor * after.factor) ** 0.5)
    if load_size(middle.workload.load) not in (load_size(before.workload.load), load_size(after.workload.load)):
        yield middle
        yield from _between(before, middle, at)
        yield from _between(middle, after, at)


def _migrations(steps: Sequence[Step]) -> Iterator[Migration]:
    """From each kind's last step to the next kind: two that cost the same take turns, which is one migration."""
    at = 0
    while True:
        last = max(index for index, step in enumerate(steps) if step.kind == steps[at].kind)
        if last + 1 == len(steps):
            return
        yield Migration(steps[last], steps[last + 1])
        at = last + 1


def _kind(decision: Decision) -> Kind:
    if decision.chosen is None or not decision.feasible:
        return None
    candidate = decision.chosen.deployment.candidate
    return candidate.runtime.runtime, candidate.model.id, candidate.node.device.id, candidate.parallelism.devices


def scaled_workload(workload: Workload, factor: float) -> Workload:
    """The load and the volume, multiplied."""
    load, volume = sized_load(workload.load, load_size(workload.load) * factor), workload.volume
    grown = replace(volume, requests_per_day=volume.requests_per_day * factor) if volume else None
    return replace(workload, load=load, volume=grown)


def parse_factors(text: str) -> tuple[float, ...]:
    """`1,2,4,8`. Raises UserInputError for what is not a list of a few numbers above 0."""
    try:
        factors = tuple(float(part) for part in text.split(","))
    except ValueError:
        factors = ()
    if not factors or len(factors) > _MOST_STEPS or not all(0 < factor <= _MOST_FACTOR for factor in factors):
        raise UserInputError(f"--scale {text}: write up to {_MOST_STEPS} multiples of the load above 0, such as 1,2,4,8")
    return factors


# ---- in words


def staircase_lines(found: Staircase) -> Iterator[str]:
    """Each step, then each point of migration."""
    for step in found.steps:
        yield f"{step.factor:g}x, {step.load_text}: {_answer(step)}"
    for one in found.migrations:
        factors = "-".join(significant(step.factor, 3) for step in (one.before, one.after))
        loads = f"between {one.before.load_text} and {one.after.load_text} ({factors}x)"
        yield f"{loads}: from {_kind_text(one.before)} to {_kind_text(one.after)}"


def _answer(step: Step) -> str:
    if step.answer is None:
        return "nothing fits"
    cost = step.answer.estimate.cost
    usd = f", {money(cost.usd_per_month.value)} USD a month" if cost and cost.usd_per_month else ""
    each = f", {money(cost.usd_per_request.value)} USD a request" if cost and cost.usd_per_request else ""
    text = f"{option_text(step.answer)}{usd}{each}"
    return text if step.feasible else f"nothing keeps every requirement; nearest: {text}"


def _kind_text(step: Step) -> str:
    if step.kind is None or step.answer is None:
        return "nothing that keeps every requirement"
    candidate = step.answer.deployment.candidate
    return f"{recipe(candidate)} on {candidate.node.device.name}"
