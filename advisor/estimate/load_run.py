"""One replica under its share of the load at one speed: simulated from near its steady state, measured after a warm-up."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from advisor.domain.workload import Load
from advisor.estimate.load_equilibrium import Equilibrium, ReplicaCurve
from advisor.estimate.load_requests import DRAWN, RequestStream
from advisor.estimate.load_simulation import SimulatedRequest, Simulation

MEASURED: Final = 320  # requests in the percentiles
_WARM_UP: Final = 32
_QUEUED_AT_START: Final = 256  # a longer queue adds its wait in closed form
_THINKING: Final = 1000  # more users than this arrive like a Poisson stream
BUSY_PERIOD_S: Final = 900.0  # the quarter of an hour that a load above capacity lasts
SHARES: Final = (0.50, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Observed:
    """Percentiles (p50, p95, p99) and rates of one replica."""

    ttft_s: tuple[float, float, float]
    tpot_s: tuple[float, float, float]
    e2e_s: tuple[float, float, float]
    requests_per_s: float
    in_service: float
    capacity_per_s: float
    saturated: bool


def observe(curve: ReplicaCurve, stream: RequestStream, load: Load) -> Observed:
    """Run the share of a load that one replica sees."""
    settled = curve.settle(load)
    if load.batch is not None and load.batch.requests <= MEASURED:
        return _whole_batch(curve, stream, load.batch.requests)
    if settled.saturated and (load.requests_per_s is not None or settled.waiting > _QUEUED_AT_START):
        return _backlog(curve, stream, load)
    return _steady(curve, stream, load, settled)


@dataclass(slots=True)
class _Feed:
    """Numbers requests off the stream; those from `first` on are measured, `MEASURED` of them."""

    curve: ReplicaCurve
    stream: RequestStream
    first: int
    measured: list[SimulatedRequest]
    wanted: int = MEASURED
    drawn: int = 0
    done: int = 0  # of the measured ones, from the front, as far as was looked

    def request(self, arrived_s: float) -> SimulatedRequest:
        index = self.drawn
        self.drawn += 1
        longest = max(self.curve.limits.request_tokens, 2)
        prompt = min(self.stream.input_tokens[index % DRAWN], longest - 1)
        output = min(self.stream.output_tokens[index % DRAWN], longest - prompt)
        counted = self.first <= index < self.first + self.wanted
        request = SimulatedRequest(arrived_s, prompt, output, counted)
        if counted:
            self.measured.append(request)
        return request

    def finished(self) -> bool:
        while self.done < len(self.measured) and self.measured[self.done].finished_s is not None:
            self.done += 1
        return self.done == self.wanted


def _steady(curve: ReplicaCurve, stream: RequestStream, load: Load, settled: Equilibrium) -> Observed:
    """Start with the expected number in service and waiting, then let the load run."""
    simulation = Simulation(curve.steps, curve.limits)
    queued = round(settled.waiting)
    feed = _Feed(curve, stream, settled.in_service + _WARM_UP, [])
    for index in range(settled.in_service):
        request = feed.request(0.0)
        simulation.start_running(request, _progress(stream, index, request))
    for index in range(queued):
        simulation.submit(feed.request(-(queued - index) / settled.requests_per_s))
    rate = _poisson_rate(load, settled)
    if rate is not None:
        _submit_poisson(simulation, feed, rate, settled.in_service)
        simulation.run(feed.finished, lambda _: None)
        return _observed(curve, feed.measured, requests_per_s=rate, saturated=settled.saturated)
    _run_closed(simulation, feed, load, settled.in_service + queued)
    population, pause = _population(load)
    response_s = fmean(_e2e_s(curve, request) for request in feed.measured)
    return _observed(curve, feed.measured, requests_per_s=population / (pause + response_s), saturated=settled.saturated)


def _population(load: Load) -> tuple[int, float]:
    if load.users is not None:
        return load.users.active, load.users.pause_s or 0.0
    return load.in_flight or 0, 0.0


def _poisson_rate(load: Load, settled: Equilibrium) -> float | None:
    if load.users is not None and not settled.saturated and load.users.active > _THINKING:
        return settled.requests_per_s
    return load.requests_per_s


def _submit_poisson(simulation: Simulation, feed: _Feed, rate: float, in_service: int) -> None:
    at = 0.0
    for index in range(feed.first + MEASURED + MEASURED // 4 + in_service):
        at += feed.stream.gaps[index % DRAWN] / rate
        simulation.submit(feed.request(at))


def _run_closed(simulation: Simulation, feed: _Feed, load: Load, started: int) -> None:
    """Each user pauses, asks, waits for the whole answer, and pauses again."""
    population, pause = _population(load)
    pauses = feed.stream.pauses

    def ask_again(request: SimulatedRequest) -> None:
        simulation.submit(feed.request(simulation.now_s + pause * pauses[feed.drawn % DRAWN]))

    for index in range(max(population - started, 0)):
        simulation.submit(feed.request(pause * pauses[-1 - index % DRAWN]))
    simulation.run(feed.finished, ask_again)


def _backlog(curve: ReplicaCurve, stream: RequestStream, load: Load) -> Observed:
    """A queue that never empties: the replica at its limit. The wait in it follows from the rate that is reached."""
    simulation = Simulation(curve.steps, curve.limits)
    started = curve.most_in_service
    feed = _Feed(curve, stream, started + _WARM_UP, [])
    for index in range(started):
        request = feed.request(0.0)
        simulation.start_running(request, _progress(stream, index, request))
    for _ in range(_WARM_UP + MEASURED + 2 * started):
        simulation.submit(feed.request(0.0))
    simulation.run(feed.finished, lambda _: None)
    for request in feed.measured:
        request.arrived_s = request.admitted_s or 0.0
    span_s = feed.measured[-1].arrived_s - feed.measured[0].arrived_s
    rate = (len(feed.measured) - 1) / span_s if span_s > 0 else curve.capacity_per_s
    in_service = rate * fmean((r.finished_s or 0.0) - r.arrived_s for r in feed.measured)
    return _observed(curve, feed.measured, requests_per_s=rate, saturated=True, wait_s=_wait(load, rate, in_service))


def _wait(load: Load, rate: float, in_service: float) -> Callable[[float], float]:
    """Seconds in the queue of the request at a quantile of the busy period."""
    if load.requests_per_s is not None:
        excess = max(load.requests_per_s / rate - 1.0, 0.0)
        return lambda share: share * BUSY_PERIOD_S * excess
    if load.batch is not None:
        requests = load.batch.requests
        return lambda share: share * requests / rate
    population, pause = _population(load)
    return lambda share: max(population - in_service - rate * pause, 0.0) / rate


def _whole_batch(curve: ReplicaCurve, stream: RequestStream, requests: int) -> Observed:
    """A small batch from its first request to its last."""
    simulation = Simulation(curve.steps, curve.limits)
    feed = _Feed(curve, stream, 0, [], requests)
    for _ in range(requests):
        simulation.submit(feed.request(0.0))
    simulation.run(feed.finished, lambda _: None)
    return _observed(curve, feed.measured, requests_per_s=requests / simulation.now_s, saturated=True)


def _e2e_s(curve: ReplicaCurve, request: SimulatedRequest) -> float:
    return (request.finished_s or 0.0) - request.arrived_s + curve.steps.request_floor_s * curve.steps.prefill_scale


def _observed(
    curve: ReplicaCurve,
    measured: list[SimulatedRequest],
    *,
    requests_per_s: float,
    saturated: bool,
    wait_s: Callable[[float], float] = lambda share: 0.0,
) -> Observed:
    floor_s = curve.steps.request_floor_s * curve.steps.prefill_scale
    ttft = [(r.first_token_s or 0.0) - r.arrived_s + floor_s for r in measured]
    decoding = [(r.finished_s or 0.0) - (r.first_token_s or 0.0) for r in measured]
    tpot = [d / (r.output_tokens - 1) for d, r in zip(decoding, measured, strict=True) if r.output_tokens > 1]
    e2e = [_e2e_s(curve, r) for r in measured]
    waits = tuple(wait_s(share) for share in SHARES)
    in_service = requests_per_s * fmean((r.finished_s or 0.0) - (r.admitted_s or 0.0) for r in measured)
    return Observed(
        ttft_s=_percentiles(ttft, waits),
        tpot_s=_percentiles(tpot or [0.0], (0.0, 0.0, 0.0)),
        e2e_s=_percentiles(e2e, waits),
        requests_per_s=requests_per_s,
        in_service=in_service,
        capacity_per_s=curve.capacity_per_s,
        saturated=saturated,
    )


def _percentiles(values: list[float], added: tuple[float, ...]) -> tuple[float, float, float]:
    ordered = sorted(values)
    last = len(ordered) - 1
    p50, p95, p99 = (ordered[round(share * last)] + extra for share, extra in zip(SHARES, added, strict=True))
    return p50, p95, p99


def _progress(stream: RequestStream, index: int, request: SimulatedRequest) -> int:
    """Tokens that a request in service at the start has generated already: anywhere in its output, without a pattern."""
    return round((1 - math.exp(-stream.pauses[index % DRAWN])) * (request.output_tokens - 1))
