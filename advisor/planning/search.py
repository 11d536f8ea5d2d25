"""Best-first search: always look closer at what promises most, until nothing left can beat the best that was simulated.

A prospect is sized, an option is simulated; each step sharpens the lower bound on its price. What costs more at its bound than the
best recommended deployment is never simulated. Then the best of each other family is looked at, so that "why not" has an answer.
"""

import heapq
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from advisor.assess import Case, assess, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Deployment
from advisor.domain.verdict import AT_LEAST_LIKELY
from advisor.planning.option import Dropped, Option, Prospect, Space
from advisor.planning.rank import COST_BAND
from advisor.planning.size import size_prospect

SIMULATED_PER_FAMILY = 2
SIMULATED_AT_MOST = 16
SIZED_AT_MOST = 120
_STEP = 1.3  # replicas grow by at least one, or by this factor
_TRIES = 6
_JUMP = 2.5
_LOADED = ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s", "utilization", "finish_h")
Promise = tuple[int, float, int, float, int]


@dataclass(slots=True)
class Searched:
    """Assessments by option (quick looks), and what a bound, or the limit on simulations, left out."""

    assessments: list[tuple[Assessment, Option]] = field(default_factory=list)
    left: list[Prospect | Option] = field(default_factory=list)
    sized: int = 0

    def best_usd(self, rank: int) -> float:
        """The month's price of the cheapest recommended assessment of this or a better-liked model."""
        prices = (monthly_usd(a) for a, option in self.assessments if a.recommended and option.prospect.model_rank <= rank)
        return min(prices, default=math.inf)


def search(case: Case, prospects: Iterable[Prospect], space: Space) -> Searched:
    """Simulate the most promising options first."""
    searched, ties = Searched(), itertools.count()
    heap: list[tuple[Promise, Prospect | Option]] = [(_promise(prospect, next(ties)), prospect) for prospect in prospects]
    heapq.heapify(heap)
    simulated: dict[object, int] = {}
    while heap:
        _, entry = heapq.heappop(heap)
        prospect = entry.prospect if isinstance(entry, Option) else entry
        full = simulated.get(prospect.family, 0) >= SIMULATED_PER_FAMILY or len(searched.assessments) >= SIMULATED_AT_MOST
        if full or _beaten(searched, entry, prospect) or searched.sized >= SIZED_AT_MOST:
            searched.left.append(entry)
        elif isinstance(entry, Option):
            simulated[prospect.family] = simulated.get(prospect.family, 0) + 1
            searched.assessments.append((replicated(case, entry), entry))
        else:
            searched.sized += 1
            found = size_prospect(case, entry)
            if isinstance(found, Dropped):
                space.dropped.append(found)
            else:
                heapq.heappush(heap, (_promise(found, next(ties)), found))
    return searched


def _beaten(searched: Searched, entry: Prospect | Option, prospect: Prospect) -> bool:
    return entry.usd_per_month_at_least > searched.best_usd(prospect.model_rank) * COST_BAND


def _promise(entry: Prospect | Option, tie: int) -> Promise:
    """The owner's order of models, the bound on the price, how much hardware it takes, how large the weights are."""
    prospect = entry.prospect if isinstance(entry, Option) else entry
    bits = prospect.checkpoint.weights_bytes or 0
    return (prospect.model_rank, entry.usd_per_month_at_least, prospect.devices, -bits, tie)


# ---- how many replicas


def replicated(case: Case, option: Option) -> Assessment:
    """The option with as few replicas as keep the service level; with the most that were tried when none does. A quick look."""
    tried: dict[int, Assessment] = {}
    fewest = replicas = min(option.replicas_at_least, option.replicas_at_most)
    for _ in range(_TRIES):
        tried[replicas] = found = _assessed(case, option, replicas)
        excess = _excess(found)
        if found.recommended or excess <= 1 or replicas >= option.replicas_at_most:
            break
        fewest = replicas + 1
        replicas = min(option.replicas_at_most, max(replicas + 1, math.ceil(replicas * min(_STEP * excess, _JUMP))))
    while found.recommended and fewest < replicas:
        middle = (fewest + replicas) // 2
        tried[middle] = _assessed(case, option, middle)
        fewest, replicas = (fewest, middle) if tried[middle].recommended else (middle + 1, replicas)
    return tried.get(replicas, found)


def _assessed(case: Case, option: Option, replicas: int) -> Assessment:
    deployment = Deployment(case.workload.name, option.candidate, replicas)
    return assess(deployment, option.available, case, option.sized, look="quick")


def _excess(assessment: Assessment) -> float:
    """The worst ratio of a load-dependent expectation to its limit; above 1 it fails."""
    ratios = [
        r.given.value / r.at_most
        for r in assessment.requirements
        if r.given is not None and r.at_most and r.name.startswith(_LOADED) and r.standing not in AT_LEAST_LIKELY
    ]
    waiting = [math.inf] if any(r.given is None and r.name.startswith(_LOADED) for r in assessment.requirements) else []
    return max([*ratios, *waiting], default=1.0)
