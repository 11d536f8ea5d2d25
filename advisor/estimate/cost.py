"""What a deployment costs a month, a request, a million tokens, a user: the month's bill divided by what it serves."""

from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import CostEstimate, PerformanceEstimate, TokenPrices
from advisor.domain.hardware import Available
from advisor.domain.quantity import Basis, Quantity, stated
from advisor.domain.workload import CostTerms
from advisor.estimate.charges import Charge, hourly_charge
from advisor.estimate.duty import Duty, duty_of
from advisor.estimate.load_requests import request_stream
from advisor.estimate.packing import pack
from advisor.units import HOURS_PER_MONTH, SECONDS_PER_HOUR


def estimate_cost(
    deployment: Deployment, available: Available, *, demand: Demand, terms: CostTerms, performance: PerformanceEstimate | None
) -> CostEstimate:
    """Money per hour, month and request. Arithmetic on given prices is `stated`; what rests on a throughput has its basis and range."""
    packing = pack(deployment)
    charge = hourly_charge(available, packing, terms)
    if charge.usd_per_hour is None:
        return CostEstimate(None, None, None, None, None, None, packing.idle_devices, charge.text)
    duty = duty_of(demand.running, demand.requests_per_month, performance.e2e_s.p50.value if performance else 0.0)
    month, hours = _month(charge, duty, performance)
    per_request = _per_request(month, hours, demand, performance)
    at_capacity = _over(month, performance.capacity_requests_per_s.times(hours * SECONDS_PER_HOUR)) if performance else None
    sent, generated = request_stream(demand, 0).mean_input_tokens, _mean_output_tokens(performance)
    return CostEstimate(
        usd_per_hour=stated(charge.usd_per_hour, charge.text),
        usd_per_month=month,
        usd_per_request=per_request,
        usd_per_request_at_capacity=at_capacity,
        usd_per_million_output_tokens=per_request.times(1e6 / generated) if per_request and generated else None,
        price_as_of=charge.as_of,
        idle_devices_charged=packing.idle_devices,
        basis_text=charge.text,
        usd_per_million_input_tokens=per_request.times(1e6 / sent) if per_request else None,
        token_prices=_token_prices(per_request, sent, performance),
        token_prices_at_capacity=_token_prices(at_capacity, sent, performance),
        usd_per_user_month=month.times(1 / demand.load.users.active) if demand.load.users else None,
        hours_per_month=hours,
        starts_per_month=duty.starts,
        cold_share=duty.cold_share,
    )


def _month(charge: Charge, duty: Duty, performance: PerformanceEstimate | None) -> tuple[Quantity, float]:
    """The bill, and the hours that are on; with starts from cold, how long one takes makes it an estimate."""
    always = (charge.always_usd_per_hour or 0.0) * HOURS_PER_MONTH
    on = charge.on_usd_per_hour or 0.0
    if duty.always or performance is None:
        return stated(always + on * duty.hours, charge.text), duty.hours
    start = performance.start_s
    hours = [duty.hours_with_starts(start_s) for start_s in (start.value, start.low, start.high)]
    usd = [always + on * each for each in hours]
    return Quantity(usd[0], usd[1], usd[2], start.basis if on else Basis.STATED, f"{charge.text}; {start.source}"), hours[0]


def _per_request(usd_per_month: Quantity, hours: float, demand: Demand, performance: PerformanceEstimate | None) -> Quantity | None:
    """By the stated volume; without one, by the load carried in all hours that it is on."""
    if demand.requests_per_month:
        return usd_per_month.times(1 / demand.requests_per_month)
    if performance is None or performance.requests_per_s.value <= 0:
        return None
    return _over(usd_per_month, performance.requests_per_s.times(hours * SECONDS_PER_HOUR))


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


def _token_prices(per_request: Quantity | None, sent: float, performance: PerformanceEstimate | None) -> TokenPrices | None:
    """The bill of a request split by the engine's time: on its prompt, and on its share of the decode steps."""
    generated = _mean_output_tokens(performance)
    if per_request is None or performance is None or not generated:
        return None
    computed = performance.prefill_tokens_per_s.value / performance.requests_per_s.value
    prompt_s = performance.prefill_step.value_s.value * computed / sent
    decode_s = performance.decode_step.value_s.value * generated / max(performance.in_flight.value, 1.0)
    source = f"{per_request.source}; split by engine time: {performance.decode_step.value_s.source}"
    modelled = Quantity(per_request.value, per_request.low, per_request.high, Basis.MODELLED, source)
    share = prompt_s / (prompt_s + decode_s)
    return TokenPrices(modelled.times(share * 1e6 / sent), modelled.times((1 - share) * 1e6 / generated))
