"""The "rent it as an API instead" line: what a hosted API would charge for this month's tokens, and from which volume it is dearer."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from advisor.assess import SEED, Case
from advisor.domain.assessment import Assessment
from advisor.domain.model import Model
from advisor.domain.money import ApiPrice
from advisor.estimate.load_requests import request_stream
from advisor.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, significant

_PLACES: Final = {
    "this_device": "on this device",
    "premises": "on your premises",
    "own_cloud_account": "in your own cloud account",
    "region": "in its region",
}
_LIKE: Final = 1.4  # total and active parameters may differ by this factor


@dataclass(frozen=True, slots=True)
class Hosted:
    """The cheapest hosted price of the model, or where none is known of the one nearest to it in size, which says nothing about quality.

    `break_even_requests_per_month`: what the chosen deployment's bill would buy there; None without a bill. `reachable` is False where the
    deployment cannot serve so many: then hosting costs less at any volume that it carries.
    """

    model: str
    same_model: bool
    price: ApiPrice
    requests_per_month: float
    usd_per_month: float
    usd_per_request: float
    allowed: bool
    break_even_requests_per_month: float | None  # None without a bill, and where the bill grows with the requests
    reachable: bool | None
    dearer_here_usd_per_month: float | None  # what hosting it oneself costs more (below 0: less)


def hosted_price(case: Case, chosen: Assessment | None, models: Sequence[Model]) -> Hosted | None:
    """Of the chosen model (or of the first acceptable one); None when nothing like it is priced."""
    model = chosen.deployment.candidate.model if chosen else models[0]
    requests = _requests_per_month(case, chosen)
    prices = [price for price in case.catalog.api_prices if price.model == model.id]
    same = bool(prices)
    prices = prices or list(_of_like_model(case, model))
    if not prices or not requests:
        return None
    cheapest = min(prices, key=lambda price: _usd_per_request(case, price))
    each = _usd_per_request(case, cheapest)
    bill, most = _bill(chosen), _most_requests_per_month(case, chosen)
    even = None if bill is None or _grows(case, chosen) else bill / each
    return Hosted(
        model=cheapest.model,
        same_model=same,
        price=cheapest,
        requests_per_month=requests,
        usd_per_month=requests * each,
        usd_per_request=each,
        allowed=case.workload.privacy.stays_on == "anywhere",
        break_even_requests_per_month=even,
        reachable=None if even is None or most is None else even <= most,
        dearer_here_usd_per_month=None if bill is None else bill - requests * each,
    )


def hosted_lines(case: Case, hosted: Hosted | None) -> Iterator[str]:
    """The price, whether it is allowed, and when it would be the dearer way."""
    if hosted is None:
        return
    price = hosted.price
    rates = f"{price.input_usd_per_mtok:g}/{price.output_usd_per_mtok:g} USD per million tokens, {price.as_of}"
    place = case.workload.privacy.stays_on
    note = "" if hosted.allowed else f"; not allowed here: privacy.stays_on is {place}"
    name = hosted.model.split("/")[-1]
    like = "" if hosted.same_model else ", nearest in size to yours that has a price"
    usd, requests = significant(hosted.usd_per_month), f"{hosted.requests_per_month:,.0f}"
    yield f"hosted API for {name}{like}: {usd} USD a month for {requests} requests ({price.provider}, {rates}){note}"
    if hosted.dearer_here_usd_per_month is not None:
        yield _break_even(hosted, place)


def _break_even(hosted: Hosted, place: str) -> str:
    """Who is dearer at this volume, and the volume at which both cost the same."""
    more = hosted.dearer_here_usd_per_month or 0.0
    keeping = f"keeping it {_PLACES[place]}" if place in _PLACES else "hosting it yourself"
    now = f"{keeping} costs {significant(abs(more))} USD a month {'more' if more >= 0 else 'less'} than that"
    if hosted.break_even_requests_per_month is None:
        return f"{now}; both grow with the piles"
    even = f"{significant(hosted.break_even_requests_per_month)} requests a month"
    if hosted.reachable is False:
        return f"{now}, and would at any volume: both cost the same at {even}, more than this deployment serves"
    return f"{now}; both cost the same at {even}"


def _usd_per_request(case: Case, price: ApiPrice) -> float:
    """At the mean lengths: every token is charged, those of the long requests too."""
    stream = request_stream(case.demand, SEED)
    return (price.input_usd_per_mtok * stream.mean_input_tokens + price.output_usd_per_mtok * stream.mean_output_tokens) / 1e6


def _requests_per_month(case: Case, chosen: Assessment | None) -> float | None:
    """The stated volume, else the busiest quarter of an hour all month."""
    if case.demand.requests_per_month is not None:
        return case.demand.requests_per_month
    performance = chosen.estimate.performance if chosen else None
    return performance.requests_per_s.value * SECONDS_PER_HOUR * HOURS_PER_MONTH if performance else None


def _bill(chosen: Assessment | None) -> float | None:
    cost = chosen.estimate.cost if chosen else None
    return cost.usd_per_month.value if cost and cost.usd_per_month else None


def _grows(case: Case, chosen: Assessment | None) -> bool:
    """Rented for each pile of a batch: twice the piles are twice the bill."""
    return case.demand.piles_per_month is not None and chosen is not None and chosen.available.acquisition == "rent"


def _most_requests_per_month(case: Case, chosen: Assessment | None) -> float | None:
    performance, cost = (chosen.estimate.performance, chosen.estimate.cost) if chosen else (None, None)
    if performance is None or cost is None or cost.hours_per_month is None:
        return None
    hours = HOURS_PER_MONTH if case.demand.piles_per_month is not None else cost.hours_per_month
    return performance.capacity_requests_per_s.value * SECONDS_PER_HOUR * hours


def _of_like_model(case: Case, model: Model) -> Iterable[ApiPrice]:
    """Prices of the model that is nearest in total and active parameters, where both are near at all."""
    priced = {price.model for price in case.catalog.api_prices} & set(case.catalog.models)
    near = {name: distance for name in sorted(priced) if (distance := _distance(case.catalog.models[name], model)) <= math.log(_LIKE)}
    if not near:
        return ()
    nearest = min(near, key=lambda name: near[name])
    return (price for price in case.catalog.api_prices if price.model == nearest)


def _distance(one: Model, other: Model) -> float:
    """The larger of the two ratios' logarithms."""
    pairs = (
        (one.architecture.parameters_total, other.architecture.parameters_total),
        (one.architecture.parameters_active, other.architecture.parameters_active),
    )
    return max(abs(math.log(mine / theirs)) for mine, theirs in pairs)
