"""What a deployment costs: whole instances or whole owned machines, around the clock, divided by what it serves.

Owned: USD/h = devices x (purchase x (1 + host overhead) / (years x 8,760 h) + all-in kW x USD/kWh). All-in power holds the host, the
network and cooling, so nothing comes on top of it.
"""

from dataclasses import dataclass
from typing import Final

from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import CostEstimate, PerformanceEstimate
from advisor.domain.hardware import Available, Offer
from advisor.domain.quantity import Quantity, stated
from advisor.domain.workload import CostTerms
from advisor.estimate.packing import Packing, pack
from advisor.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

HOURS_PER_YEAR: Final = 8760
ASSUMED_WRITE_OFF_YEARS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Charge:
    """USD per hour of the whole deployment (None: no price), of when the price is, and what was charged in words."""

    usd_per_hour: float | None
    as_of: str | None
    text: str


def estimate_cost(
    deployment: Deployment, available: Available, *, demand: Demand, terms: CostTerms, performance: PerformanceEstimate | None
) -> CostEstimate:
    """Money per hour, month and request. Arithmetic on given prices is `stated`; what rests on a throughput has its basis and range."""
    packing = pack(deployment)
    charge = hourly_charge(available, packing, terms)
    if charge.usd_per_hour is None:
        return CostEstimate(None, None, None, None, None, None, packing.idle_devices, charge.text)
    usd_per_hour = stated(charge.usd_per_hour, charge.text)
    usd_per_month = usd_per_hour.times(HOURS_PER_MONTH)
    per_request = _per_request(usd_per_month, demand, performance)
    mean_output = _mean_output_tokens(performance)
    return CostEstimate(
        usd_per_hour=usd_per_hour,
        usd_per_month=usd_per_month,
        usd_per_request=per_request,
        usd_per_request_at_capacity=_over(usd_per_hour, performance.capacity_requests_per_s.times(SECONDS_PER_HOUR))
        if performance
        else None,
        usd_per_million_output_tokens=per_request.times(1e6 / mean_output) if per_request and mean_output else None,
        price_as_of=charge.as_of,
        idle_devices_charged=packing.idle_devices,
        basis_text=charge.text,
    )


def hourly_charge(available: Available, packing: Packing, terms: CostTerms) -> Charge:
    """The price of the nodes: the user's own figure for the whole deployment first, else the offer, else what owning costs."""
    if terms.price_usd_per_hour is not None:
        return Charge(terms.price_usd_per_hour, None, f"{terms.price_usd_per_hour:g} USD/h for the whole deployment, as stated")
    if available.acquisition == "rent":
        return _rented(available.offer, packing, spot=available.spot)
    return _owned(available, packing, terms)


def _rented(offer: Offer | None, packing: Packing, *, spot: bool) -> Charge:
    if offer is None:
        return Charge(None, None, "no offer is known for this hardware")
    price = offer.spot_usd_per_hour if spot else offer.usd_per_hour
    kind = "spot" if spot else "on demand"
    name = f"{offer.provider} {offer.instance} ({offer.devices} x {offer.device}, {offer.region})"
    if price is None:
        return Charge(None, None, f"{name} has no {kind} price")
    text = f"{packing.nodes} x {name} {kind} at {price:,.4g} USD/h, all hours{_idle(packing)}"
    return Charge(packing.nodes * price, offer.as_of, text)


def _owned(available: Available, packing: Packing, terms: CostTerms) -> Charge:
    """Amortised purchase and electricity, each only where it is known; what is left out is said."""
    purchase, bought = _amortised_per_device(available, terms)
    power, powered = _electricity_per_device(available, terms)
    text = f"{packing.devices} x {available.node.device.id}: {bought}; {powered}{_idle(packing)}"
    if purchase is None and power is None:
        return Charge(None, None, text)
    return Charge(packing.devices * ((purchase or 0.0) + (power or 0.0)), None, text)


def _amortised_per_device(available: Available, terms: CostTerms) -> tuple[float | None, str]:
    price, years = available.purchase_usd_per_device, write_off_years(available, terms)
    if available.acquisition == "this_machine":
        return None, "this machine, purchase not charged"
    if price is None or years is None:
        return None, "purchase not counted: its price is not known" if price is None else "purchase not counted: no amortisation period"
    overhead = (terms.host_overhead_pct or 0.0) / 100
    per_hour = price * (1 + overhead) / (years * HOURS_PER_YEAR)
    return per_hour, f"{price:,.0f} USD + {overhead:.0%} host over {years:g} years = {per_hour:.3g} USD/h each"


def write_off_years(available: Available, terms: CostTerms) -> float | None:
    """Years over which a purchase is written off: as stated; for what would have to be bought assumed, because it is not free."""
    if terms.amortisation_years is None and available.acquisition == "buy":
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


def _per_request(usd_per_month: Quantity, demand: Demand, performance: PerformanceEstimate | None) -> Quantity | None:
    """By the stated volume; without one, by the load carried all month."""
    if demand.requests_per_month:
        return usd_per_month.times(1 / demand.requests_per_month)
    if performance is None or performance.requests_per_s.value <= 0:
        return None
    return _over(usd_per_month, performance.requests_per_s.times(HOURS_PER_MONTH * SECONDS_PER_HOUR))


def _over(money: Quantity, served: Quantity) -> Quantity | None:
    """Money over a throughput: the slow end is the dear one."""
    if served.low <= 0:
        return None
    source = f"{money.source}; {served.source}"
    return Quantity(money.value / served.value, money.low / served.high, money.high / served.low, served.basis, source)


def _mean_output_tokens(performance: PerformanceEstimate | None) -> float | None:
    if performance is None or performance.requests_per_s.value <= 0:
        return None
    return performance.output_tokens_per_s.value / performance.requests_per_s.value
