"""What a deployment costs a month, a request, a million tokens, a user: the month's bill divided by what it serves."""

from dataclasses import dataclass

from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import CostEstimate, PerformanceEstimate, TokenPrices
from advisor.domain.hardware import Available
from advisor.domain.quantity import Basis, Quantity, stated, weakest
from advisor.domain.workload import CostTerms
from advisor.estimate.charges import Charge, hourly_charge
from advisor.estimate.duty import Duty, by_the_pile, duty_of
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
    month = _month(charge, demand, performance)
    per_request = _per_request(month, demand, performance)
    at_capacity = _over(month, performance.capacity_requests_per_s) if performance else None
    sent, generated = request_stream(demand, 0).mean_input_tokens, _mean_output_tokens(performance)
    return CostEstimate(
        usd_per_hour=stated(charge.usd_per_hour, charge.text),
        usd_per_month=month.usd,
        usd_per_request=per_request,
        usd_per_request_at_capacity=at_capacity,
        usd_per_million_output_tokens=per_request.times(1e6 / generated) if per_request and generated else None,
        price_as_of=charge.as_of,
        idle_devices_charged=packing.idle_devices,
        basis_text=charge.text,
        usd_per_million_input_tokens=per_request.times(1e6 / sent) if per_request else None,
        token_prices=_token_prices(per_request, sent, performance),
        token_prices_at_capacity=_token_prices(at_capacity, sent, performance),
        usd_per_user_month=month.usd.times(1 / demand.load.users.active) if demand.load.users else None,
        usd_per_pile=_pile(charge, demand, performance),
        hours_per_month=month.hours[0],
        starts_per_month=month.duty.starts,
        cold_share=month.duty.cold_share,
    )


@dataclass(frozen=True, slots=True)
class _Month:
    """The bill, and the hours that are on as expected and at both ends of the bill."""

    usd: Quantity
    hours: tuple[float, float, float]
    duty: Duty


def _month(charge: Charge, demand: Demand, performance: PerformanceEstimate | None) -> _Month:
    """Where it starts from cold the hours are an estimate."""
    always = (charge.always_usd_per_hour or 0.0) * HOURS_PER_MONTH
    on = charge.on_usd_per_hour or 0.0
    duty, *ends = _duties(demand, performance)
    if duty.always or performance is None:
        return _Month(stated(always + on * duty.hours, charge.text), (duty.hours, duty.hours, duty.hours), duty)
    start = performance.start_s
    least, most = (end.hours_with_starts(start_s) for end, start_s in zip(ends, (start.low, start.high), strict=True))
    hours = (duty.hours_with_starts(start.value), least, most)
    usd = [always + on * each for each in hours]
    basis, source = _hours_known(demand, performance)
    return _Month(Quantity(usd[0], usd[1], usd[2], basis if on else Basis.STATED, f"{charge.text}; {source}"), hours, duty)


def _duties(demand: Demand, performance: PerformanceEstimate | None) -> tuple[Duty, Duty, Duty]:
    """At the expected speed, at the fast and at the slow end: only a pile takes longer when it is served more slowly."""
    piles, batch = demand.piles_per_month, demand.load.batch
    if piles is None or batch is None or performance is None:
        duty = duty_of(demand.running, demand.requests_per_month, performance.e2e_s.p50.value if performance else 0.0)
        return duty, duty, duty
    rate = performance.requests_per_s
    expected, fast, slow = (by_the_pile(piles, batch.requests, each) for each in (rate.value, rate.high, rate.low))
    return expected, fast, slow


def _hours_known(demand: Demand, performance: PerformanceEstimate) -> tuple[Basis, str]:
    """What the hours rest on: the start from cold, and for piles the throughput."""
    start, rate = performance.start_s, performance.requests_per_s
    if demand.load.batch is None or demand.running is not None:
        return start.basis, start.source
    return weakest((rate.basis, start.basis)), f"{rate.source}; {start.source}"


def _pile(charge: Charge, demand: Demand, performance: PerformanceEstimate | None) -> Quantity | None:
    """One pile, switched on for it alone."""
    batch, on = demand.load.batch, charge.on_usd_per_hour
    if batch is None or on is None or performance is None:
        return None
    rate, start = performance.requests_per_s, performance.start_s
    ends = ((rate.value, start.value), (rate.high, start.low), (rate.low, start.high))
    usd = [on * by_the_pile(1, batch.requests, each).hours_with_starts(start_s) for each, start_s in ends]
    basis, source = _hours_known(demand, performance)
    return Quantity(usd[0], usd[1], usd[2], basis, f"{charge.text}; {source}")


def _per_request(month: _Month, demand: Demand, performance: PerformanceEstimate | None) -> Quantity | None:
    """By the stated volume; without one, by the load carried in all hours that it is on."""
    if demand.requests_per_month:
        return month.usd.times(1 / demand.requests_per_month)
    if performance is None or performance.requests_per_s.value <= 0:
        return None
    return _over(month, performance.requests_per_s)


def _over(month: _Month, requests_per_s: Quantity) -> Quantity | None:
    """The bill over what is served in the hours that are on: the slow end is the dear one."""
    if requests_per_s.low <= 0:
        return None
    usd, rate = month.usd, requests_per_s
    served = [each * hours * SECONDS_PER_HOUR for each, hours in zip((rate.value, rate.high, rate.low), month.hours, strict=True)]
    value, low, high = (money / requests for money, requests in zip((usd.value, usd.low, usd.high), served, strict=True))
    return Quantity(value, min(low, value), max(high, value), rate.basis, f"{usd.source}; {rate.source}")


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
