"""The same deployment paid for in another way: spot or on demand, sunk or written off, rented or owned, switched off when nobody asks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from advisor.assess import Case
from advisor.domain.assessment import Assessment
from advisor.domain.estimate import CostEstimate, PerformanceEstimate
from advisor.domain.hardware import Available, Offer
from advisor.domain.running import Running
from advisor.domain.workload import Batch, CostTerms
from advisor.estimate.charges import ASSUMED_WRITE_OFF_YEARS, hourly_charge
from advisor.estimate.cost import estimate_cost
from advisor.estimate.duty import by_the_pile
from advisor.estimate.packing import pack
from advisor.planning.describe import money
from advisor.units import SECONDS_PER_HOUR, significant

_REST_S: Final = 300.0  # after which a deployment that nobody asks would be switched off
_WORTH: Final = 0.95  # of the bill: what saves less is not worth a line


@dataclass(frozen=True, slots=True)
class OtherWay:
    """`usd_per_month` is what it would cost in this way; `even_hours_per_month` at how many hours of rent owning costs the same."""

    way: str
    usd_per_month: float
    remark: str = ""
    even_hours_per_month: float | None = None

    def __str__(self) -> str:
        return f"{self.way}: {money(self.usd_per_month)} USD a month{f'; {self.remark}' if self.remark else ''}"


def other_ways(case: Case, chosen: Assessment) -> tuple[OtherWay, ...]:
    """What has a price; nothing where the user has stated the price of the whole deployment."""
    if case.workload.cost.price_usd_per_hour is not None or chosen.estimate.cost is None:
        return tuple(_rested(case, chosen))
    return (*_spot(case, chosen), *_written_off(case, chosen), *_rented(case, chosen), *_rested(case, chosen))


def _cost(case: Case, chosen: Assessment, available: Available, terms: CostTerms, running: Running | None) -> CostEstimate:
    demand = replace(case.demand, running=running)
    return estimate_cost(chosen.deployment, available, demand=demand, terms=terms, performance=chosen.estimate.performance)


def _usd(case: Case, chosen: Assessment, *, available: Available | None = None, terms: CostTerms | None = None) -> float | None:
    cost = _cost(case, chosen, available or chosen.available, terms or case.workload.cost, case.demand.running)
    return cost.usd_per_month.value if cost.usd_per_month else None


def _spot(case: Case, chosen: Assessment) -> Iterator[OtherWay]:
    offer, spot = chosen.available.offer, chosen.available.spot
    if offer is None or offer.spot_usd_per_hour is None:
        return
    usd = _usd(case, chosen, available=replace(chosen.available, spot=not spot))
    if usd is not None:
        taken = "machines may be taken away at any time, all at once" if not spot else "machines that stay"
        yield OtherWay("on demand" if spot else "as spot machines", usd, taken)


def _written_off(case: Case, chosen: Assessment) -> Iterator[OtherWay]:
    """Owned hardware: without the purchase, or with it, whichever is not charged."""
    terms = case.workload.cost
    if chosen.available.acquisition != "owned" or chosen.available.purchase_usd_per_device is None:
        return
    charged = terms.capex != "sunk" and (terms.amortisation_years is not None or terms.capex == "amortise")
    other = replace(terms, capex="sunk" if charged else "amortise", amortisation_years=None)
    usd = _usd(case, chosen, terms=other)
    if usd is not None:
        yield OtherWay(
            "with the purchase sunk" if charged else f"with the purchase written off over {ASSUMED_WRITE_OFF_YEARS:g} years", usd
        )


def _rented(case: Case, chosen: Assessment) -> Iterator[OtherWay]:
    """The same devices from the cheapest provider, and how many hours of that pay for owning them."""
    if chosen.available.acquisition not in ("owned", "buy"):
        return
    offers = [offer for offer in case.catalog.offers if offer.device == chosen.available.node.device.id and not offer.marketplace]
    wanted = chosen.deployment.candidate.parallelism.devices
    fitting = [one for one in (_from(case, chosen, offer) for offer in offers if offer.devices >= wanted) if one is not None]
    own = chosen.estimate.cost
    if not fitting or own is None or own.usd_per_month is None:
        return
    offer, usd, usd_per_hour = min(fitting, key=lambda found: (found[1], found[0].provider))
    even = own.usd_per_month.value / usd_per_hour
    yield OtherWay(
        f"the same rented from {offer.provider} ({offer.instance})",
        usd,
        f"for less than {significant(even)} hours a month renting is cheaper ({offer.as_of})",
        even,
    )


def _from(case: Case, chosen: Assessment, offer: Offer) -> tuple[Offer, float, float] | None:
    """An offer with its price a month and an hour, its instances filled with replicas."""
    node = replace(chosen.available.node, devices=offer.devices)
    candidate = replace(chosen.deployment.candidate, node=node)
    rented = Available(node, None, "rent", offer)
    deployed = replace(chosen, deployment=replace(chosen.deployment, candidate=candidate))
    cost = _cost(case, deployed, rented, CostTerms(), case.demand.running)
    if cost.usd_per_month is None or cost.usd_per_hour is None:
        return None
    return offer, cost.usd_per_month.value, cost.usd_per_hour.value


def _rested(case: Case, chosen: Assessment) -> Iterator[OtherWay]:
    """Switched off after some rest: only where it saves something, and with what a start costs whoever asks first."""
    cost, performance = chosen.estimate.cost, chosen.estimate.performance
    if cost is None or cost.usd_per_month is None or performance is None:
        return
    if cost.starts_per_month:
        yield from _starts(case, chosen, cost, performance)
        if case.demand.piles_per_month is not None:
            yield from _left_on(case, chosen, cost)
    if case.demand.running is not None or case.demand.piles_per_month is not None:
        return
    if case.demand.load.batch is not None:
        yield from _one_pile(case, cost, performance)
    if not case.demand.requests_per_month:
        return
    rested = _cost(case, chosen, chosen.available, case.workload.cost, Running(scale_to_zero_after_s=_REST_S))
    if rested.usd_per_month is not None and rested.usd_per_month.value < cost.usd_per_month.value * _WORTH:
        waits = f"{rested.cold_share:.0%} of the requests wait {significant(performance.start_s.value)} s for a start"
        yield OtherWay(f"switched off after {_REST_S:g} s of rest", rested.usd_per_month.value, waits)


def _starts(case: Case, chosen: Assessment, cost: CostEstimate, performance: PerformanceEstimate) -> Iterator[OtherWay]:
    """What the starts from cold take of the bill: only what is paid by the hour that is on."""
    charge = hourly_charge(chosen.available, pack(chosen.deployment), case.workload.cost)
    usd = cost.starts_per_month * performance.start_s.value / SECONDS_PER_HOUR * (charge.on_usd_per_hour or 0.0)
    late = f"{cost.cold_share:.0%} of the requests wait for one" if cost.cold_share else "switched on ahead of the first request"
    each = f"{significant(performance.start_s.value)} s each; {late}"
    yield OtherWay(f"in the bill, {cost.starts_per_month:,.0f} starts from cold", usd, each)


def _left_on(case: Case, chosen: Assessment, cost: CostEstimate) -> Iterator[OtherWay]:
    """Day and night instead of for each pile."""
    always = _cost(case, chosen, chosen.available, case.workload.cost, Running())
    if always.usd_per_month is not None and cost.usd_per_month is not None and always.usd_per_month.value > cost.usd_per_month.value:
        yield OtherWay("left on between the piles", always.usd_per_month.value)


def _one_pile(case: Case, cost: CostEstimate, performance: PerformanceEstimate) -> Iterator[OtherWay]:
    batch = case.demand.load.batch
    if batch is not None and cost.usd_per_pile is not None:
        hours = hours_of_one_pile(batch, performance)
        remark = f"as much for each further pile of {batch.requests:,}"
        yield OtherWay(f"on for one pile a month only, {significant(hours)} h with the start", cost.usd_per_pile.value, remark)


def hours_of_one_pile(batch: Batch, performance: PerformanceEstimate) -> float:
    """With the start."""
    return by_the_pile(1, batch.requests, performance.requests_per_s.value).hours_with_starts(performance.start_s.value)
