"""What a deployment holds: requests at once, the largest load of one replica and of all, and when growth reaches it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from advisor.assess import SEED, Case, size
from advisor.domain.assessment import Assessment
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.workload import Load
from advisor.estimate.largest_load import largest_load
from advisor.planning.amounts import load_size, load_text
from advisor.planning.routing import assumed_split
from advisor.units import MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Capacity:
    """Largest loads are in the workload's own unit, within its service level.

    `largest` is what the deployment holds with the workload's replicas down, `largest_all_up` with none. Each replica gets an equal part of
    the load (`routing.assumed_split`), so that each holds as much as the next. `months_until_full` is None without growth.
    """

    replicas: int
    replicas_down: int
    requests_held_typical: Quantity  # by one replica
    requests_held_longest: Quantity
    largest_of_one: Quantity
    growth_pct_per_year: float
    months_until_full: Quantity | None

    @property
    def largest(self) -> Quantity:
        """What is left to hold the load when as many replicas are down as the workload demands."""
        return self.largest_of_one.times(max(1, self.replicas - self.replicas_down))

    @property
    def largest_all_up(self) -> Quantity:
        """With every replica up."""
        return self.largest_of_one.times(self.replicas)


def capacity_of(case: Case, assessment: Assessment) -> Capacity:
    """Simulates one replica under growing loads; the rest is multiplication."""
    deployment, level = assessment.deployment, case.workload.service_level
    sized = size(deployment.candidate, case)
    of_one = largest_load(deployment, case.demand, memory=sized.memory, steps=sized.steps, replicas_up=1, limits=level, seed=SEED)
    growth, down = case.workload.growth_pct_per_year, case.demand.replicas_down
    known = Capacity(
        replicas=deployment.replicas,
        replicas_down=down,
        requests_held_typical=sized.memory.requests_held_typical,
        requests_held_longest=sized.memory.requests_held_longest,
        largest_of_one=of_one,
        growth_pct_per_year=growth,
        months_until_full=None,
    )
    return known if growth <= 0 else _growing(known, load_size(case.demand.load))


def capacity_lines(capacity: Capacity, load: Load) -> Iterator[str]:
    """What one replica holds, and all of them behind a router."""
    typical = round(capacity.requests_held_typical.value)
    held = f"{typical:,} typical request{'' if typical == 1 else 's'} at once"
    longest = f"{capacity.requests_held_longest.value:,.0f} of the longest"
    kept = "" if load.batch is not None else " within the service level"
    yield f"one replica: {load_text(capacity.largest_of_one, load)}{kept}; holds {held}, {longest}"
    if capacity.replicas > 1:
        down = f"{load_text(capacity.largest, load)} with {capacity.replicas_down} down, " if capacity.replicas_down else ""
        up = f"{load_text(capacity.largest_all_up, load)} with all up"
        yield f"{capacity.replicas} replicas behind a router: {down}{up}; {assumed_split(load)}"


def _growing(known: Capacity, now: float) -> Capacity:
    """months = 12 ln(largest / now) / ln(1 + growth); 0 where it is full already."""
    yearly = math.log1p(known.growth_pct_per_year / 100)
    largest = known.largest
    value, low, high = (MONTHS_PER_YEAR * math.log(max(end / now, 1.0)) / yearly for end in (largest.value, largest.low, largest.high))
    months = Quantity(value, low, high, Basis.MODELLED, f"{known.growth_pct_per_year:g} % growth a year; {largest.source}")
    return replace(known, months_until_full=months)
