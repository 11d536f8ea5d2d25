"""Published times of vLLM that physics rules out, and what they say of the prompts of their group."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from advisor.accuracy.case import Case, CaseMetric
from advisor.accuracy.errors import grouped
from advisor.domain.calibration import Fitted
from advisor.domain.memory_constants import MemoryConstants
from advisor.errors import UserInputError
from advisor.estimate.memory import estimate_memory
from advisor.estimate.vllm_rank import VllmRank, vllm_rank

WARM_SHARE: Final = 0.05  # of a group's runs on which prompts weigh: where more beat the arithmetic of their prompts, these were cached
WEIGHS: Final = 0.5  # of a measured time: where the peak's arithmetic is less, cached prompts do not show
BELOW_ARITHMETIC: Final = "faster than the arithmetic of the prompts at the device's peak"
BELOW_BYTES: Final = "tokens faster than their bytes at the nominal bandwidth"
WARM: Final = "prompts of this group were cached: its runs beat their arithmetic at the device's peak"
QUEUED: Final = "more in flight than slots and cache hold"
_NO_PEAK: Final = Fitted(1e9, 1e9, 1e9)  # a device without a published peak has no floor of arithmetic


def checked(case: Case, constants: MemoryConstants) -> Case:
    """The case with the metrics marked that cannot be. Raises UserInputError for weights that do not fit the device."""
    return replace(case, unreliable=dict(case.unreliable) | _unreliable(case, _rank(case)) | _queued(case, constants))


def warm_marked(cases: Sequence[Case]) -> Iterator[Case]:
    """Where many runs of a group beat the arithmetic of their prompts, some were cached, and nobody says how many: first tokens tell
    nothing, nor do tokens that wait for the prompts of others."""
    telling = grouped(filter(_prompts_weigh, cases), lambda case: case.group)
    warm = {
        group for group, own in telling.items() if sum(BELOW_ARITHMETIC in case.unreliable.values() for case in own) > WARM_SHARE * len(own)
    }
    for case in cases:
        metrics: tuple[CaseMetric, ...] = ("ttft_s",) if case.in_flight == 1 else ("ttft_s", "tpot_s")
        warmed = dict.fromkeys(metrics, WARM) if case.group in warm else {}
        yield replace(case, unreliable=dict(case.unreliable) | warmed)


def _prompts_weigh(case: Case) -> bool:
    return any(floor_s > WEIGHS * case.measured[metric] for metric, floor_s in _prompt_floors_s(case, _rank(case)).items())


def _rank(case: Case) -> VllmRank:
    return vllm_rank(case.candidate, case.weights, case.quantization, flops_per_byte=_NO_PEAK)


def _prompt_floors_s(case: Case, rank: VllmRank) -> Mapping[CaseMetric, float]:
    """What the prompts take at least, at the device's peak: to the first token, and for each further one among others."""
    floors: dict[CaseMetric, float] = {"ttft_s": rank.floor_prefill_s(case.input_tokens), "tpot_s": _floor_among_s(case, rank)}
    return {metric: floor for metric, floor in floors.items() if metric in case.measured}


def _floor_among_s(case: Case, rank: VllmRank) -> float:
    """Seconds per token that no engine can beat among the others of a closed loop: each generates for a share of the time that a request
    takes, and asks once in it. A step reads their caches, in kernels of their own, and the weights while it computes prompts."""
    ttft_s, tpot_s = case.measured.get("ttft_s"), case.measured.get("tpot_s")
    clients = (case.in_flight or 1) / case.candidate.parallelism.data
    if ttft_s is None or tpot_s is None or clients <= 1:
        return 0.0
    generating_s = case.output_tokens * tpot_s
    others = (clients - 1) * generating_s / (generating_s + ttft_s)
    caches_s = (1 + others) * rank.cache_bytes(case.depth_tokens + case.input_tokens) / rank.bandwidth_bytes_per_s
    return caches_s + max(rank.floor_decode_s(1, 0.0), others / case.output_tokens * rank.floor_prefill_s(case.input_tokens))


def _unreliable(case: Case, rank: VllmRank) -> dict[CaseMetric, str]:
    """Metrics that physics or the row itself rules out."""
    found: dict[CaseMetric, str] = {}
    if case.row.judge_ready == "tpot_only":
        found["ttft_s"] = "warm prefixes or the client's own time, as the source says"
    found |= {metric: BELOW_ARITHMETIC for metric, floor_s in _prompt_floors_s(case, rank).items() if case.measured[metric] < floor_s}
    tpot_s = case.measured.get("tpot_s")
    if tpot_s is not None and tpot_s < rank.floor_decode_s(1, case.depth_tokens + case.input_tokens):
        found["tpot_s"] = BELOW_BYTES
    return found


def _queued(case: Case, constants: MemoryConstants) -> dict[CaseMetric, str]:
    """More in flight than slots or cache hold: the times have a queue in them, of a length that hangs on memory."""
    if case.in_flight is None:
        return {}
    request = round(case.input_tokens + case.output_tokens / 2)
    memory = estimate_memory(case.candidate, case.weights, constants=constants, typical_tokens=request, longest_tokens=request)
    if memory.devices[0].kv_cache_bytes.value <= 0:
        raise UserInputError("the weights do not fit the device")
    if case.in_flight <= memory.requests_held_typical.value:
        return {}
    return dict.fromkeys(("ttft_s", "tpot_s"), QUEUED)
