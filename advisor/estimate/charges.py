"""What an hour of a deployment's machines costs: whole instances or whole owned machines, and which part of it stops with them.

Owned: USD/h = devices x (purchase x (1 + host overhead) / (years x 8,760 h) + all-in kW x USD/kWh). All-in power holds the host, the
network and cooling, so nothing comes on top of it. The purchase is paid whether they run or not, electricity and rent only while they do.
"""

from dataclasses import dataclass
from typing import Final

from advisor.domain.hardware import Available, Offer
from advisor.domain.workload import CostTerms
from advisor.estimate.packing import Packing

HOURS_PER_YEAR: Final = 8760
ASSUMED_WRITE_OFF_YEARS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Charge:
    """USD per hour of the whole deployment, in what is paid always and what is paid while it is on (both None: no price).

    `as_of` is the day of the price, `text` what was charged in words.
    """

    always_usd_per_hour: float | None
    on_usd_per_hour: float | None
    as_of: str | None
    text: str

    @property
    def usd_per_hour(self) -> float | None:
        """While it is on; None without a price."""
        if self.always_usd_per_hour is None and self.on_usd_per_hour is None:
            return None
        return (self.always_usd_per_hour or 0.0) + (self.on_usd_per_hour or 0.0)


def hourly_charge(available: Available, packing: Packing, terms: CostTerms) -> Charge:
    """The price of the nodes: the user's own figure for the whole deployment first, else the offer, else what owning costs."""
    if terms.price_usd_per_hour is not None:
        return Charge(None, terms.price_usd_per_hour, None, f"{terms.price_usd_per_hour:g} USD/h for the whole deployment, as stated")
    if available.acquisition == "rent":
        return _rented(available.offer, packing, spot=available.spot)
    return _owned(available, packing, terms)


def _rented(offer: Offer | None, packing: Packing, *, spot: bool) -> Charge:
    if offer is None:
        return Charge(None, None, None, "no offer is known for this hardware")
    price = offer.spot_usd_per_hour if spot else offer.usd_per_hour
    kind = "spot" if spot else "on demand"
    region = f", {offer.region}" if offer.region else ""
    name = f"{offer.provider} {offer.instance} ({offer.devices} x {offer.device}{region})"
    if price is None:
        return Charge(None, None, None, f"{name} has no {kind} price")
    text = f"{packing.nodes} x {name} {kind} at {price:,.4g} USD/h{_idle(packing)}"
    return Charge(None, packing.nodes * price, offer.as_of, text)


def _owned(available: Available, packing: Packing, terms: CostTerms) -> Charge:
    """Amortised purchase and electricity, each only where it is known; what is left out is said."""
    purchase, bought = _amortised_per_device(available, terms)
    power, powered = _electricity_per_device(available, terms)
    text = f"{packing.devices} x {available.node.device.id}: {bought}; {powered}{_idle(packing)}"
    as_of = available.purchase_as_of if purchase is not None else None
    return Charge(_times(purchase, packing.devices), _times(power, packing.devices), as_of, text)


def _times(each: float | None, devices: int) -> float | None:
    return None if each is None else each * devices


def _amortised_per_device(available: Available, terms: CostTerms) -> tuple[float | None, str]:
    price, years = available.purchase_usd_per_device, write_off_years(available, terms)
    if available.acquisition == "this_machine":
        return None, "this machine, purchase not charged"
    if terms.capex == "sunk" and available.acquisition == "owned":
        return None, "purchase sunk, not charged"
    if price is None or years is None:
        return None, "purchase not counted: its price is not known" if price is None else "purchase not counted: no amortisation period"
    overhead = (terms.host_overhead_pct or 0.0) / 100
    per_hour = price * (1 + overhead) / (years * HOURS_PER_YEAR)
    return per_hour, f"{price:,.0f} USD + {overhead:.0%} host over {years:g} years = {per_hour:.3g} USD/h each"


def write_off_years(available: Available, terms: CostTerms) -> float | None:
    """Years over which a purchase is written off: as stated; assumed for what would have to be bought, and where `amortise` is stated."""
    if terms.amortisation_years is None and (available.acquisition == "buy" or terms.capex == "amortise"):
        return ASSUMED_WRITE_OFF_YEARS
    return terms.amortisation_years


def _electricity_per_device(available: Available, terms: CostTerms) -> tuple[float | None, str]:
    kilowatt, tariff = available.all_in_kw_per_device, terms.electricity_usd_per_kwh
    if kilowatt is None or tariff is None:
        return None, "electricity not counted: " + ("its power is not known" if kilowatt is None else "no tariff")
    return kilowatt * tariff, f"{kilowatt:g} kW all-in at {tariff:g} USD/kWh = {kilowatt * tariff:.3g} USD/h each"


def _idle(packing: Packing) -> str:
    idle = packing.idle_devices
    return f"; {idle} device{'s' if idle > 1 else ''} idle" if idle else ""
