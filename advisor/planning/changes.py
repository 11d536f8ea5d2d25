"""What would change the answer: more load, growth, an assumption that is wrong; and when nothing holds, what to relax."""

import dataclasses
import math
from collections.abc import Callable, Iterator

from advisor.assess import Case, assess
from advisor.domain.assessment import Assessment
from advisor.domain.demand import Demand
from advisor.domain.workload import Batch, Load, Quality, ServiceLevel, Users, Workload
from advisor.planning.decision import Change, Decision
from advisor.planning.describe import label_of, option_text
from advisor.planning.losers import worst_failure
from advisor.units import significant

Decide = Callable[..., Decision]
_STEPS = (1.25, 1.5, 2.0, 3.0, 4.0)
_MONTHS_PER_YEAR = 12


def scaled_load(load: Load, factor: float) -> Load:
    """The same kind of load, `factor` times as much of it."""
    if load.users is not None:
        return Load(users=Users(math.ceil(load.users.active * factor), load.users.pause_s))
    if load.requests_per_s is not None:
        return Load(requests_per_s=load.requests_per_s * factor)
    if load.in_flight is not None:
        return Load(in_flight=math.ceil(load.in_flight * factor))
    assert load.batch is not None  # noqa: S101 - exactly one is set
    return Load(batch=Batch(math.ceil(load.batch.requests * factor), load.batch.finish_within_h))


def load_text(load: Load) -> str:
    """`240 users`, `3 requests/s`, `8 in flight`, `10,000 requests in 8 h`."""
    if load.users is not None:
        return f"{load.users.active:,} users"
    if load.requests_per_s is not None:
        return f"{load.requests_per_s:g} requests/s"
    if load.in_flight is not None:
        return f"{load.in_flight:,} in flight"
    return f"{load.batch.requests:,} requests in {load.batch.finish_within_h:g} h" if load.batch else "no load"


def changes(decision: Decision) -> tuple[Change, ...]:
    """The load at which the chosen deployment stops holding, when growth reaches it, and the assumed pause halved."""
    if decision.chosen is None:
        return ()
    return tuple([*_load_changes(decision.case, decision.chosen), *_pause(decision)])


def _load_changes(case: Case, chosen: Assessment) -> Iterator[Change]:
    for factor in _STEPS:
        demand = dataclasses.replace(case.demand, load=scaled_load(case.demand.load, factor))
        grown = _again(case, chosen, demand)
        if not grown.recommended:
            failing = worst_failure(grown.requirements)
            label = label_of(failing.name)[0] if failing else "a rule"
            yield Change(f"{load_text(demand.load)} ({factor:g} times the load)", f"{label} is no longer likely to hold: add a replica")
            yield from _growth(case.workload, factor)
            return
    yield Change(f"more than {load_text(scaled_load(case.demand.load, _STEPS[-1]))}", "was not looked at; up to there this plan holds")


def _growth(workload: Workload, factor: float) -> Iterator[Change]:
    if workload.growth_pct_per_year > 0:
        months = _MONTHS_PER_YEAR * math.log(factor) / math.log(1 + workload.growth_pct_per_year / 100)
        yield Change(f"growth of {workload.growth_pct_per_year:g} % a year", f"reaches that in about {significant(months)} months")


def _pause(decision: Decision) -> Iterator[Change]:
    users = decision.case.demand.load.users
    if users is None or not users.pause_s or not any(a.path == "load.users.pause_s" for a in decision.assumptions):
        return
    load = Load(users=Users(users.active, users.pause_s / 2))
    again = _again(decision.case, decision.chosen, dataclasses.replace(decision.case.demand, load=load))
    failing = worst_failure(again.requirements)
    then = "the plan still holds" if failing is None else f"{label_of(failing.name)[0]} is no longer likely to hold"
    yield Change(f"a pause of {users.pause_s / 2:g} s instead of {users.pause_s:g} s", then)


def _again(case: Case, chosen: Assessment | None, demand: Demand) -> Assessment:
    assert chosen is not None  # noqa: S101 - callers have a chosen deployment
    return assess(chosen.deployment, chosen.available, dataclasses.replace(case, demand=demand), look="quick")


# ---- nothing is feasible: what to give up


def relaxations(decision: Decision, machine: object, decide: Decide) -> tuple[Change, ...]:
    """Each constraint given up alone: what the answer would be. Only those that make it feasible are kept."""
    case = decision.case
    found = []
    for text, workload in _relaxed(case.workload):
        other = decide(workload, case.catalog, case.rules, machine=machine, explore=False)
        if other.feasible and other.chosen is not None:
            found.append(Change(text, option_text(other.chosen)))
    return (*_nearest(decision), *found)


def _nearest(decision: Decision) -> Iterator[Change]:
    """The limits at which the nearest deployment would do."""
    if decision.chosen is None:
        return
    for requirement in decision.chosen.requirements:
        given, limit = requirement.given, requirement.at_most
        if given is not None and limit and given.value > limit and not requirement.name.endswith("gib"):
            label, unit = label_of(requirement.name)
            yield Change(f"{label}: {significant(given.value)}{unit} instead of {limit:g}{unit}", option_text(decision.chosen))


def _relaxed(workload: Workload) -> Iterator[tuple[str, Workload]]:
    replace = dataclasses.replace
    if workload.quality.quantization_loss != "any":
        yield "quality.quantization_loss: any", replace(workload, quality=Quality("any"))
    if workload.cost.budget_usd_per_month is not None:
        yield "no budget limit", replace(workload, cost=replace(workload.cost, budget_usd_per_month=None))
    if workload.service_level != ServiceLevel():
        yield "no latency limits", replace(workload, service_level=ServiceLevel())
    if workload.service_level.with_replicas_down:
        level = replace(workload.service_level, with_replicas_down=0)
        yield "with_replicas_down: 0", replace(workload, service_level=level)
    if workload.privacy.stays_on not in ("anywhere", "own_cloud_account") and workload.hardware is not None:
        privacy = replace(workload.privacy, stays_on="own_cloud_account")
        yield "privacy.stays_on: own_cloud_account, with rented machines", replace(workload, privacy=privacy, hardware=None)
