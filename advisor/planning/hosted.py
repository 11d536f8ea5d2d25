"""The "rent it as an API instead" line: what a hosted API would charge for this month's tokens."""

from collections.abc import Sequence

from advisor.assess import Case
from advisor.domain.assessment import Assessment
from advisor.domain.model import Model
from advisor.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, significant


def hosted_prices(case: Case, chosen: Assessment | None, models: Sequence[Model]) -> tuple[str, ...]:
    """The cheapest hosted price of the chosen model (or of the first acceptable one), as a sentence; nothing when none is known."""
    model = chosen.deployment.candidate.model if chosen else models[0]
    prices = [price for price in case.catalog.api_prices if price.model == model.id]
    requests = _requests_per_month(case, chosen)
    if not prices or requests is None:
        return ()
    sent, generated = case.demand.input_tokens.p50, case.demand.output_tokens.p50
    cheapest = min(prices, key=lambda p: p.input_usd_per_mtok * sent + p.output_usd_per_mtok * generated)
    usd = requests * (cheapest.input_usd_per_mtok * sent + cheapest.output_usd_per_mtok * generated) / 1e6
    rates = f"{cheapest.input_usd_per_mtok:g}/{cheapest.output_usd_per_mtok:g} USD per million tokens, {cheapest.as_of}"
    allowed = case.workload.privacy.stays_on == "anywhere"
    note = "" if allowed else f"; not allowed here: privacy.stays_on is {case.workload.privacy.stays_on}"
    name = model.id.split("/")[-1]
    return (f"hosted API for {name}: {significant(usd)} USD a month for {requests:,.0f} requests ({cheapest.provider}, {rates}){note}",)


def _requests_per_month(case: Case, chosen: Assessment | None) -> float | None:
    if case.demand.requests_per_month is not None:
        return case.demand.requests_per_month
    performance = chosen.estimate.performance if chosen else None
    return performance.requests_per_s.value * SECONDS_PER_HOUR * HOURS_PER_MONTH if performance else None
