"""Replicas behind one router, simulated together: what the load model leaves out when it gives each replica its own share of the load.

The load model simulates one replica under 1/n of the load. For requests that arrive at random that is a router which picks at random: a
Poisson stream split so is n independent ones. For users it is one that keeps each with his replica. A router that picks the replica with
the fewest requests in hand (join the shortest queue) sends nobody to wait while another replica is idle.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import heapify, heappop, heappush
from random import Random
from typing import Final, Literal

from advisor.domain.workload import Load
from advisor.estimate.load import share_of_load
from advisor.estimate.load_equilibrium import ReplicaCurve
from advisor.estimate.load_observed import Three, percentiles
from advisor.estimate.load_requests import DRAWN, RequestStream, SimulatedRequest, drawn
from advisor.estimate.load_run import MEASURED
from advisor.estimate.load_simulation import Simulation

Picks = Literal["fewest requests", "as assumed"]
PICKS: Final[tuple[Picks, ...]] = ("as assumed", "fewest requests")
REPLICAS_AT_MOST: Final = 16  # simulated side by side
_WINDOW: Final = 0.05  # of the time that a request takes alone
_WARM_UP: Final = 32  # requests of each replica
_MEASURED_AT_MOST: Final = 5 * MEASURED


@dataclass(frozen=True, slots=True)
class Routed:
    """Percentiles (p50, p95, p99) over the requests of all replicas together."""

    ttft_s: Three
    tpot_s: Three
    e2e_s: Three


def routed(curve: ReplicaCurve, stream: RequestStream, load: Load, replicas: int, picks: Picks = "fewest requests") -> Routed:
    """The whole load on so many equal replicas. It must be users or requests per second that they keep up with."""
    router = _Router(curve, stream, load, replicas, picks)
    wanted = min(MEASURED * replicas, _MEASURED_AT_MOST)
    first = _WARM_UP * replicas
    asked = []
    for request in router.requests():
        asked.append(request)
        if len(asked) > first + wanted and all(r.finished_s is not None for r in asked[first : first + wanted]):
            break
    return _seen(curve, asked[first : first + wanted])


def _seen(curve: ReplicaCurve, requests: list[SimulatedRequest]) -> Routed:
    floor_s = curve.floor_s
    served = [r for r in requests if not r.failed and r.finished_s is not None and r.first_token_s is not None]
    first = [(r.first_token_s or 0.0) - r.arrived_s + floor_s for r in served]
    whole = [(r.finished_s or 0.0) - r.arrived_s + floor_s for r in served]
    each = [(e2e - ttft) / (r.output_tokens - 1) for e2e, ttft, r in zip(whole, first, served, strict=True) if r.output_tokens > 1]
    return Routed(percentiles(first), percentiles(each), percentiles(whole))


@dataclass(slots=True)
class _Router:
    """The replicas with what each has in hand, and the requests that are to come, by the time."""

    curve: ReplicaCurve
    stream: RequestStream
    load: Load
    replicas: int
    picks: Picks
    simulations: list[Simulation] = field(init=False)
    in_hand: list[list[SimulatedRequest]] = field(init=False)
    to_come: list[tuple[float, int]] = field(default_factory=list)  # when a user has paused, and the replica that he is with
    now_s: float = 0.0
    window_s: float = field(init=False)
    drawn: int = 0
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - a simulation, not a secret

    def __post_init__(self) -> None:
        self.simulations = [Simulation(self.curve.steps, self.curve.limits) for _ in range(self.replicas)]
        self.in_hand = [[] for _ in self.simulations]
        self.window_s = self.curve.cycle_s(1) * _WINDOW

    def requests(self) -> Iterator[SimulatedRequest]:
        """Each as it is given to a replica, without end."""
        self._begin()
        while True:
            arrived_s, own = self._next()
            request = self._draw(arrived_s)
            self._run_up_to(arrived_s)
            chosen = own if self.picks == "as assumed" else self._fewest(arrived_s)
            self.in_hand[chosen].append(request)
            self.simulations[chosen].submit(request)
            yield request

    # ---- arrivals

    def _begin(self) -> None:
        """Near the steady state: each replica with its share in service, the other users in their pauses."""
        share = self.curve.settle(share_of_load(self.load, self.replicas)).in_service
        for simulation, in_hand in zip(self.simulations, self.in_hand, strict=True):
            for index in range(share):
                request = self._draw(0.0)
                done = 1 - math.exp(-self.stream.pauses[index % DRAWN])
                simulation.start_running(request, round(done * (request.output_tokens - 1)))
                in_hand.append(request)
        if self.load.users is not None:
            for index in range(max(self.load.users.active - share * self.replicas, 0)):
                heappush(self.to_come, (self._pause_s(-1 - index), index % self.replicas))

    def _next(self) -> tuple[float, int]:
        """When the next request comes, and the replica that the load model gives it to: any one of an open stream, the user's own.

        Answers that end while the replicas run up to it make earlier ones, so they run no further than a window at a time.
        """
        if self.load.requests_per_s is not None:
            self.now_s += self.stream.gaps[self.drawn % DRAWN] / self.load.requests_per_s
            return self.now_s, self.random.randrange(self.replicas)
        while not self.to_come or self.to_come[0][0] > self.now_s + self.window_s:
            self.now_s += self.window_s
            self._run_up_to(self.now_s)
        return heappop(self.to_come)

    def _pause_s(self, index: int) -> float:
        assert self.load.users is not None  # noqa: S101 - the caller looks
        return (self.load.users.pause_s or 0.0) * self.stream.pauses[index % DRAWN]

    def _draw(self, at: float) -> SimulatedRequest:
        self.drawn += 1
        return drawn(self.stream, self.drawn - 1, at, self.curve.limits.request_tokens)

    # ---- routing

    def _run_up_to(self, until_s: float) -> None:
        """With an arrival in sight, which ends a stretch of decode steps as any arrival does, and is taken away again."""
        in_sight = (until_s, -1, SimulatedRequest(until_s, 1, 1))
        for index, simulation in enumerate(self.simulations):
            heappush(simulation.arrivals, in_sight)
            simulation.run(partial(self._finished, index), until_s)
            simulation.arrivals.remove(in_sight)
            heapify(simulation.arrivals)

    def _finished(self, replica: int, request: SimulatedRequest) -> None:
        if self.load.users is not None:
            heappush(self.to_come, ((request.finished_s or 0.0) + self._pause_s(self.drawn + len(self.to_come)), replica))

    def _fewest(self, now_s: float) -> int:
        """Of several with as few, any."""
        for in_hand in self.in_hand:
            in_hand[:] = [r for r in in_hand if r.finished_s is None or r.finished_s > now_s]
        fewest = min(map(len, self.in_hand))
        return self.random.choice([index for index, in_hand in enumerate(self.in_hand) if len(in_hand) == fewest])
