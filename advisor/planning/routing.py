"""What stands between replicas: how the load model splits the load, and what a router that looks at the replicas would make of it."""

from dataclasses import dataclass
from typing import Final

from advisor.assess import SEED, Case, size
from advisor.domain.assessment import Assessment
from advisor.domain.estimate import PerformanceEstimate
from advisor.domain.workload import Load
from advisor.estimate.load import speed_curves
from advisor.estimate.load_requests import request_stream
from advisor.estimate.load_routing import PICKS, REPLICAS_AT_MOST, routed
from advisor.planning.describe import seconds

FEWEST: Final = "a router that picks the replica with the fewest requests in hand"
_P95: Final = 1  # of p50, p95, p99


@dataclass(frozen=True, slots=True)
class Routing:
    """The same requests on the same replicas, simulated together: split as the plan assumes, and by the fewest requests in hand.

    At the expected speed, so neither has a range; the plan's own figures are of one replica under its part, measured for a shorter time.
    """

    replicas_up: int
    ttft_p95_s: float
    tpot_p95_s: float
    ttft_p95_s_fewest_requests: float
    tpot_p95_s_fewest_requests: float

    def __str__(self) -> str:
        planned = f"first token p95 {seconds(self.ttft_p95_s)} and per token p95 {seconds(self.tpot_p95_s)}"
        other = f"{seconds(self.ttft_p95_s_fewest_requests)} and {seconds(self.tpot_p95_s_fewest_requests)}"
        return f"{self.replicas_up} up, simulated together: {planned} split as here, {other} behind {FEWEST}"


def assumed_split(load: Load) -> str:
    """What each of the replicas is simulated with, and which way that errs."""
    if load.batch is not None:
        return f"each gets an equal part of the pile; {FEWEST} evens out the long requests at its end"
    if load.users is not None and load.start == "spread":
        return f"each user stays with one of them, as many with each; {FEWEST} does as well or better"
    if load.requests_per_s is not None:
        stream = "arrivals at random" if load.gaps_cv in (None, 1) else "bursts"
        return f"split at random, so each has {stream} of its own at an equal part of the rate; {FEWEST} does better"
    return f"each has an equal number of the requests in flight; {FEWEST} comes to the same"


def routing_of(case: Case, assessment: Assessment) -> Routing | None:
    """With the replicas down that the workload demands, where that leaves several. None where a router has nothing to choose or to gain."""
    deployment, down = assessment.deployment, case.demand.replicas_down
    some_down = down > 0 and deployment.replicas - down > 1
    up = deployment.replicas - down if some_down else deployment.replicas
    performance = assessment.estimate.performance_degraded if some_down else assessment.estimate.performance
    ranks = up * deployment.candidate.parallelism.data
    if performance is None or not 1 < up <= ranks <= REPLICAS_AT_MOST or not _may_gain(case.demand.load, performance):
        return None
    sized, stream = size(deployment.candidate, case), request_stream(case.demand, SEED)
    curve, *_ = speed_curves(deployment, case.demand, memory=sized.memory, steps=sized.steps, stream=stream)
    assumed, fewest = (routed(curve, stream, case.demand.load, ranks, picks) for picks in PICKS)
    return Routing(
        replicas_up=up,
        ttft_p95_s=assumed.ttft_s[_P95],
        tpot_p95_s=assumed.tpot_s[_P95],
        ttft_p95_s_fewest_requests=fewest.ttft_s[_P95],
        tpot_p95_s_fewest_requests=fewest.tpot_s[_P95],
    )


def _may_gain(load: Load, performance: PerformanceEstimate) -> bool:
    """Where requests come one by one and the replicas keep up: a queue that never empties is as long however it is split."""
    one_by_one = load.requests_per_s is not None or (load.users is not None and load.start == "spread")
    return one_by_one and not performance.saturated
