"""Ranking is lexicographic: what must hold, the order of models, cost in bands of 5 %, simplicity, quality, headroom, spare capacity.

No weighted sums of unlike units: each key decides only between options that all earlier keys leave equal. Formats that lose up to 1 % count
as equal: the owner's band has removed what loses too much, and a difference that nobody notices must not cost latency that people notice.
Headroom counts in fifths of a limit, because predictions are no finer, and spare capacity in tenths of what can be served; files that
somebody must make first lose only against equals, for making them takes minutes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from advisor.assess import monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.quantization import Quantization
from advisor.planning.strain import missed_by, strain

COST_BAND = 1.05
_DEARER_THAN_NOTHING = 10_000
_LOSS = {"none": 0, "slight": 0, "some": 1, "large": 2}


class Key(NamedTuple):
    """What an option is ranked by, the smaller the better: first what matters most."""

    not_recommended: bool
    missed_by: float
    model_rank: int
    cost_band: int
    complexity: tuple[int, int, bool]
    loss_step: int
    headroom_step: int
    asked_share: float
    not_published: bool
    strained: float
    answer_s: float
    usd: float
    name: str

    def at_price(self, usd: float, cheapest: float) -> "Key":
        """The same option at another price a month, where the cheapest that is recommended costs so much."""
        return self._replace(cost_band=cost_band(usd, cheapest), usd=usd)


def ranked(assessments: Sequence[tuple[Assessment, int]], quantizations: Mapping[str, Quantization]) -> list[Assessment]:
    """Best first; each assessment comes with the rank of its model in the owner's list. What is not recommended: the nearest miss first."""
    cheapest = min((monthly_usd(a) for a, _ in assessments if a.recommended), default=0.0)
    return [a for a, _ in sorted(assessments, key=lambda pair: key_of(*pair, cheapest=cheapest, quantizations=quantizations))]


def key_of(assessment: Assessment, model_rank: int, *, cheapest: float, quantizations: Mapping[str, Quantization]) -> Key:
    """What this option is ranked by."""
    candidate = assessment.deployment.candidate
    usd, strained = monthly_usd(assessment), strain(assessment.requirements)
    return Key(
        not assessment.recommended,
        round(missed_by(assessment), 2),
        model_rank,
        cost_band(usd, cheapest),
        complexity(assessment),
        loss_step(assessment, quantizations),
        headroom_step(assessment),
        round(asked_share(assessment), 1),
        not candidate.checkpoint.published,
        round(strained, 3),
        _answer_s(assessment),
        usd,
        f"{candidate.runtime.runtime} {candidate.checkpoint.repo_id} {candidate.checkpoint.quantization} {candidate.node.id}",
    )


def headroom_step(assessment: Assessment) -> int:
    """The tightest requirement that the load decides, in fifths of its limit."""
    return round(strain(assessment.requirements) * 5)


def asked_share(assessment: Assessment) -> float:
    """How much of what it can serve is asked for."""
    performance = assessment.estimate.performance
    return 0.0 if performance is None else performance.utilization.value


def _answer_s(assessment: Assessment) -> float:
    """A slow answer in seconds: what is left to prefer where no latency is limited."""
    performance = assessment.estimate.performance
    return math.inf if performance is None else round(performance.e2e_s.p95.value, 3)


def cost_band(usd: float, cheapest: float) -> int:
    """Which band of 5 % above the cheapest recommended option a price falls into."""
    if usd <= cheapest:
        return 0
    if math.isinf(usd) or cheapest <= 0:
        return _DEARER_THAN_NOTHING
    return int(math.log(usd / cheapest) / math.log(COST_BAND))


def loss_step(assessment: Assessment, quantizations: Mapping[str, Quantization]) -> int:
    """Quality lost in steps that somebody may notice; the checkpoint's own band first, which a release has for its native format."""
    checkpoint = assessment.deployment.candidate.checkpoint
    return _LOSS[checkpoint.loss or quantizations[checkpoint.quantization].loss]


def complexity(assessment: Assessment) -> tuple[int, int, bool]:
    """How many devices and processes there are to keep alive, then host offload."""
    candidate, replicas = assessment.deployment.candidate, assessment.deployment.replicas
    return (replicas * candidate.parallelism.devices, replicas, offloaded(candidate))


def offloaded(candidate: Candidate) -> bool:
    """True when a part of the weights is read from host memory in each step."""
    settings = candidate.settings
    if candidate.node.device.is_cpu or not isinstance(settings, LlamaCppSettings):
        return False
    return settings.n_cpu_moe > 0 or 0 <= settings.n_gpu_layers < candidate.model.architecture.layers
