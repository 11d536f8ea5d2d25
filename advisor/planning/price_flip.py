"""Which two prices decide, and by how much one of them must move for the other option to win.

Only prices that can still move count: of what is rented, and of what would have to be bought. What is owned has been paid for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from advisor.assess import Case, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.hardware import Available
from advisor.estimate.charges import hourly_charge
from advisor.estimate.packing import pack
from advisor.planning.describe import money, option_text
from advisor.planning.rank import Key, key_of
from advisor.rules.price_facts import PriceFacts
from advisor.units import HOURS_PER_MONTH

_LOOKED_AT: Final = 0.5  # of a price: moves beyond this are no longer of the same market
_ROUNDS: Final = 12  # bisection to a hundredth of a percent
Ranked = tuple[Assessment, int]  # with the place of its model in the owner's order


@dataclass(frozen=True, slots=True)
class _Priced:
    """An option with its month's bill and the part of the bill that follows the price of its hardware."""

    assessment: Assessment
    key: Key
    usd: float
    follows_usd: float

    def moved(self, share: float) -> float:
        """The bill when the price has moved by this share of it."""
        return self.usd + share * self.follows_usd


def price_flip(case: Case, looked_at: Sequence[Ranked]) -> PriceFacts:
    """Among those recommended: the nearest move of one price that puts other hardware, or another way to pay, before the best."""
    recommended = [one for one in looked_at if one[0].recommended]
    if len(recommended) < 2 or case.workload.cost.price_usd_per_hour is not None:
        return PriceFacts()
    cheapest = min(monthly_usd(assessment) for assessment, _ in recommended)
    chosen, *others = sorted((_priced(case, one, cheapest) for one in recommended), key=lambda priced: priced.key)
    flips = [flip for other in _one_of_each(chosen, others) if (flip := _flip(chosen, other, others)) is not None]
    return min(flips, key=lambda flip: flip.flips_at_pct or 0.0, default=PriceFacts())


def _priced(case: Case, ranked: Ranked, cheapest: float) -> _Priced:
    assessment, model_rank = ranked
    key, usd = key_of(assessment, model_rank, cheapest=cheapest, quantizations=case.catalog.quantizations), monthly_usd(assessment)
    available = assessment.available
    if available.acquisition == "rent":
        return _Priced(assessment, key, usd, usd)
    charge = hourly_charge(available, pack(assessment.deployment), case.workload.cost)
    to_buy = available.acquisition == "buy"
    return _Priced(assessment, key, usd, (charge.always_usd_per_hour or 0.0) * HOURS_PER_MONTH if to_buy else 0.0)


def _one_of_each(chosen: _Priced, others: Sequence[_Priced]) -> Iterator[_Priced]:
    """The best on each hardware that has another price than the chosen one's."""
    seen = {_sold_as(chosen)}
    for other in others:
        if _sold_as(other) not in seen:
            seen.add(_sold_as(other))
            yield other


def _sold_as(priced: _Priced) -> tuple[object, ...]:
    available = priced.assessment.available
    offer = available.offer
    sold_by = (offer.provider, offer.instance, offer.region, available.spot) if offer else ()
    return (available.node.device.id, available.acquisition, *sold_by)


def _flip(chosen: _Priced, other: _Priced, others: Sequence[_Priced]) -> PriceFacts | None:
    """None where no single move does it: the other's price falling, or the chosen one's rising."""
    rest = min((one.usd for one in others if one is not other), default=float("inf"))

    def wins(usd: float, other_usd: float) -> bool:
        cheapest = min(usd, other_usd, rest)
        return other.key.at_price(other_usd, cheapest) < chosen.key.at_price(usd, cheapest)

    fall = _least(lambda share: wins(chosen.usd, other.moved(-share))) if other.follows_usd else None
    rise = _least(lambda share: wins(chosen.moved(share), other.usd)) if chosen.follows_usd else None
    moves = [move for move in (fall, rise) if move is not None]
    if not moves:
        return None
    return PriceFacts(
        chosen=_price_text(chosen.assessment.available),
        runner_up=_price_text(other.assessment.available),
        runner_up_option=option_text(other.assessment),
        rise_pct=rise,
        fall_pct=fall,
        flips_at_pct=min(moves),
    )


def _least(wins: Callable[[float], bool]) -> float | None:
    """The smallest move in percent, by bisection: what has won once stays ahead when the price moves on."""
    low, high = 0.0, _LOOKED_AT
    if not wins(high):
        return None
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (low, middle) if wins(middle) else (middle, high)
    return 100 * high


def _price_text(available: Available) -> str:
    """`0.34 USD/h for runpod NVIDIA GeForce RTX 4090 (2026-10-04)`."""
    offer, device = available.offer, available.node.device.name
    if offer is not None:
        spot = offer.spot_usd_per_hour if available.spot else None
        price = f"{spot:,.4g} USD/h spot" if spot is not None else f"{offer.usd_per_hour:,.4g} USD/h"
        return f"{price} for {offer.provider} {offer.instance} ({offer.as_of})"
    if available.acquisition == "buy" and available.purchase_usd_per_device is not None:
        return f"{money(available.purchase_usd_per_device)} USD to buy a {device} ({available.purchase_as_of or 'as stated'})"
    return f"the {device} that you have"
