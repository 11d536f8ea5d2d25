"""The largest load that a deployment carries within its service level: where the cliff is."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.workload import Load, ServiceLevel
from advisor.estimate.load import share_of_load, speed_curves
from advisor.estimate.load_equilibrium import ReplicaCurve
from advisor.estimate.load_observed import FAILED_AT_MOST, Observed
from advisor.estimate.load_requests import RequestStream, request_stream
from advisor.estimate.load_run import observe
from advisor.estimate.step_time_base import StepTimeModel

_ROUNDS = 7  # bisection to about 1 % of the capacity
_ROUNDS_OF_RANGE = 5  # an end of the range need not be as sharp as the expected value


def largest_load(
    deployment: Deployment,
    demand: Demand,
    *,
    memory: MemoryEstimate,
    steps: StepTimeModel,
    replicas_up: int,
    limits: ServiceLevel,
    seed: int = 0,
) -> Quantity:
    """Users, requests per second or requests in flight (whichever the demand is given in) that stay within `limits` on `replicas_up`.

    Without a limit: what the replicas serve without falling behind. 0 when not even the lightest load does. Of a batch: the requests that
    finish in time.
    """
    stream = request_stream(demand, seed)
    ranks = replicas_up * deployment.candidate.parallelism.data
    curves = speed_curves(deployment, demand, memory=memory, steps=steps, stream=stream)
    largest = partial(_largest, load=demand.load, ranks=ranks, stream=stream, limits=limits)
    expected, fast, slow = curves
    value = largest(expected)
    values = (value, largest(fast, at_least=value), largest(slow, at_most=value))
    source = f"bisection over simulated loads on step times: {steps.source}"
    return Quantity(values[0], min(values), max(values), Basis.MODELLED, source)


def _largest(
    curve: ReplicaCurve,
    *,
    load: Load,
    ranks: int,
    stream: RequestStream,
    limits: ServiceLevel,
    at_least: float = 0.0,
    at_most: float = math.inf,
) -> float:
    """`at_least` is what a slower replica carries, `at_most` what a faster one does: an end of the range lies beyond the expected value."""
    if load.batch is not None:
        return math.floor(curve.capacity_per_s * ranks * load.batch.finish_within_h * 3600)
    top, whole = _beyond_capacity(curve, load, ranks)

    def holds(size: float) -> bool:
        share = share_of_load(_sized(load, size), ranks)
        return within(observe(curve, stream, share), limits)

    if at_least > 0 or at_most < math.inf:
        return _bisected(holds, at_least, min(top, at_most + whole), whole=whole, rounds=_ROUNDS_OF_RANGE)
    low, high, asked = 0.0, top, _size(load)
    if asked < top:  # what is asked for holds or not as the plan says, though a little more may by chance hold again
        low, high = (asked, top) if holds(asked) else (0.0, asked)
    return _bisected(holds, low, high, whole=whole, rounds=_ROUNDS)


def _bisected(holds: Callable[[float], bool], low: float, high: float, *, whole: bool, rounds: int) -> float:
    for _ in range(rounds):
        middle = (low + high) / 2
        middle = max(float(round(middle)), low + 1) if whole else middle
        if middle >= high:
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _beyond_capacity(curve: ReplicaCurve, load: Load, ranks: int) -> tuple[float, bool]:
    """A load that is too much for sure, and whether it is counted in whole units."""
    most, rate = curve.most_in_service, curve.capacity_per_s
    if load.users is not None:
        return math.ceil(ranks * (most + rate * (load.users.pause_s or 0.0)) * 1.1) + 1, True
    if load.in_flight is not None:
        return math.ceil(ranks * most * 1.1) + 1, True
    return ranks * rate * 1.05, False


def _size(load: Load) -> float:
    return float(load.users.active if load.users is not None else load.in_flight or load.requests_per_s or 0.0)


def _sized(load: Load, size: float) -> Load:
    if load.users is not None:
        return replace(load, users=replace(load.users, active=max(1, round(size))))
    if load.in_flight is not None:
        return replace(load, in_flight=max(1, round(size)))
    return replace(load, requests_per_s=size)


def within(observed: Observed, limits: ServiceLevel) -> bool:
    """The expected percentiles keep every stated limit, and nothing falls behind."""
    pairs = ((observed.ttft_s, limits.ttft_p95_s), (observed.tpot_s, limits.tpot_p95_s), (observed.e2e_s, limits.e2e_p95_s))
    return (
        not observed.saturated
        and observed.failed_share <= FAILED_AT_MOST
        and all(limit is None or values[1] <= limit for values, limit in pairs)
    )
