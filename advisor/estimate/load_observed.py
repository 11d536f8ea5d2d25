"""What a simulated load looked like: percentiles over requests and over tokens, rates, and how full the replica was."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from statistics import fmean
from typing import Final

from advisor.domain.workload import ServiceLevel
from advisor.estimate.load_equilibrium import ReplicaCurve
from advisor.estimate.load_requests import SimulatedRequest
from advisor.estimate.load_simulation import Simulation

Three = tuple[float, float, float]
SHARES: Final = (0.50, 0.95, 0.99)
FAILED_AT_MOST: Final = 0.001  # of the requests: a full pool fails whoever is in service, so one failure is never one alone


@dataclass(frozen=True, slots=True)
class Observed:
    """Percentiles (p50, p95, p99) and rates of one replica.

    Percentiles are over the requests that were served, of `itl_s` over all gaps between two tokens. `requests_per_s` are served;
    `good_share` of all that arrived are served within the service level, `failed_share` not at all. `queued` and `in_service` are
    means over time, `cache_share` is how full the pool is on average.
    """

    ttft_s: Three
    ttft_mean_s: float
    tpot_s: Three
    itl_s: Three
    e2e_s: Three
    requests_per_s: float
    good_share: float
    failed_share: float
    preempted_share: float
    queued: float
    in_service: float
    cache_share: float
    capacity_per_s: float
    saturated: bool


def observed(
    curve: ReplicaCurve,
    simulation: Simulation,
    measured: Sequence[SimulatedRequest],
    *,
    level: ServiceLevel,
    arrived_per_s: float,
    saturated: bool,
) -> Observed:
    """Of the requests that were measured, which arrived at this rate. Queue and service by Little's law: rate x mean time."""
    floor_s = curve.floor_s
    served = [r for r in measured if not r.failed]
    shown = served or measured  # of requests that all failed: how long they lasted
    ttft = [(r.first_token_s or r.finished_s or 0.0) - r.arrived_s + floor_s for r in shown]
    e2e = [(r.finished_s or 0.0) - r.arrived_s + floor_s for r in shown]
    tpot = [
        (whole - first) / (r.output_tokens - 1) if r.output_tokens > 1 else 0.0 for whole, first, r in zip(e2e, ttft, shown, strict=True)
    ]
    itl = weighted_percentiles(simulation.gaps)
    waited_s = fmean([(r.admitted_s or 0.0) - r.arrived_s for r in measured])
    served_s = fmean([(r.finished_s or 0.0) - (r.admitted_s or 0.0) for r in measured])
    served_share = len(served) / len(measured)
    return Observed(
        ttft_s=percentiles(ttft),
        ttft_mean_s=fmean(ttft),
        tpot_s=percentiles([t for t, r in zip(tpot, shown, strict=True) if r.output_tokens > 1] or [0.0]) if served else itl,
        itl_s=itl,
        e2e_s=percentiles(e2e),
        requests_per_s=arrived_per_s * served_share,
        good_share=_good(ttft, tpot, e2e, level) * served_share if served else 0.0,
        failed_share=1.0 - served_share,
        preempted_share=sum(r.preemptions for r in measured) / len(measured),
        queued=arrived_per_s * waited_s,
        in_service=arrived_per_s * served_s,
        cache_share=min(1.0, simulation.block_seconds / simulation.now_s / simulation.pool.capacity_blocks) if simulation.now_s else 0.0,
        capacity_per_s=curve.capacity_per_s,
        saturated=saturated,
    )


def _good(ttft: list[float], tpot: list[float], e2e: list[float], level: ServiceLevel) -> float:
    """Share that keeps every stated limit."""
    limits = [(v, limit) for v, limit in ((ttft, level.ttft_p95_s), (tpot, level.tpot_p95_s), (e2e, level.e2e_p95_s)) if limit is not None]
    if not limits:
        return 1.0
    return sum(all(values[i] <= limit for values, limit in limits) for i in range(len(ttft))) / len(ttft)


def percentiles(values: list[float]) -> Three:
    """p50, p95 and p99, each a value that was seen."""
    ordered = sorted(values)
    last = len(ordered) - 1
    p50, p95, p99 = (ordered[round(share * last)] for share in SHARES)
    return p50, p95, p99


def weighted_percentiles(values: Sequence[tuple[float, int]]) -> Three:
    """The same of values with a count."""
    ordered = sorted(values, key=itemgetter(0))
    seen = list(accumulate(map(itemgetter(1), ordered)))
    if not seen:
        return 0.0, 0.0, 0.0
    p50, p95, p99 = (ordered[bisect_left(seen, share * seen[-1])][0] for share in SHARES)
    return p50, p95, p99
