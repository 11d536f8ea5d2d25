"""Best-first search: always look closer at what promises most, until nothing left can beat the best that was simulated.

A prospect is sized, an option is simulated; each step sharpens the lower bound on its price. What costs more at its bound than the
best recommended deployment is never simulated, nor is a model that comes after one that is recommended already.
"""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from advisor.assess import Case, assess, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Deployment
from advisor.planning.bounds import monthly_usd_at_least
from advisor.planning.option import Dropped, Option, Prospect, Space
from advisor.planning.rank import COST_BAND
from advisor.planning.size import size_prospect
from advisor.planning.strain import strain

SIMULATED_PER_FAMILY = 3
SIMULATED_AT_MOST = 60
SIMULATED_IN_PASSING = 20
_MODELS_OF_ANY = 6  # where any model will do, so many that keep the service level are found, for their owner to choose from
SIZED_AT_MOST = 120
_OVER_BUDGET = 3  # so many are looked at even when all cost too much: the nearest is one of them
_STEP = 1.3  # replicas grow by at least one, or by this factor
_TRIES = 6
_JUMP = 2.5
Promise = tuple[int, float, int, float, int]
Reason = Literal["dearer", "over budget", "later model", "alike", "limit"]


@dataclass(frozen=True, slots=True)
class Left:
    """What was not simulated, and why: dearer at its bound than the best or the budget, a model liked less, enough alike, or the limit."""

    entry: Prospect | Option
    reason: Reason

    @property
    def prospect(self) -> Prospect:
        """The recipe on its hardware."""
        return self.entry.prospect if isinstance(self.entry, Option) else self.entry


@dataclass(slots=True)
class Searched:
    """Assessments by option (quick looks), and what a bound, or the limit on simulations, left out."""

    assessments: list[tuple[Assessment, Option]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    by_family: Counter[object] = field(default_factory=Counter)
    sized: int = 0

    best_usd: float = math.inf  # the month's price of the cheapest that is recommended
    recommended_ranks: set[int] = field(default_factory=set)  # places in the owner's list of models

    def add(self, assessment: Assessment, option: Option) -> None:
        """Remember one more look."""
        self.assessments.append((assessment, option))
        self.by_family[option.prospect.family] += 1
        if assessment.recommended:
            self.best_usd = min(self.best_usd, monthly_usd(assessment))
            self.recommended_ranks.add(option.prospect.model_rank)


def search(case: Case, prospects: Iterable[Prospect], space: Space, *, at_most: int = SIMULATED_AT_MOST) -> Searched:
    """Simulate the most promising options first, `at_most` so many."""
    searched, ties = Searched(), itertools.count()
    heap: list[tuple[Promise, Prospect | Option]] = [(_promise(prospect, next(ties)), prospect) for prospect in prospects]
    heapq.heapify(heap)
    while heap:
        _, entry = heapq.heappop(heap)
        reason = _left_for(case, searched, entry, at_most=at_most)
        if reason is not None:
            searched.left.append(Left(entry, reason))
        elif isinstance(entry, Option):
            searched.add(replicated(case, _affordable(case, entry, searched.best_usd * COST_BAND)), entry)
        else:
            searched.sized += 1
            found = size_prospect(case, entry)
            if isinstance(found, Dropped):
                space.dropped.append(found)
            else:
                heapq.heappush(heap, (_promise(found, next(ties)), found))
    return searched


def _affordable(case: Case, option: Option, usd: float) -> Option:
    """The option with no more replicas than `usd` a month pays for: more would lose to the best one anyway."""
    node_usd = monthly_usd_at_least(case, option.available, nodes=1)
    if math.isinf(usd) or node_usd <= 0:
        return option
    at_most = max(1, math.floor(usd / node_usd + 1e-9)) * option.replicas_per_node
    return replace(option, replicas_at_most=min(option.replicas_at_most, at_most))


def _left_for(case: Case, searched: Searched, entry: Prospect | Option, *, at_most: int) -> Reason | None:
    prospect = entry.prospect if isinstance(entry, Option) else entry
    better_liked = sum(rank < prospect.model_rank for rank in searched.recommended_ranks)
    if better_liked >= (_MODELS_OF_ANY if case.workload.models in (None, "any") else 1):
        return "later model"
    if entry.usd_per_month_at_least > searched.best_usd * COST_BAND:
        return "dearer"
    budget = case.workload.cost.budget_usd_per_month
    if budget is not None and entry.usd_per_month_at_least > budget and len(searched.assessments) >= _OVER_BUDGET:
        return "over budget"
    if searched.by_family[prospect.family] >= SIMULATED_PER_FAMILY:
        return "alike"
    enough = isinstance(entry, Prospect) and searched.sized >= SIZED_AT_MOST  # what is sized already is still worth a look
    return "limit" if enough or len(searched.assessments) >= at_most else None


def _promise(entry: Prospect | Option, tie: int) -> Promise:
    """The owner's order of models, the bound on the price, how much hardware it takes, how large the weights are."""
    prospect = entry.prospect if isinstance(entry, Option) else entry
    weights = prospect.checkpoint.weights_bytes or 0
    return (prospect.model_rank, entry.usd_per_month_at_least, prospect.devices, -weights, tie)


# ---- how many replicas


def replicated(case: Case, option: Option) -> Assessment:
    """The option with as few replicas as keep the service level; with the most that were tried when none does. A quick look."""
    tried: dict[int, Assessment] = {}
    fewest = replicas = min(option.replicas_at_least, option.replicas_at_most)
    for _ in range(_TRIES):
        tried[replicas] = found = _assessed(case, option, replicas)
        excess = strain(found.requirements)
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
