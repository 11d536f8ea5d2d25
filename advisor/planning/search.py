"""Simulates options until the best is found: replicas are added until the service level is kept, or adding stops helping."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from advisor.assess import Case, assess, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Deployment
from advisor.domain.verdict import AT_LEAST_LIKELY
from advisor.planning.option import Family, Option
from advisor.planning.rank import COST_BAND

SIMULATED_PER_FAMILY = 2
_STEP = 1.3  # replicas grow by at least one, or by this factor
_TRIES = 6
_HELPS = 0.98  # another replica must cut the worst excess by 2 %
_SCALES = ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s", "utilization", "finish_h")


@dataclass(slots=True)
class Searched:
    """Assessments by option, and the options that a bound ruled out without a simulation."""

    assessments: list[tuple[Assessment, Option]] = field(default_factory=list)
    beaten: list[Option] = field(default_factory=list)

    def best_usd(self, rank: int) -> float:
        """The month's price of the cheapest recommended assessment of this or a better-liked model."""
        prices = (monthly_usd(a.estimate.cost) for a, option in self.assessments if a.recommended and option.model_rank <= rank)
        return min(prices, default=math.inf)


def search(case: Case, options: Sequence[Option], *, limit: int) -> Searched:
    """Simulate the most promising options first; an option whose lower bound is above the best price is never simulated."""
    searched = Searched()
    simulated: dict[Family, int] = {}
    for option in sorted(options, key=_promise):
        best = searched.best_usd(option.model_rank)
        over = option.usd_per_month_at_least > best * COST_BAND
        if over or simulated.get(option.family, 0) >= SIMULATED_PER_FAMILY or len(searched.assessments) >= limit:
            searched.beaten.append(option)
            continue
        simulated[option.family] = simulated.get(option.family, 0) + 1
        searched.assessments.append((replicated(case, option), option))
    return searched


def _promise(option: Option) -> tuple[int, float, int, int, str]:
    devices = option.candidate.parallelism.devices
    return (option.model_rank, option.usd_per_month_at_least, devices, option.sized.weights.total_bytes, str(option.family))


def replicated(case: Case, option: Option) -> Assessment:
    """The option with as few replicas as keep the service level; with the most that helped when none does. A quick look."""
    replicas = min(option.replicas_at_least, option.replicas_at_most)
    best = _assessed(case, option, replicas)
    for _ in range(_TRIES):
        excess = _excess(best)
        if best.recommended or excess <= 1 or replicas >= option.replicas_at_most:
            break
        replicas = min(option.replicas_at_most, max(replicas + 1, math.ceil(replicas * min(_STEP * excess, 3.0))))
        following = _assessed(case, option, replicas)
        if _excess(following) > excess * _HELPS:
            break
        best = following
    return _trimmed(case, option, best)


def _trimmed(case: Case, option: Option, found: Assessment) -> Assessment:
    """Step back down while fewer replicas do as well: growth may have jumped too far."""
    best = found
    for _ in range(2):
        replicas = best.deployment.replicas - 1
        if not best.recommended or replicas < option.replicas_at_least:
            break
        smaller = _assessed(case, option, replicas)
        if not smaller.recommended:
            break
        best = smaller
    return best


def _assessed(case: Case, option: Option, replicas: int) -> Assessment:
    deployment = Deployment(case.workload.name, option.candidate, replicas)
    return assess(deployment, option.available, case, option.sized, look="quick")


def _excess(assessment: Assessment) -> float:
    """The worst ratio of a load-dependent expectation to its limit; above 1 it fails."""
    ratios = [
        r.given.value / r.at_most
        for r in assessment.requirements
        if r.given is not None and r.at_most and r.name.startswith(_SCALES) and r.standing not in AT_LEAST_LIKELY
    ]
    waiting = [math.inf] if any(r.given is None and r.name.startswith(_SCALES) for r in assessment.requirements) else []
    return max([*ratios, *waiting], default=1.0)
