"""What no build of llama.cpp can do on a device: read faster than its memory, multiply faster than its units."""

from collections.abc import Iterator

from advisor.accuracy.case import Case, CaseMetric
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import ggml_type
from advisor.domain.hardware import Device
from advisor.estimate.placement_llama_cpp import place, step_reads
from advisor.estimate.token_work import TokenWork, expected_experts_share, token_work


def impossible(case: Case, *, decode_context_tokens: float) -> Iterator[tuple[CaseMetric, str]]:
    """The metrics of a case that are faster than the bytes or the arithmetic allow, and by how much."""
    work = _work(case)
    for metric, floor in (("tpot_s", _read_s(case, work, decode_context_tokens)), ("prefill_s", _prompt_s(case, work))):
        measured = case.measured.get(metric)  # type: ignore[call-overload]
        if measured is not None and measured < floor:
            what = "the memory's bandwidth" if metric == "tpot_s" else "the device's arithmetic"
            yield metric, f"{floor / measured:.1f} times as fast as {what} allows: another model, device or cached prompt"  # type: ignore[misc]


def _work(case: Case) -> TokenWork:
    settings = case.candidate.settings
    assert isinstance(settings, LlamaCppSettings)  # noqa: S101 - a case of llama.cpp
    key, value = (ggml_type(name) for name in (settings.cache_type_k, settings.cache_type_v))
    return token_work(
        case.candidate.model.architecture, key_bytes=key.bytes_per_block / key.block, value_bytes=value.bytes_per_block / value.block
    )


def _read_s(case: Case, work: TokenWork, context_tokens: float) -> float:
    """Bytes of one step at nominal bandwidths, all its tokens hitting the same experts."""
    candidate, settings = case.candidate, case.candidate.settings
    assert isinstance(settings, LlamaCppSettings)  # noqa: S101 - a case of llama.cpp
    reads, share = step_reads(place(candidate, settings), case.weights), expected_experts_share(work, 1)
    cache = (case.in_flight or 1) * (work.cache_bytes.at(context_tokens) + work.state_bytes)
    device = reads.device.dense + reads.device.experts * share + cache * (1 - reads.host_cache_share)
    host = reads.host.dense + reads.host.experts * share + cache * reads.host_cache_share
    node = candidate.node
    return device / node.device.memory_bandwidth_bytes_per_s + host / node.host.memory_bandwidth_bytes_per_s


def _prompt_s(case: Case, work: TokenWork) -> float:
    """Linear arithmetic at the fastest rate that is published; of a CPU none is, but at its base clock."""
    peak = 0.0 if case.candidate.on_cpu else _peak(case.candidate.node.device)
    sequences = (case.in_flight or 1) if case.row.tool == "llama-batched-bench" else 1  # type: ignore[union-attr]
    return case.input_tokens * sequences * work.prefill_flops / peak if peak else 0.0


def _peak(device: Device) -> float:
    return max(rate or 0.0 for rate in (device.bf16_flops_per_s, device.fp8_flops_per_s, device.int8_ops_per_s))
