"""How near an expectation is to its limit: one ratio for searching, ranking and explaining. Above 1 the limit is missed."""

import math
from collections.abc import Iterable

from advisor.domain.assessment import Assessment
from advisor.domain.verdict import AT_LEAST_LIKELY, Requirement

_UNDER_LOAD = ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s", "utilization", "finish_h", "failed_pct")


def ratio(requirement: Requirement) -> float:
    """What is expected over what is allowed, or what is needed over what is expected; infinite when it was not estimated."""
    if requirement.given is None:
        return math.inf
    if requirement.at_most:
        return requirement.given.value / requirement.at_most
    return (requirement.at_least or 0.0) / max(requirement.given.value, 1e-9)


def strain(requirements: Iterable[Requirement]) -> float:
    """The worst ratio among the requirements that the load decides: well below 1 there is headroom. 0 when nothing is limited."""
    return max((ratio(r) for r in requirements if r.name.startswith(_UNDER_LOAD)), default=0.0)


def worst_failure(requirements: Iterable[Requirement]) -> Requirement | None:
    """The hard requirement that is missed by the largest factor."""
    failing = [r for r in requirements if r.hard and r.standing not in AT_LEAST_LIKELY]
    return max(failing, key=ratio, default=None)


def missed_by(assessment: Assessment) -> float:
    """The largest factor by which a hard requirement is missed: 0 when recommended, infinite when a rule blocks for another reason."""
    failing = worst_failure(assessment.requirements)
    if failing is None:
        return math.inf if assessment.blocked else 0.0
    return ratio(failing)
