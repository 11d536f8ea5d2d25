"""One replica under its share of the load at one speed: simulated from near its steady state, measured after a warm-up."""

import math
from collections.abc import Callable
from operator import attrgetter
from statistics import fmean
from typing import Final

from advisor.domain.workload import Load, ServiceLevel
from advisor.estimate.load_equilibrium import Equilibrium, ReplicaCurve
from advisor.estimate.load_observed import Observed, observed
from advisor.estimate.load_requests import DRAWN, RequestStream, SimulatedRequest, drawn
from advisor.estimate.load_simulation import Simulation

MEASURED: Final = 320  # requests in the percentiles
_WARM_UP: Final = 32
_QUEUED_AT_START: Final = 256  # a longer queue adds its wait in closed form
_THINKING: Final = 1000  # more users than this arrive like a Poisson stream
ROUNDS: Final = 5  # of requests that keep starting together, as a load generator sends them
BUSY_PERIOD_S: Final = 900.0  # the quarter of an hour that a load above capacity lasts
NO_LIMITS: Final = ServiceLevel()


def observe(
    curve: ReplicaCurve,
    stream: RequestStream,
    load: Load,
    level: ServiceLevel = NO_LIMITS,
    *,
    measured: int = MEASURED,
    rounds: int = ROUNDS,
) -> Observed:
    """Run the share of a load that one replica sees, until so many requests are measured; of those that begin together, so many rounds."""
    settled = curve.settle(load)
    if load.batch is not None and load.batch.requests <= MEASURED:
        return _whole_batch(curve, stream, load.batch.requests, level)
    if load.start == "together":
        return _together(curve, stream, load, level, settled, rounds=1 if load.users is not None else rounds)
    if settled.saturated and (load.requests_per_s is not None or settled.waiting > _QUEUED_AT_START):
        return _backlog(curve, stream, load, level)
    return _steady(curve, stream, load, level, settled, measured=measured)


class _Feed:
    """Draws requests off the stream; those that arrive from `first` on are measured, `wanted` of them, and then the simulation stops."""

    def __init__(self, curve: ReplicaCurve, stream: RequestStream, first: int, wanted: int = MEASURED) -> None:
        self.simulation = Simulation(curve.steps, curve.limits, measured=range(first, first + wanted))
        self.stream, self.last, self.wanted = stream, first + wanted, wanted
        self.longest_tokens = curve.limits.request_tokens
        self.floor_s = curve.floor_s  # until the server has the next question of who has its answer
        self.drawn = 0
        self.measured: list[SimulatedRequest] = []

    def request(self, arrived_s: float) -> SimulatedRequest:
        self.drawn += 1
        return drawn(self.stream, self.drawn - 1, arrived_s, self.longest_tokens)

    def finished(self, request: SimulatedRequest) -> None:
        if request.measured:
            self.measured.append(request)
            self.simulation.stopped = len(self.measured) == self.wanted


def _steady(
    curve: ReplicaCurve, stream: RequestStream, load: Load, level: ServiceLevel, settled: Equilibrium, *, measured: int
) -> Observed:
    """Start with the expected number in service and waiting, then let the load run."""
    feed, queued = _Feed(curve, stream, _WARM_UP, measured), round(settled.waiting)
    _fill(feed, settled.in_service)
    for index in range(queued):
        feed.simulation.submit(feed.request(-(queued - index) / settled.requests_per_s))
    rate = _open_rate(load, settled)
    if rate is None:
        rate = _run_closed(feed, load, settled.in_service + queued)
    else:
        _run_open(feed, rate)
    return observed(curve, feed.simulation, feed.measured, level=level, arrived_per_s=rate, saturated=settled.saturated)


def _fill(feed: _Feed, in_service: int) -> None:
    """Requests anywhere in their output, without a pattern."""
    for index in range(in_service):
        request = feed.request(0.0)
        done = 1 - math.exp(-feed.stream.pauses[index % DRAWN])
        feed.simulation.start_running(request, round(done * (request.output_tokens - 1)))


def _population(load: Load) -> tuple[int, float]:
    if load.users is not None:
        return load.users.active, load.users.pause_s or 0.0
    return load.in_flight or 0, 0.0


