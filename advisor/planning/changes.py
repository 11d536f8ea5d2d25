"""What would change the answer: more load, growth, and the assumption that moves it most."""

import math
from collections.abc import Iterator
from dataclasses import replace

from advisor.assess import Case, assess, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.demand import Demand, Lengths
from advisor.domain.quantity import Quantity
from advisor.domain.workload import Load
from advisor.planning.amounts import load_size, load_text, sized_load
from advisor.planning.capacity import Capacity, capacity_of
from advisor.planning.decision import Change, Decision
from advisor.planning.describe import bare_text
from advisor.planning.strain import missed_by, strain, worst_failure
from advisor.units import significant

_BEYOND = 1.15  # a load that is clearly above the largest one that holds
_LONGER = 1.5


def changes(decision: Decision) -> tuple[Change, ...]:
    """The largest load that the chosen deployment holds, when growth reaches it, and the assumption that matters most."""
    if decision.chosen is None:
        return ()
    capacity = decision.capacity or capacity_of(decision.case, decision.chosen)
    return (*_beyond(decision.case, decision.chosen, capacity.largest), *_growth(capacity), *_assumption(decision))


# ---- load


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


def _growth(capacity: Capacity) -> Iterator[Change]:
    growth, months = capacity.growth_pct_per_year, capacity.months_until_full
    if months is not None:
        yield Change(f"growth of {growth:g} % a year", f"reaches that in about {months.value:.0f} months{_between(months)}")


def _between(months: Quantity) -> str:
    low, high = (f"{end:.0f}" for end in (months.low, months.high))
    return "" if low == high else f" ({low}-{high})"


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
