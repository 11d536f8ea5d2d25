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

SIMULATED_ALIKE = 3  # of one family on as many devices: they differ in their machine alone
SIMULATED_AT_MOST = 60
SIMULATED_IN_PASSING = 20
_MODELS_OF_ANY = 6  # where any model will do, so many that keep the service level are found, for their owner to choose from
_SIZED_PER_MODEL = 120
_SIZED_OF_ANY = 12  # where any model will do: fewer with every model that fails, for the smaller ones to be reached at all
_HARDLY_HOPEFUL_OF_ANY = 3
_OVER_BUDGET = 3  # so many are looked at even when all cost too much: the nearest is one of them
_STEP = 1.3  # replicas grow by at least one, or by this factor
_TRIES = 6
_JUMP = 2.5
_NO_BETTER = 0.97  # of the strain before: more replicas do not help a request that is alone already
Promise = tuple[bool, float, int, float, int]
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
    alike: Counter[tuple[object, int]] = field(default_factory=Counter)  # by family and devices
    sized_of_model: list[int] = field(default_factory=lambda: [0, 0])  # without and with much hope
    slow: dict[object, Dropped] = field(default_factory=dict)  # by replica: an idle one is too slow, in every machine alike
    sized_at_most: tuple[int, int] = (_SIZED_PER_MODEL, _SIZED_PER_MODEL)  # of a model: of those without and with much hope

    best_usd: float = math.inf  # the month's price of the cheapest that is recommended
    recommended_ranks: set[int] = field(default_factory=set)  # places in the owner's list of models

    def add(self, assessment: Assessment, option: Option) -> None:
        """Remember one more look."""
        self.assessments.append((assessment, option))
        self.alike[option.prospect.family, option.prospect.devices] += 1
        if assessment.recommended:
            self.best_usd = min(self.best_usd, monthly_usd(assessment))
            self.recommended_ranks.add(option.prospect.model_rank)


