"""The simulation where queueing theory is exact, and the closed form of the steady state against the simulation."""

import heapq
from dataclasses import dataclass, field
from random import Random
from statistics import fmean

import pytest

from advisor.domain.calibration import ErrorBand
from advisor.domain.quantity import exact
from advisor.domain.workload import Load, Users
from advisor.estimate.load import speed_curves
from advisor.estimate.load_observed import percentiles
from advisor.estimate.load_requests import SimulatedRequest, request_stream
from advisor.estimate.load_run import observe
from advisor.estimate.load_simulation import Simulation
from advisor.estimate.replica_limits import ReplicaLimits
from advisor.estimate.step_time_base import SpeedRange, StepTimeModel
from tests.unit.estimate.serving_for_tests import EIGHT_B, demand, deployment, memory_of, steps_of, vllm_candidate

TOKENS = 20_000  # of a mean answer: a second of service is so many steps that a step is no time at all
LUCK = 0.12  # what is left of chance in 40,000 draws; against the exact waits of the same draws it is 1 %
_BAND = ErrorBand("decode", "group", 1.0, 1.0)


@dataclass(slots=True, kw_only=True)
class PlainSteps(StepTimeModel):
    """A step takes `alone_s`, and `each_s` more for every request in it; prompts cost nothing."""

    alone_s: float = field(default=1 / TOKENS)
    each_s: float = field(default=0.0)

    def batch_parts_s(self, batch):
        return {"step": self.alone_s + self.each_s * batch}

    def cache_s(self, context_tokens):
        return 0.0

    def prefill_parts_s(self, tokens, context_tokens, prompts=1):
        return {"prompt": 1e-9}

    def mixed_prefill_s(self, tokens, context_tokens, *, prompts, batch):
        return -self.batch_parts_s(batch)["step"] + 1e-9  # a prompt holds nobody up

    def floor_decode_s(self, batch, context_tokens):
        return 0.0

    def floor_prefill_s(self, tokens):
        return 0.0


def plain(**times):
    return PlainSteps(source="test", speed=SpeedRange(_BAND, _BAND), request_floor_s=0.0, start_s=exact(0, "test"), **times)


def slots(number):
    return ReplicaLimits(number, 10**6, 10**12, 10**9, preempts=False, reused_tokens=0, shares_prefix=False)


def geometric(random):
    return max(1, round(random.expovariate(1 / TOKENS)))


def waits_and_theirs(servers, rate, outputs, requests, seed=3):
    """Seconds in the queue at `rate` Poisson arrivals a second, and what they are when each goes to the server that is free first.

    The second is exact for these very arrivals (Lindley 1952, Kiefer and Wolfowitz 1955).
    """
    random, at, made, simulation = Random(seed), 0.0, [], Simulation(plain(), slots(servers))
    free_s, exactly = [0.0] * servers, []
    for _ in range(requests):
        at += random.expovariate(rate)
        made.append(SimulatedRequest(at, 1, outputs(random)))
        simulation.submit(made[-1])
        begins_s = max(at, heapq.heappop(free_s))
        heapq.heappush(free_s, begins_s + made[-1].output_tokens / TOKENS)
        exactly.append(begins_s - at)
    simulation.run(lambda request: None)
    return [one.admitted_s - one.arrived_s for one in made], exactly


def mean_wait_s(busy, outputs, requests=40_000):
    """One server's, after it has been checked against the exact waits of these arrivals."""
    waits, exactly = waits_and_theirs(1, busy, outputs, requests)
    assert percentiles(waits) == pytest.approx(percentiles(exactly), rel=0.01)
    assert fmean(waits) == pytest.approx(fmean(exactly), rel=0.01)
    return fmean(waits)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.75])
def test_one_server_with_equal_requests(busy):
    """M/D/1, Pollaczek-Khinchine: W = rho s / (2 (1 - rho))."""
    assert mean_wait_s(busy, lambda random: TOKENS) == pytest.approx(busy / (2 * (1 - busy)), rel=LUCK)


@pytest.mark.parametrize("busy", [0.3, 0.6])
def test_one_server_with_exponential_requests(busy):
    """M/G/1 with squared variation 1: W = rho s / (1 - rho)."""
    assert mean_wait_s(busy, geometric) == pytest.approx(busy / (1 - busy), rel=LUCK)


