"""What is asked beyond a decision, because it takes several more: other loads, and what each constraint costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from advisor.planning.constraint_prices import ConstraintPrice, constraint_prices
from advisor.planning.decision import Decision
from advisor.planning.staircase import Decide, Staircase, staircase


@dataclass(frozen=True, slots=True)
class Further:
    """None: not asked for."""

    staircase: Staircase | None = None
    constraints: tuple[ConstraintPrice, ...] | None = None


NOT_ASKED: Final = Further()


def look_further(decision: Decision, decide: Decide, *, factors: Sequence[float], constraints: bool) -> Further:
    """Everything that was asked for; `decide` answers another workload in the same way."""
    workload = decision.case.workload
    steps = staircase(workload, factors, decide) if factors else None
    prices = None
    if constraints and decision.chosen is not None and decision.feasible:
        prices = tuple(constraint_prices(workload, decision.chosen, decision.hosted, decide))
    return Further(steps, prices)