def _open_rate(load: Load, settled: Equilibrium) -> float | None:
    if load.users is not None and not settled.saturated and load.users.active > _THINKING:
        return settled.requests_per_s
    return load.requests_per_s


def _run_open(feed: _Feed, rate: float) -> None:
    """Arrivals that ask nobody whether there is room; enough of them for the last that is measured to have company."""
    gaps, at = feed.stream.gaps, 0.0
    for index in range(feed.last + feed.wanted // 4):
        at += gaps[index % DRAWN] / rate
        feed.simulation.submit(feed.request(at))
    feed.simulation.run(feed.finished)


def _run_closed(feed: _Feed, load: Load, started: int) -> float:
    """Each user pauses, asks, waits for the whole answer, and pauses again. The rate that comes of it: users / (pause + response)."""
    population, pause = _population(load)
    simulation, pauses, finished = feed.simulation, feed.stream.pauses, feed.finished
    submit = simulation.submit

    def ask_again(request: SimulatedRequest) -> None:
        finished(request)
        submit(feed.request(simulation.now_s + feed.floor_s + pause * pauses[feed.drawn % DRAWN]))

    for index in range(max(population - started, 0)):
        submit(feed.request(pause * pauses[-1 - index % DRAWN]))
    simulation.run(ask_again)
    return population / (pause + feed.floor_s + fmean([(r.finished_s or 0.0) - r.arrived_s for r in feed.measured]))


def _together(
    curve: ReplicaCurve, stream: RequestStream, load: Load, level: ServiceLevel, settled: Equilibrium, *, rounds: int
) -> Observed:
    """Everybody asks in the same moment: users once each, requests kept in flight for some rounds, as long as those stay in step.

    Few requests do it again, from rest, until there are enough for percentiles.
    """
    population, pause = _population(load)
    bursts = math.ceil(MEASURED / (population * rounds))
    feed = _Feed(curve, stream, 0, bursts * population * rounds)
    simulation, finished = feed.simulation, feed.finished

    def ask_again(request: SimulatedRequest) -> None:
        finished(request)
        if feed.drawn % (population * rounds):
            simulation.submit(feed.request(simulation.now_s + feed.floor_s))
        elif len(feed.measured) == feed.drawn:
            begin()

    def begin() -> None:
        for _ in range(population):
            simulation.submit(feed.request(simulation.now_s))

    begin()
    simulation.run(ask_again)
    rate = feed.wanted / simulation.now_s
    if load.users is not None:
        rate = population / (pause + fmean([(r.finished_s or 0.0) - r.arrived_s for r in feed.measured]))
    return observed(curve, simulation, feed.measured, level=level, arrived_per_s=rate, saturated=settled.saturated)


def _backlog(curve: ReplicaCurve, stream: RequestStream, load: Load, level: ServiceLevel) -> Observed:
    """A queue that never empties: the replica at its limit. The wait in it follows from the rate that is reached."""
    started = curve.most_in_service
    feed = _Feed(curve, stream, _WARM_UP)
    _fill(feed, started)
    for _ in range(_WARM_UP + MEASURED + 2 * started):
        feed.simulation.submit(feed.request(0.0))
    feed.simulation.run(feed.finished)
    measured = sorted(feed.measured, key=attrgetter("admitted_s"))
    span_s = (measured[-1].admitted_s or 0.0) - (measured[0].admitted_s or 0.0)
    rate = (len(measured) - 1) / span_s if span_s > 0 else curve.capacity_per_s
    in_service = rate * fmean([(r.finished_s or 0.0) - (r.admitted_s or 0.0) for r in measured])
    wait_s = _wait(load, rate, in_service)
    for index, request in enumerate(measured):
        request.arrived_s = (request.admitted_s or 0.0) - wait_s(index / (len(measured) - 1))
    return observed(curve, feed.simulation, measured, level=level, arrived_per_s=rate, saturated=True)


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
    feed = _Feed(curve, stream, 0, requests)
    for _ in range(requests):
        feed.simulation.submit(feed.request(0.0))
    feed.simulation.run(feed.finished)
    return observed(curve, feed.simulation, feed.measured, level=level, arrived_per_s=requests / feed.simulation.now_s, saturated=True)
