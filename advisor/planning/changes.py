"""What would change the answer: more load, growth, and the assumption that moves it most."""

import math
from collections.abc import Iterator
from dataclasses import replace

from advisor.assess import Case, assess, monthly_usd, size
from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.demand import Demand, Lengths
from advisor.domain.quantity import Quantity
from advisor.domain.workload import Load
from advisor.estimate.largest_load import largest_load
from advisor.planning.decision import Change, Decision
from advisor.planning.describe import bare_text
from advisor.planning.strain import missed_by, strain, worst_failure
from advisor.units import significant

_BEYOND = 1.15  # a load that is clearly above the largest one that holds
_LONGER = 1.5
_MONTHS_PER_YEAR = 12


def changes(decision: Decision) -> tuple[Change, ...]:
    """The largest load that the chosen deployment holds, when growth reaches it, and the assumption that matters most."""
    if decision.chosen is None:
        return ()
    largest = holds_up_to(decision.case, decision.chosen)
    return (*_beyond(decision.case, decision.chosen, largest), *_growth(decision.case, largest), *_assumption(decision))


# ---- load


def load_size(load: Load) -> float:
    """The number that the load is given in: users, requests per second, requests in flight, or requests of the pile."""
    if load.users is not None:
        return load.users.active
    if load.batch is not None:
        return load.batch.requests
    return load.in_flight or load.requests_per_s or 0.0


def sized_load(load: Load, amount: float) -> Load:
    """The same kind of load with another number, whole where it counts things."""
    if load.users is not None:
        return replace(load, users=replace(load.users, active=max(1, math.ceil(amount))))
    if load.batch is not None:
        return replace(load, batch=replace(load.batch, requests=max(1, math.ceil(amount))))
    return replace(load, in_flight=max(1, math.ceil(amount))) if load.in_flight is not None else replace(load, requests_per_s=amount)


def unit_of(load: Load) -> str:
    """What a number of this load counts: ` users`, ` requests/s` …"""
    if load.users is not None:
        return " users"
    if load.batch is not None:
        return f" requests in {load.batch.finish_within_h:g} h"
    return " in flight" if load.in_flight is not None else " requests/s"


def load_text(amount: Quantity, load: Load) -> str:
    """`290 users (140-530, modelled)`; counts below 100 as they are."""
    counted = load.requests_per_s is None
    value, low, high = (f"{n:.0f}" if counted and n < 100 else significant(n) for n in (amount.value, amount.low, amount.high))
    return f"{value}{unit_of(load)} ({low}-{high}, {amount.basis})"


def holds_up_to(case: Case, assessment: Assessment) -> Quantity:
    """The largest load within the service level, with the workload's replicas down."""
    deployment = assessment.deployment
    sized = size(deployment.candidate, case)
    up = max(1, deployment.replicas - case.demand.replicas_down)
    limits = case.workload.service_level
    return largest_load(deployment, case.demand, memory=sized.memory, steps=sized.steps, replicas_up=up, limits=limits)


def _beyond(case: Case, chosen: Assessment, largest: Quantity) -> Iterator[Change]:
    """What breaks first beyond the largest load, and whether another replica helps."""
    load, now = case.demand.load, load_size(case.demand.load)
    most = max(largest.value, now)  # the bisection is coarser than the look that recommended it
    known = replace(largest, value=most, high=max(largest.high, most))
    grown = at_load(case, chosen, sized_load(load, most * _BEYOND))
    failing = worst_failure(grown.requirements)
    then = f"then {label_of(failing.name)[0]} is the first to break" if failing else "then it falls behind"
    yield Change(f"more than about {load_text(known, load)}", f"{then}; {_one_more(case, chosen)}")


def _one_more(case: Case, chosen: Assessment) -> str:
    """What one more replica takes."""
    deployment, available = chosen.deployment, chosen.available
    per_node = max(1, available.node.devices // deployment.candidate.parallelism.devices)
    if available.nodes is not None and deployment.replicas >= available.nodes * per_node:
        return "there is no device left for another replica"
    more = assess(replace(deployment, replicas=deployment.replicas + 1), available, case, look="quick")
    extra = monthly_usd(more) - monthly_usd(chosen)
    price = f"{significant(extra, 3)} USD a month more" if math.isfinite(extra) and extra > 0 else "at no extra cost"
    return f"one replica more carries more, {price}"


def _growth(case: Case, largest: Quantity) -> Iterator[Change]:
    growth, factor = case.workload.growth_pct_per_year, largest.value / max(load_size(case.demand.load), 1e-9)
    if growth > 0 and factor > 1:
        months = _MONTHS_PER_YEAR * math.log(factor) / math.log(1 + growth / 100)
        yield Change(f"growth of {growth:g} % a year", f"reaches that in about {months:.0f} months")


# ---- assumptions


def _assumption(decision: Decision) -> Iterator[Change]:
    """Of what nobody has confirmed: the one that moves the answer most when it is wrong in the bad direction."""
    assert decision.chosen is not None  # noqa: S101 - callers have a chosen deployment
    paths = {assumption.path for assumption in decision.assumptions}
    looks = [(text, _again(decision.case, decision.chosen, demand)) for path, text, demand in _worse(decision.case.demand) if path in paths]
    if not looks:
        return
    text, worst = max(looks, key=lambda look: (missed_by(look[1]), strain(look[1].requirements)))
    failing = worst_failure(worst.requirements)
    then = "the plan still holds" if failing is None else f"no longer likely to hold: {bare_text(failing)}"
    yield Change(f"{text}; of all that is not confirmed, this matters most", then)


def _worse(demand: Demand) -> Iterator[tuple[str, str, Demand]]:
    """Each input that may have been assumed, wrong by a plausible amount."""
    users = demand.load.users
    if users is not None and users.pause_s:
        load = replace(demand.load, users=replace(users, pause_s=users.pause_s / 2))
        text = f"a pause of {users.pause_s / 2:g} s instead of {users.pause_s:g} s"
        yield "load.users.pause_s", text, replace(demand, load=load)
    inputs, outputs = _longer(demand.input_tokens), _longer(demand.output_tokens)
    yield "request.input_tokens.p95", _longer_text("input_tokens", inputs, demand.input_tokens), replace(demand, input_tokens=inputs)
    yield "request.output_tokens.p95", _longer_text("output_tokens", outputs, demand.output_tokens), replace(demand, output_tokens=outputs)


def _longer(lengths: Lengths) -> Lengths:
    """A longer tail; the longest request stays, because settings follow it."""
    return replace(lengths, p95=min(round(lengths.p95 * _LONGER), lengths.max))


def _longer_text(name: str, longer: Lengths, lengths: Lengths) -> str:
    return f"{name} p95 of {longer.p95:,} instead of {lengths.p95:,}"


def at_load(case: Case, assessment: Assessment, load: Load) -> Assessment:
    """A quick look at the same deployment under another load."""
    return _again(case, assessment, replace(case.demand, load=load))


def _again(case: Case, chosen: Assessment, demand: Demand) -> Assessment:
    return assess(chosen.deployment, chosen.available, replace(case, demand=demand), look="quick")
