"""Published runs of llama.cpp as the advisor would be asked for them, and which rows cannot be compared and why.

A fine-tune counts as the model whose layers it has. Of files the published size is used where a row of the same source tells it, else
the quantiser's mix. A run of several sequences is compared step by step: `tpot_s` is the time of one step of all of them.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from advisor.accuracy.case import Case, CaseMetric, Group, LeftOut
from advisor.accuracy.llama_cpp_physics import impossible
from advisor.catalog import Catalog
from advisor.catalog.coverage import unmapped
from advisor.catalog.measurements import Names
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.domain.model import Checkpoint, Model
from advisor.domain.published import LlamaCppRun
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.placement_llama_cpp import held_bytes, place
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate
from advisor.units import GIB

BENCH: Final = ("llama-bench", "llama-batched-bench")  # no client and no server between the engine and the clock
_BENCH_PROMPT, _BENCH_OUTPUT = 512, 128  # tools/llama-bench: -p and -n where a table does not repeat them
_FEW_BITS: Final = 8  # a model released in fewer has no 16-bit weights that a quantiser could start from
_BACKENDS: Final = {
    "cuda": "cuda",
    "rocm": "rocm",
    "rocwmma": "rocm",
    "vulkan": "vulkan",
    "sycl": "sycl",
    "metal": "metal",
    "mtl": "metal",
    "cpu": "cpu",
}
_BUILD: Final = re.compile(r"\bb?(\d{4,5})\b")
_BITS: Final = re.compile(r"(\d\.\d+) ?bpw")
_CPU_EXPERTS: Final = re.compile(r"\bn_cpu_moe=(\d+)")
_SPECULATIVE: Final = re.compile(r"\b(mtp|draft|speculative)\b")
_FORK: Final = re.compile(r"\bfork\b|\+pr\d+")


class _Unclear(Exception):
    """What a row does not say, or what the advisor does not know of it."""


@dataclass(slots=True)
class _Reader:
    """What is looked up for many rows, kept while the rows are read."""

    catalog: Catalog
    names: Names
    file_bytes: Mapping[tuple[str, str, str], int]
    weights: dict[tuple[str, Checkpoint], WeightBytes] = field(default_factory=dict)

    def weights_of(self, candidate: Candidate) -> WeightBytes:
        """The candidate's weights by layer."""
        key = (candidate.model.id, candidate.checkpoint)
        if key not in self.weights:
            quantization = self.catalog.quantization(candidate.checkpoint.quantization)
            architecture = candidate.model.architecture
            self.weights[key] = checkpoint_weights(architecture, candidate.checkpoint, quantization, parallelism=Parallelism())
        return self.weights[key]


def llama_cpp_cases(rows: Iterable[LlamaCppRun], catalog: Catalog, names: Names) -> tuple[tuple[Case, ...], tuple[LeftOut, ...]]:
    """Every row as a case, or why it is none. File sizes and what is impossible are told from all rows of a group: give whole groups."""
    listed = tuple(rows)
    reader = _Reader(catalog, names, _file_bytes(listed))
    cases: list[Case] = []
    left_out: list[LeftOut] = []
    for row in listed:
        try:
            cases.append(_case(row, reader))
        except (_Unclear, UserInputError) as reason:
            left_out.append(LeftOut(row, str(reason)))
    return _with_physics(cases), tuple(left_out)


def is_bench(case: Case) -> bool:
    """The clock was the engine's own: neither a server nor a client stands between."""
    return isinstance(case.row, LlamaCppRun) and case.row.tool in BENCH and "wall" not in (case.row.flags or "")


# ---- one row