def search(case: Case, models: Iterable[Iterable[Prospect]], space: Space, *, at_most: int = SIMULATED_AT_MOST) -> Searched:
    """Simulate the most promising options first, `at_most` so many; the prospects come model by model, in the owner's order.

    Where any model will do, those after enough that are recommended are not even enumerated.
    """
    searched, any_model = Searched(), case.workload.models in (None, "any")
    for rank, prospects in enumerate(models):
        if any_model:
            if _enough_better_liked(searched, rank, any_model=True) or len(searched.assessments) >= at_most:
                break
            hopeful = max(_HARDLY_HOPEFUL_OF_ANY, _SIZED_OF_ANY // (1 + rank - len(searched.recommended_ranks)))
            space.usd_at_most = searched.best_usd * COST_BAND
            searched.sized_at_most = (0 if searched.recommended_ranks else _HARDLY_HOPEFUL_OF_ANY, hopeful)
        space.models += 1
        _search_model(case, searched, prospects, space, at_most=at_most)
    return searched


def _search_model(case: Case, searched: Searched, prospects: Iterable[Prospect], space: Space, *, at_most: int) -> None:
    ties = itertools.count()
    heap: list[tuple[Promise, Prospect | Option]] = [(_promise(prospect, next(ties)), prospect) for prospect in prospects]
    heapq.heapify(heap)
    searched.sized_of_model = [0, 0]
    while heap:
        _, entry = heapq.heappop(heap)
        reason = _left_for(case, searched, entry, at_most=at_most)
        if reason is not None:
            searched.left.append(Left(entry, reason))
        elif isinstance(entry, Option):
            space.finalists += 1
            searched.add(replicated(case, affordable(case, entry, searched.best_usd * COST_BAND)), entry)
        else:
            found = _sized(case, searched, entry, space)
            if found is not None:
                heapq.heappush(heap, (_promise(found, next(ties)), found))


def _sized(case: Case, searched: Searched, prospect: Prospect, space: Space) -> Option | None:
    known = searched.slow.get(prospect.replica)
    if known is not None:
        known.alike += 1
        return None
    space.sized += 1
    searched.sized_of_model[prospect.hopeful] += 1
    found = size_prospect(case, prospect)
    if not isinstance(found, Dropped):
        return found
    space.dropped.append(found)
    if found.prospect is not None:
        searched.slow[prospect.replica] = found
    return None


def _enough_better_liked(searched: Searched, rank: int, *, any_model: bool) -> bool:
    """Enough models that stand before this one are recommended already."""
    return sum(other < rank for other in searched.recommended_ranks) >= (_MODELS_OF_ANY if any_model else 1)


def affordable(case: Case, option: Option, usd: float) -> Option:
    """The option with no more replicas than `usd` a month pays for: more would lose to the best one anyway."""
    node_usd = monthly_usd_at_least(case, option.available, nodes=1)
    by_the_hour = case.demand.piles_per_month is not None  # more replicas are done sooner, for the same money
    if math.isinf(usd) or node_usd <= 0 or by_the_hour:
        return option
    at_most = max(1, math.floor(usd / node_usd + 1e-9)) * option.replicas_per_node
    return replace(option, replicas_at_most=min(option.replicas_at_most, at_most))


def _left_for(case: Case, searched: Searched, entry: Prospect | Option, *, at_most: int) -> Reason | None:
    prospect = entry.prospect if isinstance(entry, Option) else entry
    if _enough_better_liked(searched, prospect.model_rank, any_model=case.workload.models in (None, "any")):
        return "later model"
    if entry.usd_per_month_at_least > searched.best_usd * COST_BAND:
        return "dearer"
    budget = case.workload.cost.budget_usd_per_month
    if budget is not None and entry.usd_per_month_at_least > budget and len(searched.assessments) >= _OVER_BUDGET:
        return "over budget"
    if searched.alike[prospect.family, prospect.devices] >= SIMULATED_ALIKE:
        return "alike"
    if isinstance(entry, Option):
        return "limit" if len(searched.assessments) >= at_most else None
    return "limit" if searched.sized_of_model[prospect.hopeful] >= searched.sized_at_most[prospect.hopeful] else None


def _promise(entry: Prospect | Option, tie: int) -> Promise:
    """Within a model: what may well be quick enough, the bound on the price, how much hardware it takes, how large the weights are."""
    prospect = entry.prospect if isinstance(entry, Option) else entry
    weights = prospect.checkpoint.weights_bytes or 0
    return (not prospect.hopeful, entry.usd_per_month_at_least, prospect.devices, -weights, tie)


# ---- how many replicas


def replicated(case: Case, option: Option) -> Assessment:
    """The option with as few replicas as keep the service level; as many as help when none does. A quick look."""
    tried: dict[int, Assessment] = {}
    fewest = replicas = min(option.replicas_at_least, option.replicas_at_most)
    before = math.inf
    for _ in range(_TRIES):
        tried[replicas] = found = _assessed(case, option, replicas)
        excess = strain(found.requirements)
        if found.recommended or excess <= 1 or replicas >= option.replicas_at_most:
            break
        if excess > before * _NO_BETTER and not _saturated(found):
            return min(tried.items(), key=lambda pair: (strain(pair[1].requirements) > excess / _NO_BETTER, pair[0]))[1]
        before = excess
        fewest = replicas + 1
        replicas = min(option.replicas_at_most, max(replicas + 1, math.ceil(replicas * min(_STEP * excess, _JUMP))))
    while found.recommended and fewest < replicas:
        middle = (fewest + replicas) // 2
        tried[middle] = _assessed(case, option, middle)
        fewest, replicas = (fewest, middle) if tried[middle].recommended else (middle + 1, replicas)
    return tried.get(replicas, found)


def _saturated(assessment: Assessment) -> bool:
    performance = assessment.estimate.performance_degraded or assessment.estimate.performance
    return performance is not None and performance.saturated


def _assessed(case: Case, option: Option, replicas: int) -> Assessment:
    deployment = Deployment(case.workload.name, option.candidate, replicas)
    return assess(deployment, option.available, case, option.sized, look="quick")
