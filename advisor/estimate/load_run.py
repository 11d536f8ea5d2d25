"""One replica under its share of the load at one speed: simulated from near its steady state, measured after a warm-up."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from advisor.domain.workload import Load, ServiceLevel
from advisor.estimate.load_equilibrium import Equilibrium, ReplicaCurve
from advisor.estimate.load_observed import Observed, observed
from advisor.estimate.load_requests import DRAWN, RequestStream, SimulatedRequest
from advisor.estimate.load_simulation import Simulation

MEASURED: Final = 320  # requests in the percentiles
_WARM_UP: Final = 32
_QUEUED_AT_START: Final = 256  # a longer queue adds its wait in closed form
_THINKING: Final = 1000  # more users than this arrive like a Poisson stream
_ROUNDS: Final = 5  # of requests that keep starting together, as a load generator sends them
_TOGETHER_AT_MOST: Final = 4096  # requests of such a start
BUSY_PERIOD_S: Final = 900.0  # the quarter of an hour that a load above capacity lasts
NO_LIMITS: Final = ServiceLevel()


def observe(curve: ReplicaCurve, stream: RequestStream, load: Load, level: ServiceLevel = NO_LIMITS) -> Observed:
    """Run the share of a load that one replica sees."""
    settled = curve.settle(load)
    if load.batch is not None and load.batch.requests <= MEASURED:
        return _whole_batch(curve, stream, load.batch.requests, level)
    if load.start == "together":
        return _together(curve, stream, load, level, settled)
    if settled.saturated and (load.requests_per_s is not None or settled.waiting > _QUEUED_AT_START):
        return _backlog(curve, stream, load, level)
    return _steady(curve, stream, load, level, settled)


@dataclass(slots=True)
class _Feed:
    """Numbers requests off the stream; those from `first` on are measured, `wanted` of them, and then the simulation stops."""

    simulation: Simulation
    stream: RequestStream
    first: int
    wanted: int = MEASURED
    drawn: int = 0
    over: int = 0
    measured: list[SimulatedRequest] = field(default_factory=list)

    def request(self, arrived_s: float) -> SimulatedRequest:
        index = self.drawn
        self.drawn = index + 1
        at = index % DRAWN
        longest = self.simulation.limits.request_tokens
        prompt, output = self.stream.input_tokens[at], self.stream.output_tokens[at]
        if prompt + output > longest:
            prompt = max(min(prompt, longest - 1), 1)
            output = max(min(output, longest - prompt), 1)
        counted = self.first <= index < self.first + self.wanted
        request = SimulatedRequest(arrived_s, prompt, output, counted)
        if counted:
            self.measured.append(request)
        return request

    def finished(self, request: SimulatedRequest) -> None:
        if request.measured:
            self.over += 1
            self.simulation.stopped = self.over == self.wanted


def _steady(curve: ReplicaCurve, stream: RequestStream, load: Load, level: ServiceLevel, settled: Equilibrium) -> Observed:
    """Start with the expected number in service and waiting, then let the load run."""
    simulation = Simulation(curve.steps, curve.limits)
    queued = round(settled.waiting)
    feed = _Feed(simulation, stream, settled.in_service + _WARM_UP)
    _fill(simulation, feed, settled.in_service)
    for index in range(queued):
        simulation.submit(feed.request(-(queued - index) / settled.requests_per_s))
    rate = _open_rate(load, settled)
    if rate is None:
        rate = _run_closed(simulation, feed, load, settled.in_service + queued)
    else:
        _run_open(simulation, feed, rate, settled.in_service)
    return observed(curve, simulation, feed.measured, level=level, arrived_per_s=rate, saturated=settled.saturated)


def _fill(simulation: Simulation, feed: _Feed, in_service: int) -> None:
    """Requests anywhere in their output, without a pattern."""
    for index in range(in_service):
        request = feed.request(0.0)
        done = 1 - math.exp(-feed.stream.pauses[index % DRAWN])
        simulation.start_running(request, round(done * (request.output_tokens - 1)))


def _population(load: Load) -> tuple[int, float]:
    if load.users is not None:
        return load.users.active, load.users.pause_s or 0.0
    return load.in_flight or 0, 0.0


def _open_rate(load: Load, settled: Equilibrium) -> float | None:
    if load.users is not None and not settled.saturated and load.users.active > _THINKING:
        return settled.requests_per_s
    return load.requests_per_s


def _run_open(simulation: Simulation, feed: _Feed, rate: float, in_service: int) -> None:
    """Arrivals that ask nobody whether there is room."""
    gaps, at = feed.stream.gaps, 0.0
    for index in range(feed.first + feed.wanted + feed.wanted // 4 + in_service):
        at += gaps[index % DRAWN] / rate
        simulation.submit(feed.request(at))
    simulation.run(feed.finished)


def _run_closed(simulation: Simulation, feed: _Feed, load: Load, started: int) -> float:
    """Each user pauses, asks, waits for the whole answer, and pauses again. The rate that comes of it: users / (pause + response)."""
    population, pause = _population(load)
    pauses, submit, finished = feed.stream.pauses, simulation.submit, feed.finished

    def ask_again(request: SimulatedRequest) -> None:
        finished(request)
        submit(feed.request(simulation.now_s + pause * pauses[feed.drawn % DRAWN]))

    for index in range(max(population - started, 0)):
        submit(feed.request(pause * pauses[-1 - index % DRAWN]))
    simulation.run(ask_again)
    floor_s = simulation.steps.request_floor_s * simulation.steps.prefill_scale
    return population / (pause + floor_s + fmean((r.finished_s or 0.0) - r.arrived_s for r in feed.measured))


def _together(curve: ReplicaCurve, stream: RequestStream, load: Load, level: ServiceLevel, settled: Equilibrium) -> Observed:
    """Everybody asks in the same moment: users once each, requests kept in flight for some rounds, as long as those stay in step."""
    population, _ = _population(load)
    rounds = 1 if load.users is not None else _ROUNDS
    simulation = Simulation(curve.steps, curve.limits)
    feed = _Feed(simulation, stream, 0, min(population, _TOGETHER_AT_MOST) * rounds)
    for _ in range(population):
        simulation.submit(feed.request(0.0))
    rate = _run_closed(simulation, feed, load, population)
    return observed(curve, simulation, feed.measured, level=level, arrived_per_s=rate, saturated=settled.saturated)


def _backlog(curve: ReplicaCurve, stream: RequestStream, load: Load, level: ServiceLevel) -> Observed:
    """A queue that never empties: the replica at its limit. The wait in it follows from the rate that is reached."""
    simulation = Simulation(curve.steps, curve.limits)
    started = curve.most_in_service
    feed = _Feed(simulation, stream, started + _WARM_UP)
    _fill(simulation, feed, started)
    for _ in range(_WARM_UP + MEASURED + 2 * started):
        simulation.submit(feed.request(0.0))
    simulation.run(feed.finished)
    measured = feed.measured
    admitted = sorted(r.admitted_s or 0.0 for r in measured)
    span_s = admitted[-1] - admitted[0]
    rate = (len(measured) - 1) / span_s if span_s > 0 else curve.capacity_per_s
    in_service = rate * fmean((r.finished_s or 0.0) - (r.admitted_s or 0.0) for r in measured)
    wait_s = _wait(load, rate, in_service)
    for index, request in enumerate(measured):
        request.arrived_s = (request.admitted_s or 0.0) - wait_s(index / (len(measured) - 1))
    return observed(curve, simulation, measured, level=level, arrived_per_s=rate, saturated=True)


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


def _whole_batch(curve: ReplicaCurve, stream: RequestStream, requests: int, level: ServiceLevel) -> Observed:
    """A small batch from its first request to its last."""
    simulation = Simulation(curve.steps, curve.limits)
    feed = _Feed(simulation, stream, 0, requests)
    for _ in range(requests):
        simulation.submit(feed.request(0.0))
    simulation.run(feed.finished)
    return observed(curve, simulation, feed.measured, level=level, arrived_per_s=requests / simulation.now_s, saturated=True)
