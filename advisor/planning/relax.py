"""Nothing keeps every requirement: what to give up, each alone first, and what the answer would be then."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.hardware import Node
from advisor.domain.verdict import AT_LEAST_LIKELY, Requirement
from advisor.planning.amounts import load_size, load_text, sized_load, unit_of
from advisor.planning.capacity import capacity_of
from advisor.planning.changes import at_load
from advisor.planning.constraint import Constraint, constraints_of
from advisor.planning.decision import Change, Decision
from advisor.planning.describe import option_text, plain, shown
from advisor.planning.strain import ratio, strain
from advisor.units import significant

Decide = Callable[..., Decision]
_SHOWN = 6
_PAIRS = 2


def relaxations(decision: Decision, machine: Node | None, decide: Decide, insist: Mapping[str, str]) -> tuple[Change, ...]:
    """The limits and the load at which the nearest deployment would do, then each constraint given up; pairs where none alone helps.

    Whoever insists on a choice hears about that choice first, and about giving it up: pairs are not tried then.
    """
    found = [*_without_insisting(decision, machine, decide, insist), *_nearest(decision)]
    steps = list(constraints_of(decision.case.workload))
    alone = list(_tried(decision, [(step,) for step in steps], machine, decide, insist))
    found += alone
    if not alone and not insist:
        found += itertools.islice(_tried(decision, itertools.combinations(steps, 2), machine, decide, insist), _PAIRS)
    return tuple(found[:_SHOWN])


def _without_insisting(decision: Decision, machine: Node | None, decide: Decide, insist: Mapping[str, str]) -> Iterator[Change]:
    if insist:
        case = decision.case
        free = decide(case.workload, case.catalog, case.rules, machine=machine, explore=False)
        if free.feasible and free.chosen is not None:
            given = ",".join(f"{key}={value}" for key, value in insist.items())
            yield Change(f"without --insist {given}", _answer(free.chosen))


def _nearest(decision: Decision) -> Iterator[Change]:
    """What the nearest deployment would do: the load at which it keeps every limit, the limits at this load, the limits at half of it."""
    chosen, load = decision.chosen, decision.case.demand.load
    if chosen is None or not _only_late(chosen):
        return
    yield Change(_looser(chosen), option_text(chosen))
    least = capacity_of(decision.case, chosen).largest
    if least.value > 0:
        yield Change(f"at most about {load_text(least, load)} instead of {load_size(load):,g}", option_text(chosen))
        return
    half = sized_load(load, load_size(load) / 2)
    lighter = at_load(decision.case, chosen, half)
    if 1 <= load_size(half) < load_size(load) and _only_late(lighter):
        yield Change(f"{load_size(half):,g}{unit_of(load)} and {_looser(lighter)}", option_text(chosen))


def _only_late(assessment: Assessment) -> bool:
    """True when nothing but limits on what the load decides is missed."""
    failing = _failing(assessment)
    return bool(failing) and all(r.at_most and r.given is not None and strain([r]) > 0 for r in failing)


def _failing(assessment: Assessment) -> list[Requirement]:
    return [r for r in assessment.requirements if r.hard and r.standing not in AT_LEAST_LIKELY]


def _looser(assessment: Assessment) -> str:
    """`first token p95 54 s instead of 2 s and per token p95 76 ms instead of 50 ms`; the worse of all up and some down."""
    worst: dict[str, Requirement] = {}
    for requirement in sorted(_failing(assessment), key=ratio):
        worst[label_of(requirement.name)[0].partition(",")[0]] = requirement
    texts = []
    for label, requirement in worst.items():
        assert requirement.given is not None  # noqa: S101 - the caller looks
        unit = label_of(requirement.name)[1]
        texts.append(f"{label} {shown(requirement.given, unit, bare=True)} instead of {plain(requirement.at_most or 0.0, unit)}")
    return " and ".join(sorted(texts))


def _tried(
    decision: Decision, combinations: Iterable[tuple[Constraint, ...]], machine: Node | None, decide: Decide, insist: Mapping[str, str]
) -> Iterator[Change]:
    case = decision.case
    for steps in combinations:
        workload = case.workload
        for step in steps:
            workload = step.relaxed(workload)
        other = decide(workload, case.catalog, case.rules, machine=machine, insist=insist, explore=False)
        if other.feasible and other.chosen is not None and not _falls_behind(other.chosen):
            yield Change(" and ".join(step.given_up for step in steps), _answer(other.chosen))


def _falls_behind(assessment: Assessment) -> bool:
    """True when queues grow without end: no limit is missed only because none is set."""
    performance = assessment.estimate.performance_degraded or assessment.estimate.performance
    return performance is not None and performance.saturated


def _answer(assessment: Assessment) -> str:
    cost = assessment.estimate.cost
    price = f", {significant(cost.usd_per_month.value, 3)} USD a month" if cost and cost.usd_per_month else ""
    return option_text(assessment) + price
