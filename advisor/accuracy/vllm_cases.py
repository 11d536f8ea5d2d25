"""Published loads on vLLM (`catalog/measurements/vllm`) as the advisor would be asked for them.

A row is left out, or one of its metrics, by what it says and by physics, never by name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from advisor.accuracy.case import Case, CaseMetric, Group, LeftOut
from advisor.accuracy.errors import grouped
from advisor.accuracy.vllm_measured import measured
from advisor.catalog import Catalog
from advisor.catalog.coverage import unmapped
from advisor.catalog.measurements import Names
from advisor.domain.calibration import Fitted
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.domain.memory_constants import MemoryConstants
from advisor.domain.published import VllmRun
from advisor.errors import UserInputError
from advisor.estimate.memory import estimate_memory
from advisor.estimate.vllm_rank import VllmRank, vllm_rank
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

NIGHTLY: Final = "nightly"  # what a build without a release number counts as
NOMINAL_SHARE: Final = 0.9  # lengths drawn from 0.8 to 1.0 of the nominal one
WARM_SHARE: Final = 0.05  # of a group's runs: where more than this beat the arithmetic of their prompts, its prompts were cached
BELOW_ARITHMETIC: Final = "faster than the arithmetic of the prompts at the device's peak"
WARM: Final = "prompts of this group were cached: its runs beat their arithmetic at the device's peak"
QUEUED: Final = "more in flight than slots and cache hold"
_NO_PEAK: Final = Fitted(1e9, 1e9, 1e9)  # a device without a published peak has no floor of arithmetic
_UNUSABLE: Final[Mapping[str, str]] = {  # words of a row's flags or arguments, and why it cannot be compared
    "spec": "speculative decoding",
    "mtp": "speculative decoding",
    "eagle": "speculative decoding",
    "disagg": "prefill and decode on devices of their own",
    "gpu_count_ambiguous": "how many devices it ran on is ambiguous, as the source's reader says",
}
_RANGED: Final = "random_range_ratio_0.8"
_FLAG: Final = re.compile(
    r"\b(max[-_]num[-_]seqs|max[-_]num[-_]batched[-_]tokens|max[-_]model[-_]len|gpu[-_]memory[-_]utilization)['\"]?[ =:]+([\d.]+)"
)
_EAGER: Final = re.compile(r"enforce[-_]eager(?!['\"]?[ =:]+False)")


def vllm_cases(
    rows: Iterable[VllmRun], catalog: Catalog, names: Names, constants: MemoryConstants
) -> tuple[tuple[Case, ...], tuple[LeftOut, ...]]:
    """Every row as a case, or why it is none. Warm prompts are told from all runs of a group, so give whole groups."""
    found: list[Case] = []
    left_out: list[LeftOut] = []
    for row in rows:
        try:
            found.append(_case(row, catalog, names, constants))
        except UserInputError as error:
            left_out.append(LeftOut(row, str(error)))
    return tuple(_warm_marked(found)), tuple(left_out)


def _case(row: VllmRun, catalog: Catalog, names: Names, constants: MemoryConstants) -> Case:
    """Raises UserInputError with the reason of a row that cannot be compared."""
    reason = _refused(row) or unmapped(row, names, catalog)
    if reason:
        raise UserInputError(reason)
    candidate = _candidate(row, catalog, names)
    quantization = catalog.quantization(candidate.checkpoint.quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, quantization, parallelism=candidate.parallelism)
    input_tokens, output_tokens = _lengths(row)
    found = measured(row, output_tokens, _in_flight(row))
    if not found:
        raise UserInputError("no speed that can be compared")
    case = Case(
        row=row,
        group=Group(row.source_id, candidate.node.device.id, candidate.model.id),
        candidate=candidate,
        weights=weights,
        quantization=quantization,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        in_flight=_in_flight(row),
        depth_tokens=0.0,
        measured=found,
        unreliable={},
    )
    rank = vllm_rank(candidate, weights, quantization, flops_per_byte=_NO_PEAK)
    return replace(case, unreliable=_unreliable(case, rank, constants))


def _refused(row: VllmRun) -> str | None:
    """Reasons that the row itself gives."""
    said = f"{row.flags or ''} {row.launch_args or ''}".lower()
    for word, reason in _UNUSABLE.items():
        if word in said:
            return reason
    if row.tp is None:
        return "tensor parallelism is not stated"
    if row.input_len_tokens is None or row.output_len_tokens is None:
        return "lengths are not stated"
    return None


def _lengths(row: VllmRun) -> tuple[float, float]:
    """Mean lengths: what the client counted, else what the source names, less where it drew from a range below that."""
    done = row.completed_requests
    share = NOMINAL_SHARE if _RANGED in (row.flags or "") else 1.0
    counted = [total / done if done and total else None for total in (row.total_input_tokens, row.total_output_tokens)]
    named = [(row.input_len_tokens or 0.0) * share, (row.output_len_tokens or 0.0) * share]
    inputs, outputs = (count or name for count, name in zip(counted, named, strict=True))
    return max(inputs, 1.0), max(outputs, 1.0)


def _in_flight(row: VllmRun) -> int | None:
    if row.load_class == "single":
        return 1
    return row.max_concurrency if row.load_class == "closed_loop" else None


def _candidate(row: VllmRun, catalog: Catalog, names: Names) -> Candidate:
    device_id, model_id = names.device_id(row), names.model_id(row)
    assert device_id is not None and model_id is not None  # noqa: S101 - an unmapped row is refused before
    word = names.format("vllm", row.weight_quant or "bf16", row.model)
    if word is None or word.id is None:
        raise UserInputError(f"weights: {word.why if word else 'no word of the catalog'}")
    parallelism = Parallelism(tensor=row.tp or 1, pipeline=row.pp or 1, data=row.dp or 1, expert=(row.ep or 1) > 1)
    candidate = build_candidate(
        catalog,
        model=catalog.model(model_id),
        quantization=word.id,
        engine="vllm",
        runtime=None,
        version=None,
        node=catalog.node(device_id, parallelism.devices),
        devices=parallelism.devices,
        parallelism=parallelism,
        flags=dict(_flags(row)),
    )
    return replace(candidate, runtime=replace(candidate.runtime, version=_version(row)))


def _flags(row: VllmRun) -> Iterator[tuple[str, object]]:
    """Settings that the row's arguments state, in whichever spelling."""
    said = row.launch_args or ""
    for name, value in _FLAG.findall(said):
        setting = name.replace("-", "_")
        yield setting, float(value) if setting == "gpu_memory_utilization" else int(float(value))
    if _EAGER.search(said):
        yield "enforce_eager", True
    if row.kv_dtype and row.kv_dtype.startswith(("fp8", "int8")):
        yield "kv_cache_dtype", row.kv_dtype