def _case(row: LlamaCppRun, reader: _Reader) -> Case:
    prompt_tokens, output_tokens = _lengths(row)
    candidate = _candidate(row, reader)
    weights = reader.weights_of(candidate)
    quantization = reader.catalog.quantization(candidate.checkpoint.quantization)
    in_flight = min(row.n_parallel or 1, row.max_concurrency or row.n_parallel or 1)
    together = row.tool == "llama-bench" and bool(prompt_tokens and output_tokens)  # a table of pp and tg: each test starts afresh
    depth = float(row.depth_tokens or 0)
    measured = dict(_measured(row, prompt_tokens, in_flight))
    if not measured:
        raise _Unclear("no speed of a prompt or of decoding whose length is stated")
    _check_memory(candidate, weights, tokens=(depth + prompt_tokens * (not together) + output_tokens) * in_flight)
    device, model = reader.names.device_id(row) or "", candidate.model.id
    return Case(
        row=row,
        group=Group(row.source_id, device, model),
        candidate=candidate,
        weights=weights,
        quantization=quantization,
        input_tokens=prompt_tokens,
        output_tokens=output_tokens,
        in_flight=in_flight,
        depth_tokens=depth,
        measured=measured,
        unreliable={},
    )


def decode_context_tokens(case: Case) -> float:
    """Tokens of context in the middle of decoding: llama-bench decodes without the prompt of its other test."""
    afresh = isinstance(case.row, LlamaCppRun) and case.row.tool == "llama-bench"
    own_prompt = 0.0 if afresh else case.input_tokens
    return case.depth_tokens + own_prompt + case.output_tokens / 2


def _lengths(row: LlamaCppRun) -> tuple[float, float]:
    if row.n_prompt_tokens or row.n_gen_tokens:
        if row.tool == "llama-server" and not row.n_prompt_tokens:
            raise _Unclear("the prompt's length is not stated")
        return float(row.n_prompt_tokens or 0), float(row.n_gen_tokens or 0)
    if row.tool != "llama-bench":
        raise _Unclear("the lengths are not stated")
    return float(_BENCH_PROMPT), float(_BENCH_OUTPUT)


def _measured(row: LlamaCppRun, prompt_tokens: float, in_flight: int) -> Iterator[tuple[CaseMetric, float]]:
    if row.pp_tok_s and prompt_tokens:
        yield "prefill_s", prompt_tokens * (in_flight if row.tool == "llama-batched-bench" else 1) / row.pp_tok_s
    if row.tg_tok_s:
        yield "tpot_s", in_flight / row.tg_tok_s
    first = row.ttft_p50_ms or row.ttft_mean_ms
    if first and prompt_tokens and row.tool == "llama-server":
        yield "ttft_s", first / 1000


def _candidate(row: LlamaCppRun, reader: _Reader) -> Candidate:
    catalog, names = reader.catalog, reader.names
    reason = _refused(row) or unmapped(row, names, catalog)
    if reason is not None:
        raise _Unclear(reason)
    model, device_id = catalog.models[names.model_id(row) or ""], names.device_id(row) or ""
    quantization = _quantization(row, model, reader)
    backend = _backend(row)
    devices = max(row.gpu_count or 1, 1)
    candidate = build_candidate(
        catalog,
        model=model,
        quantization=quantization.id,
        engine="llama.cpp",
        runtime=f"llama-server/{backend}" if backend else None,
        version=None,
        node=catalog.node(device_id, devices),
        devices=devices,
        parallelism=Parallelism(),
        flags=_flags(row),
        weights_bytes=_bytes(row, model, reader),
    )
    build = _BUILD.search(row.build or "")
    if build is None:
        return candidate
    return dataclasses.replace(candidate, runtime=dataclasses.replace(candidate.runtime, version=f"b{build[1]}"))


def _refused(row: LlamaCppRun) -> str | None:
    """What makes a row incomparable by what it says of itself."""
    if _SPECULATIVE.search(row.flags or ""):
        return "tokens are drafted speculatively"
    if _FORK.search(row.build or ""):
        return "a fork of llama.cpp, or a build with changes of its own"
    return None


