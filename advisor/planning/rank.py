"""Ranking is lexicographic: what must hold, then the owner's order of models, cost in bands of 5 %, simplicity, quality lost, headroom.

No weighted sums of unlike units: each key decides only between options that all earlier keys leave equal. Formats that lose up to 1 % count
as equal: the owner's band has removed what loses too much, and a difference that nobody notices must not cost latency that people notice.
Headroom counts in tenths of a limit; files that somebody must make first lose only against equals, for making them takes minutes.
"""

import math
from collections.abc import Mapping, Sequence

from advisor.assess import monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.quantization import Quantization
from advisor.domain.verdict import AT_LEAST_LIKELY, Requirement

COST_BAND = 1.05
_LOSS = {"none": 0, "slight": 0, "some": 1, "large": 2}
_UNDER_LOAD = ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s", "utilization", "finish_h")
Key = tuple[bool, int, int, int, tuple[int, int, bool], int, float, bool, float, float, str]


def ranked(assessments: Sequence[tuple[Assessment, int]], quantizations: Mapping[str, Quantization]) -> list[Assessment]:
    """Best first; each assessment comes with the rank of its model in the owner's list."""
    cheapest = min((monthly_usd(a) for a, _ in assessments if a.recommended), default=0.0)
    return [a for a, _ in sorted(assessments, key=lambda pair: _key(*pair, cheapest=cheapest, quantizations=quantizations))]


def _key(assessment: Assessment, model_rank: int, *, cheapest: float, quantizations: Mapping[str, Quantization]) -> Key:
    candidate = assessment.deployment.candidate
    usd, strained = monthly_usd(assessment), strain(assessment.requirements)
    loss = candidate.checkpoint.loss or quantizations[candidate.checkpoint.quantization].loss
    return (
        not assessment.recommended,
        0 if assessment.recommended else failures(assessment),
        model_rank,
        cost_band(usd, cheapest),
        _complexity(assessment),
        _LOSS[loss],
        round(strained, 1),
        not candidate.checkpoint.published,
        round(strained, 3),
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


def strain(requirements: Sequence[Requirement]) -> float:
    """The worst ratio of what is expected under load to its limit: above 1 it fails, well below there is headroom. 0 without a limit."""
    limited = [r for r in requirements if r.at_most and r.name.startswith(_UNDER_LOAD)]
    return max((math.inf if r.given is None else r.given.value / r.at_most for r in limited if r.at_most), default=0.0)


def _complexity(assessment: Assessment) -> tuple[int, int, bool]:
    """How many processes and devices there are to keep alive, then host offload."""
    candidate = assessment.deployment.candidate
    replicas = assessment.deployment.replicas
    return (replicas, replicas * candidate.parallelism.devices, _offloaded(candidate))


def _offloaded(candidate: Candidate) -> bool:
    """True when a part of the weights is read from host memory in each step."""
    settings = candidate.settings
    if candidate.node.device.is_cpu or not isinstance(settings, LlamaCppSettings):
        return False
    return settings.n_cpu_moe > 0 or 0 <= settings.n_gpu_layers < candidate.model.architecture.layers
