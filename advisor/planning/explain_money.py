"""Where the money goes: price per hour, hours a month, requests a month."""

from collections.abc import Iterator

from advisor.assess import SEED, Case, Sized
from advisor.domain.assessment import Assessment
from advisor.domain.quantity import Quantity
from advisor.estimate.charges import hourly_charge
from advisor.estimate.load_requests import request_stream
from advisor.estimate.packing import pack
from advisor.planning.describe import price_text
from advisor.planning.term import Term
from advisor.units import HOURS_PER_MONTH, SECONDS_PER_HOUR


def month_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """Whole machines, all hours of a month or those that they are on."""
    cost = assessment.estimate.cost
    assert cost is not None and cost.usd_per_hour is not None  # noqa: S101 - the claim exists only with it
    yield Term(cost.usd_per_hour.value, " USD", f"an hour: {price_text(cost)}", cost.usd_per_hour.source, adds=False)
    if cost.hours_per_month == HOURS_PER_MONTH:
        yield Term(HOURS_PER_MONTH, " h", "a month, day and night", "365 days x 24 h / 12", adds=False)
        return
    charge = hourly_charge(assessment.available, pack(assessment.deployment), case.workload.cost)
    if charge.always_usd_per_hour:
        text = f"of it is paid whether they run or not, {HOURS_PER_MONTH} h a month"
        yield Term(charge.always_usd_per_hour, " USD", text, charge.text, adds=False)
    text = f"a month that they are on, {cost.starts_per_month:,.0f} starts included"
    known = "running in the workload; start-up estimate"
    if case.demand.piles_per_month is not None:
        yield Term(case.demand.piles_per_month, " piles", "a month", "volume of the workload over the requests of a pile", adds=False)
        known = "piles x requests over the throughput; start-up estimate"
    yield Term(cost.hours_per_month or 0.0, " h", text, known, adds=False)


def request_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The month's price over the month's requests."""
    yield from month_terms(case, assessment, sized)
    stated, performance, cost = case.demand.requests_per_month, assessment.estimate.performance, assessment.estimate.cost
    if stated:
        yield Term(stated, " requests", "a month", "volume of the workload", adds=False)
    elif performance is not None and cost is not None:
        text = "a month, if the busiest quarter of an hour lasted all month: no volume is stated"
        yield _served(performance.requests_per_s, cost.hours_per_month, text)


def pile_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """What stops with the machines, for the hours of one pile and the start before it."""
    charge = hourly_charge(assessment.available, pack(assessment.deployment), case.workload.cost)
    batch, performance = case.demand.load.batch, assessment.estimate.performance
    assert batch is not None and performance is not None  # noqa: S101 - the claim exists only with them
    yield Term(charge.on_usd_per_hour or 0.0, " USD", f"an hour that they are on: {charge.text}", charge.text, adds=False)
    hours, rate = batch.requests / performance.requests_per_s.value / SECONDS_PER_HOUR, performance.requests_per_s
    yield Term(hours, " h", f"for {batch.requests:,} requests", rate.source, adds=False)
    yield Term(performance.start_s.value / SECONDS_PER_HOUR, " h", "for the start before it", performance.start_s.source, adds=False)


def full_request_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The month's price over as many requests as the deployment can serve in it."""
    yield from month_terms(case, assessment, sized)
    performance, cost = assessment.estimate.performance, assessment.estimate.cost
    assert performance is not None and cost is not None  # noqa: S101 - the claim exists only with them
    yield _served(performance.capacity_requests_per_s, cost.hours_per_month, "a month, never idle: the most that it can serve")


def _served(requests_per_s: Quantity, hours: float | None, text: str) -> Term:
    return Term(requests_per_s.value * SECONDS_PER_HOUR * (hours or 0.0), " requests", text, requests_per_s.source, adds=False)


def input_token_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The price of a request over the tokens sent with it, then its split by the engine's time."""
    yield from request_terms(case, assessment, sized)
    mean = request_stream(case.demand, SEED).mean_input_tokens
    yield Term(mean, " tokens", "sent with a request on average", "lengths of the workload", adds=False)
    yield from _split(assessment)


def output_token_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The price of a request over the tokens generated for it, then its split by the engine's time."""
    yield from request_terms(case, assessment, sized)
    mean = request_stream(case.demand, SEED).mean_output_tokens
    yield Term(mean, " tokens", "generated for a request on average", "lengths of the workload", adds=False)
    yield from _split(assessment)


def _split(assessment: Assessment) -> Iterator[Term]:
    cost = assessment.estimate.cost
    pair = cost.token_prices if cost else None
    if pair is not None:
        text = "a million tokens sent, where the bill is split between sent and generated by the engine's time"
        yield Term(pair.input.value, " USD", text, pair.input.source, adds=False)
        yield Term(pair.output.value, " USD", "a million tokens generated, in the same split", pair.output.source, adds=False)


def user_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The month's price over the users of the busiest quarter of an hour."""
    yield from month_terms(case, assessment, sized)
    users = case.demand.load.users
    assert users is not None  # noqa: S101 - the claim exists only with them
    yield Term(users.active, " users", "in the busiest quarter of an hour", "load of the workload", adds=False)