def _backend(row: LlamaCppRun) -> str | None:
    """The backend that a source's word begins or is made with; None where it says nothing: then the device's best."""
    if row.backend is None:
        return None
    found = [_BACKENDS[word] for word in re.findall(r"[a-z]+", row.backend.casefold()) if word in _BACKENDS]
    if not found:
        raise _Unclear(f"backend {row.backend}")
    return found[0]


def _quantization(row: LlamaCppRun, model: Model, reader: _Reader) -> Quantization:
    """The file type that the source's word means. Experts that were released in few bits stay so, whatever the rest is stored in."""
    released = [reader.catalog.quantization(c.quantization).scheme for c in model.checkpoints if c.format == "safetensors"]
    kept = [c.quantization for c in model.checkpoints if c.format == "gguf"]
    if kept and released and all(scheme and scheme.weight_bits < _FEW_BITS for scheme in released):
        return reader.catalog.quantizations[kept[0]]
    meant = reader.names.format("llama.cpp", row.quant, row.model)
    if meant is None or meant.id is None:
        raise _Unclear(f"weight format: {meant.why if meant else row.quant}")
    return reader.catalog.quantizations[meant.id]


def _flags(row: LlamaCppRun) -> dict[str, object]:
    tokens = int((row.depth_tokens or 0) + (row.n_prompt_tokens or _BENCH_PROMPT) + (row.n_gen_tokens or _BENCH_OUTPUT))
    parallel = max(row.n_parallel or 1, 1)
    experts = _CPU_EXPERTS.search(row.flags or "")
    return {
        "ctx-size": (tokens + 256) * parallel,
        "parallel": parallel,
        "batch-size": row.n_batch,
        "ubatch-size": row.n_ubatch,
        "n-gpu-layers": None if row.backend in ("cpu", "CPU") else row.ngl,
        "n-cpu-moe": int(experts[1]) if experts else None,
        "flash-attn": None if row.flash_attn is None else ("on" if row.flash_attn else "off"),
        "cache-type-k": row.type_k,
        "cache-type-v": row.type_v,
        "split-mode": row.split_mode,
        "threads": row.n_threads,
    }


# ---- file sizes


def _file_bytes(rows: Iterable[LlamaCppRun]) -> Mapping[tuple[str, str, str], int]:
    """Bytes of a file by source, model and format, in their own words: many sources state them in some of their rows only."""
    return {(row.source_id, row.model, row.quant): round(row.model_size_gib * GIB) for row in rows if row.model_size_gib}


def _bytes(row: LlamaCppRun, model: Model, reader: _Reader) -> int | None:
    known = reader.file_bytes.get((row.source_id, row.model, row.quant))
    bits = _BITS.search(row.quant)
    if known is None and bits:
        return round(float(bits[1]) * model.architecture.parameters_total / 8)
    return known


# ---- what cannot be


def _check_memory(candidate: Candidate, weights: WeightBytes, *, tokens: float) -> None:
    """What is to lie on the devices must find room there: what does not was read from host memory, whatever the row says."""
    if candidate.on_cpu:
        return
    device = candidate.node.device
    held = sum(held_bytes(place(candidate, candidate.settings), weights).devices)  # type: ignore[arg-type]
    room = (device.installed_memory_bytes if device.unified_memory else device.memory_bytes) * candidate.parallelism.devices
    if held > room:
        raise _Unclear("the weights do not fit the device: they were read from host memory")


def _with_physics(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Cases with the metrics that are faster than the device allows; one such row makes its whole group's metric unreliable."""
    listed = list(cases)
    why: dict[tuple[Group, CaseMetric], str] = {}
    for case in listed:
        for metric, reason in impossible(case, decode_context_tokens=decode_context_tokens(case)):
            why.setdefault((case.group, metric), reason)
    return tuple(
        dataclasses.replace(case, unreliable={m: why[case.group, m] for m in case.measured if (case.group, m) in why}) for case in listed
    )