@pytest.mark.parametrize(("servers", "busy"), [(2, 0.6), (4, 0.7), (8, 0.75)])
def test_several_servers(servers, busy):
    """M/M/c, Erlang C: P(wait) = C(c, a), W = C s / (c - a)."""
    offered = servers * busy
    waits, exactly = waits_and_theirs(servers, offered, geometric, 40_000)
    assert percentiles(waits) == pytest.approx(percentiles(exactly), rel=0.01, abs=2e-3)
    assert fmean(waits) == pytest.approx(fmean(exactly), rel=0.01)
    erlang_b = 1.0
    for number in range(1, servers + 1):
        erlang_b = offered * erlang_b / (number + offered * erlang_b)
    must_wait = erlang_b / (1 - busy * (1 - erlang_b))
    assert sum(wait > 1e-3 for wait in waits) / len(waits) == pytest.approx(must_wait, rel=LUCK)
    assert fmean(waits) == pytest.approx(must_wait / (servers - offered), rel=LUCK)


def stationary(population, pause_s, rate_per_s):
    """Throughput of a closed network of users who pause and one station whose rate depends on who is there.

    Exact for exponential pauses and services: pi(n) = pi(n-1) (N - n + 1) / (Z mu(n)), what mean-value analysis with a load-dependent
    station comes to (Reiser and Lavenberg 1980).
    """
    weights = [1.0]
    for number in range(1, population + 1):
        weights.append(weights[-1] * (population - number + 1) / (pause_s * rate_per_s(number)))
    total = sum(weights)
    return sum(weight * rate_per_s(number) for number, weight in enumerate(weights) if number) / total


def closed(steps, limits, population, pause_s):
    """Requests per second, and mean seconds from asking to the last token."""
    requests, random, simulation, over = 20_000, Random(5), Simulation(steps, limits), []

    def ask(_=None):
        simulation.submit(SimulatedRequest(simulation.now_s + random.expovariate(1 / pause_s), 1, geometric(random)))

    def ask_again(request):
        over.append(request)
        simulation.stopped = len(over) == requests
        ask()

    for _ in range(population):
        ask()
    simulation.run(ask_again)
    counted = over[requests // 20 :]
    return len(counted) / (over[-1].finished_s - counted[0].finished_s), fmean(one.finished_s - one.arrived_s for one in counted)


@pytest.mark.parametrize(("population", "servers", "pause_s"), [(10, 1, 8.0), (12, 4, 2.0), (30, 8, 3.0)])
def test_users_who_pause_before_several_servers(population, servers, pause_s):
    """The machine repairman: c servers of rate 1, N users."""
    expected = stationary(population, pause_s, lambda number: min(number, servers))
    rate, response_s = closed(plain(), slots(servers), population, pause_s)
    assert rate == pytest.approx(expected, rel=0.02)
    assert response_s == pytest.approx(population / expected - pause_s, rel=0.03)


@pytest.mark.parametrize(("population", "pause_s"), [(10, 5.0), (40, 5.0), (40, 30.0)])
def test_users_who_share_steps_that_grow_with_their_number(population, pause_s):
    """Processor sharing with a load-dependent rate: n requests advance together in steps of a + b n."""
    steps = plain(alone_s=1 / TOKENS, each_s=0.2 / TOKENS)
    expected = stationary(population, pause_s, lambda number: number / (1 + 0.2 * number))
    rate, response_s = closed(steps, slots(population), population, pause_s)
    assert rate == pytest.approx(expected, rel=0.02)
    assert response_s == pytest.approx(population / expected - pause_s, rel=0.03)


# ---- the closed form that starts a simulation and bounds a search

CHAT = vllm_candidate(EIGHT_B, "h100-sxm")
CHAT_STEPS = steps_of(CHAT)
LOADS = [Load(in_flight=8), Load(in_flight=64), Load(users=Users(200, 30)), Load(users=Users(30, 5)), Load(requests_per_s=4.0)]


def curve_of(asked):
    return speed_curves(deployment(CHAT), asked, memory=memory_of(400_000), steps=CHAT_STEPS, stream=request_stream(asked, 0))[0]


@pytest.mark.parametrize("load", LOADS, ids=str)
def test_the_closed_form_settles_where_the_simulation_does(load):
    asked = demand(load)
    curve = curve_of(asked)
    settled, seen = curve.settle(load), observe(curve, request_stream(asked, 0), load)
    assert settled.saturated == seen.saturated
    assert settled.requests_per_s == pytest.approx(seen.requests_per_s, rel=0.08)
    assert settled.in_service == pytest.approx(seen.in_service, rel=0.12, abs=1)


@pytest.mark.parametrize("load", [load for load in LOADS if load.users], ids=str)
def test_users_of_a_real_replica_settle_as_mean_value_analysis_says(load):
    asked = demand(load)
    curve = curve_of(asked)
    expected = stationary(load.users.active, load.users.pause_s, curve.rate_per_s)
    assert observe(curve, request_stream(asked, 0), load).requests_per_s == pytest.approx(expected, rel=0.03)
