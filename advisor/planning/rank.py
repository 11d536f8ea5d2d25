"""Ranking is lexicographic: what must hold, then the owner's order of models, then cost in bands of 5 %, simplicity, quality lost.

No weighted sums of unlike units: each key decides only between options that all earlier keys leave equal.
"""

import math
from collections.abc import Mapping, Sequence

from advisor.assess import monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.quantization import Quantization
from advisor.domain.verdict import AT_LEAST_LIKELY

COST_BAND = 1.05
_LOSS = ("none", "slight", "some", "large")
Key = tuple[bool, int, int, int, tuple[bool, int, int, bool], int, float, str]


def ranked(assessments: Sequence[tuple[Assessment, int]], quantizations: Mapping[str, Quantization]) -> list[Assessment]:
    """Best first; each assessment comes with the rank of its model in the owner's list."""
    cheapest = min((monthly_usd(a.estimate.cost) for a, _ in assessments if a.recommended), default=0.0)
    return [a for a, _ in sorted(assessments, key=lambda pair: _key(*pair, cheapest=cheapest, quantizations=quantizations))]


def _key(assessment: Assessment, model_rank: int, *, cheapest: float, quantizations: Mapping[str, Quantization]) -> Key:
    candidate = assessment.deployment.candidate
    usd = monthly_usd(assessment.estimate.cost)
    loss = _LOSS.index(quantizations[candidate.checkpoint.quantization].loss)
    return (
        not assessment.recommended,
        0 if assessment.recommended else failures(assessment),
        model_rank,
        cost_band(usd, cheapest),
        _complexity(assessment),
        loss,
        usd,
        f"{candidate.runtime.runtime} {candidate.checkpoint.repo_id} {candidate.checkpoint.quantization} {candidate.node.id}",
    )


def cost_band(usd: float, cheapest: float) -> int:
    """Which band of 5 % above the cheapest recommended option a price falls into."""
    if math.isinf(usd):
        return 10_000
    if cheapest <= 0 or usd <= cheapest:
        return 0
    return int(math.log(usd / cheapest) / math.log(COST_BAND))


def failures(assessment: Assessment) -> int:
    """How many hard requirements are not at least likely, blocking verdicts included."""
    blocks = sum(verdict.severity == "block" for verdict in assessment.verdicts)
    return blocks + sum(r.hard and r.standing not in AT_LEAST_LIKELY for r in assessment.requirements)


def _complexity(assessment: Assessment) -> tuple[bool, int, int, bool]:
    """Files somebody must make first, then how many processes and devices there are to keep alive, then host offload."""
    candidate = assessment.deployment.candidate
    replicas = assessment.deployment.replicas
    offloaded = any("offload" in reason or "host memory" in reason for reason in candidate.why.values())
    return (not candidate.checkpoint.published, replicas, replicas * candidate.parallelism.devices, offloaded)
