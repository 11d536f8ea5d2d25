"""What no build of llama.cpp can do on a device: read faster than its memory, multiply faster than its units."""

from collections.abc import Iterator

from advisor.accuracy.case import Case, CaseMetric
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import ggml_type
from advisor.domain.published import LlamaCppRun
from advisor.estimate.placement_llama_cpp import place, step_reads
from advisor.estimate.token_work import TokenWork, expected_experts_share, token_work


def impossible(case: Case, *, decode_context_tokens: float) -> Iterator[tuple[CaseMetric, str]]:
    """The metrics of a case that are faster than the bytes or the arithmetic allow, and by how much."""
    settings = case.candidate.settings
    assert isinstance(settings, LlamaCppSettings)  # noqa: S101 - a case of llama.cpp
    work = _work(case.candidate, settings)
    floors: dict[CaseMetric, tuple[float, str]] = {
        "tpot_s": (_read_s(case, settings, work, decode_context_tokens), "the memory's bandwidth"),
        "prefill_s": (_prompt_s(case, work), "the device's arithmetic"),
    }
    for metric, (floor_s, what) in floors.items():
        measured_s = case.measured.get(metric)
        if measured_s is not None and measured_s < floor_s:
            yield metric, f"{floor_s / measured_s:.1f} times as fast as {what} allows: another model, device or cached prompt"


def _work(candidate: Candidate, settings: LlamaCppSettings) -> TokenWork:
    key, value = (ggml_type(name) for name in (settings.cache_type_k, settings.cache_type_v))
    return token_work(
        candidate.model.architecture, key_bytes=key.bytes_per_block / key.block, value_bytes=value.bytes_per_block / value.block
    )


def _read_s(case: Case, settings: LlamaCppSettings, work: TokenWork, context_tokens: float) -> float:
    """Bytes of one step at nominal bandwidths, all its tokens hitting the same experts."""
    node, reads = case.candidate.node, step_reads(place(case.candidate, settings), case.weights)
    share, cache = expected_experts_share(work, 1), (case.in_flight or 1) * (work.cache_bytes.at(context_tokens) + work.state_bytes)
    device = reads.device.dense + reads.device.experts * share + cache * (1 - reads.host_cache_share)
    host = reads.host.dense + reads.host.experts * share + cache * reads.host_cache_share
    return device / node.device.memory_bandwidth_bytes_per_s + host / node.host.memory_bandwidth_bytes_per_s


def _prompt_s(case: Case, work: TokenWork) -> float:
    """Linear arithmetic at the fastest rate that is published; of a CPU none is but that of its vectors at base clock."""
    device = case.candidate.node.device
    peak = 0.0 if case.candidate.on_cpu else max(r or 0.0 for r in (device.bf16_flops_per_s, device.fp8_flops_per_s, device.int8_ops_per_s))
    return case.input_tokens * prompts(case) * work.prefill_flops / peak if peak else 0.0


def prompts(case: Case) -> int:
    """Prompts that are computed together, before any of their sequences decodes."""
    batched = isinstance(case.row, LlamaCppRun) and case.row.tool == "llama-batched-bench"
    return (case.in_flight or 1) if batched else 1
