"""Where the money goes: price per hour, hours a month, requests a month."""

from collections.abc import Iterator

from advisor.assess import Case, Sized
from advisor.domain.assessment import Assessment
from advisor.planning.term import Term
from advisor.units import HOURS_PER_MONTH


def month_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """Whole machines, all hours of a month."""
    cost = assessment.estimate.cost
    assert cost is not None and cost.usd_per_hour is not None  # noqa: S101 - the claim exists only with it
    dated = f", price of {cost.price_as_of}" if cost.price_as_of else ""
    yield Term(cost.usd_per_hour.value, " USD", f"an hour: {cost.basis_text}{dated}", cost.usd_per_hour.source, adds=False)
    yield Term(HOURS_PER_MONTH, " h", "a month, day and night", "365 days x 24 h / 12", adds=False)


def request_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The month's price over the month's requests."""
    yield from month_terms(case, assessment, sized)
    stated, performance = case.demand.requests_per_month, assessment.estimate.performance
    if stated:
        yield Term(stated, " requests", "a month", "volume of the workload", adds=False)
    elif performance is not None:
        per_month = performance.requests_per_s.value * 3600 * HOURS_PER_MONTH
        text = "a month, if the busiest quarter of an hour lasted all month: no volume is stated"
        yield Term(per_month, " requests", text, performance.requests_per_s.source, adds=False)