def _version(row: VllmRun) -> str:
    """The release, without what a build adds to it; of a blank one nothing is known but the date of its source."""
    match = re.match(r"v?(\d+\.\d+(?:\.\d+)*)", row.engine_version or "")
    return match[1] if match else NIGHTLY


# ---- what is impossible


def _unreliable(case: Case, rank: VllmRank, constants: MemoryConstants) -> dict[CaseMetric, str]:
    """Metrics that physics or the row itself rules out."""
    found: dict[CaseMetric, str] = {}
    tpot_s, ttft_s = case.measured.get("tpot_s"), case.measured.get("ttft_s")
    if case.row.judge_ready == "tpot_only":
        found["ttft_s"] = "warm prefixes or the client's own time, as the source says"
    if ttft_s is not None and ttft_s < rank.floor_prefill_s(case.input_tokens):
        found["ttft_s"] = BELOW_ARITHMETIC
    step_s = rank.floor_decode_s(1, case.depth_tokens + case.input_tokens)
    if tpot_s is not None and tpot_s < step_s:
        found["tpot_s"] = "tokens faster than their bytes at the nominal bandwidth"
    elif tpot_s is not None and tpot_s < step_s + _floor_between_s(case, rank, step_s):
        found["tpot_s"] = BELOW_ARITHMETIC
    return found | (_queued(case, constants) or {})


def _floor_between_s(case: Case, rank: VllmRank, step_s: float) -> float:
    """What the prompts of the others add to each token at the device's peak: each other client of a closed loop asks once in the time
    that a request takes, and a step with a prompt in it need not read the weights again."""
    ttft_s, clients = case.measured.get("ttft_s"), (case.in_flight or 1) / case.candidate.parallelism.data
    if ttft_s is None or clients <= 1:
        return 0.0
    generating_s = case.output_tokens * case.measured["tpot_s"]
    prompts = (clients - 1) * generating_s / (generating_s + ttft_s)
    return prompts / case.output_tokens * max(rank.floor_prefill_s(case.input_tokens) - step_s, 0.0)


def _queued(case: Case, constants: MemoryConstants) -> dict[CaseMetric, str] | None:
    """More in flight than slots or cache hold: the times have a queue in them, of a length that hangs on memory."""
    if case.in_flight is None:
        return None
    request = round(case.input_tokens + case.output_tokens / 2)
    memory = estimate_memory(case.candidate, case.weights, constants=constants, typical_tokens=request, longest_tokens=request)
    if memory.devices[0].kv_cache_bytes.value <= 0:
        raise UserInputError("the weights do not fit the device")
    if case.in_flight <= memory.requests_held_typical.value:
        return None
    return dict.fromkeys(("ttft_s", "tpot_s"), QUEUED)


def _warm_marked(cases: list[Case]) -> Iterator[Case]:
    """Where many runs of a group beat the arithmetic of their prompts, some were cached, and nobody says how many: first tokens tell
    nothing, nor do tokens that wait for the prompts of others."""
    warm = {
        group
        for group, own in grouped(cases, lambda case: case.group).items()
        if sum(BELOW_ARITHMETIC in case.unreliable.values() for case in own) > WARM_SHARE * len(own)
    }
    for case in cases:
        if case.group not in warm:
            yield case
            continue
        metrics: tuple[CaseMetric, ...] = ("ttft_s",) if case.in_flight == 1 else ("ttft_s", "tpot_s")
        yield replace(case, unreliable=dict(case.unreliable) | dict.fromkeys(metrics, WARM))
