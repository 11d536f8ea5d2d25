"""Published start-up logs of vLLM (`catalog/measurements/vllm-memory`) beside what the advisor predicts of the same start.

A row is left out by what it says, never by name: `start_of` gives the reason.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from packaging.version import InvalidVersion, Version
from vllm_golden import settings_of

from advisor import resources
from advisor.catalog import Catalog, load_catalog
from advisor.catalog.measurements import Names, load_published
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.memory_constants import VllmMemoryConstants
from advisor.domain.published import VllmStart
from advisor.domain.quantity import Basis
from advisor.domain.weights import LayerWeights, WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_vllm import pool_layout
from advisor.estimate.memory_vllm import estimate_vllm_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate
from advisor.units import GIB

OLDEST = Version("0.12")  # before, the sampler was profiled with kernels that are gone
GRAPHS_INSIDE = Version("0.21")  # since then, captured graphs are taken off the budget
_FLAGGED = {  # words of a row's flags or version, and what they say
    ("fork", "V0_engine"): "another engine than today's",
    ("mtp", "eagle"): "a draft model beside it",
    ("offload", "connector"): "a connector beside the cache, with buffers of its own",
    ("decode_context_parallel", "DCP"): "the cache is divided over ranks",
}


@dataclass(frozen=True, slots=True)
class Start:
    """One start: what was logged, and the same deployment as a candidate. `predicted_weights` are a rank's."""

    row: VllmStart
    candidate: Candidate
    predicted_weights: WeightBytes
    pool_bytes: float

    @property
    def logged_weights_bytes(self) -> float | None:
        """What one rank loaded."""
        gib = self.row.weights_load_gib_per_gpu
        return gib * GIB if gib else None

    @property
    def group(self) -> tuple[str, str, str, int]:
        """Rows of one group differ in flags alone and count together as one."""
        return self.row.source_id, self.row.gpu or "", self.row.model, self.row.tp or 1

    def estimate(self, constants: VllmMemoryConstants, *, logged_weights: bool) -> MemoryEstimate:
        """The memory of this start by these constants."""
        weights = self.predicted_weights
        if logged_weights and self.logged_weights_bytes:
            whole = LayerWeights(round(self.logged_weights_bytes), 0)
            weights = WeightBytes((whole,), 0, 0, 0, False, Basis.MEASURED, self.row.source)
        return estimate_vllm_memory(self.candidate, weights, constants=constants, typical_tokens=1, longest_tokens=1)


@cache
def starts() -> tuple[tuple[Start, ...], tuple[tuple[VllmStart, str], ...]]:
    """The rows that can be compared, and the others with the reason why not."""
    catalog, published = load_catalog(), load_published(resources.folder("catalog"))
    compared, left_out = [], []
    for row in published.vllm_starts:
        found = start_of(row, catalog, published.names)
        if isinstance(found, str):
            left_out.append((row, found))
        else:
            compared.append(found)
    return tuple(compared), tuple(left_out)


def start_of(row: VllmStart, catalog: Catalog, names: Names) -> Start | str:
    """The row as a start, or why it is none that can be compared."""
    reason = next(_unusable(row), None)
    if reason:
        return reason
    model_id, device_id = names.model_id(row), names.device_id(row)
    if model_id is None:
        return "the model is not one of the catalog's"
    if device_id is None:
        return "the device, and with it the memory, is not known"
    try:
        return _start(row, catalog, model_id, device_id)
    except UserInputError as error:
        return f"cannot be planned: {error}"


def _unusable(row: VllmStart) -> Iterator[str]:
    """Reasons that the row itself gives."""
    flags, version = row.flags or "", version_of(row)
    yield from (reason for words, reason in _FLAGGED.items() if any(word in f"{flags};{row.engine_version}" for word in words))
    if version is None:
        yield "the version is not stated"
    elif version < OLDEST:
        yield f"before vLLM {OLDEST}, whose sampler was profiled with other kernels"
    if row.quality == "C":
        yield "a secondary or confounded source"
    if row.gpu_memory_utilization is None:
        yield "--gpu-memory-utilization is not stated"


def version_of(row: VllmStart) -> Version | None:
    """The release; of a source that names two, the older."""
    try:
        return Version((row.engine_version or "").split("/")[0])
    except InvalidVersion:
        return None


def _start(row: VllmStart, catalog: Catalog, model_id: str, device_id: str) -> Start | str:
    candidate = _candidate(row, catalog, model_id, device_id)
    if candidate.node.device.unified_memory:
        return "memory shared with the host, of which others hold an unknown part"
    pool_bytes = _pool_bytes(row, candidate)
    if pool_bytes is None:
        return "neither the pool's bytes nor blocks of a single size are stated"
    if pool_bytes <= 0:
        return "it did not start"
    format_ = catalog.quantization(candidate.checkpoint.quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, format_, parallelism=candidate.parallelism)
    if row.weight_quant is None and weights.total_bytes + pool_bytes > candidate.node.device.memory_bytes:
        return "the format of the weights is not stated, and 16 bits would not fit"
    return Start(row, candidate, weights, pool_bytes)


def _candidate(row: VllmStart, catalog: Catalog, model_id: str, device_id: str) -> Candidate:
    tensor, version = row.tp or 1, version_of(row) or OLDEST
    node = catalog.node(device_id, tensor)
    if row.gpu_total_mem_gib:
        node = dataclasses.replace(node, device=dataclasses.replace(node.device, memory_bytes=round(row.gpu_total_mem_gib * GIB)))
    flags: dict[str, object] = {
        "max_model_len": row.max_model_len,
        "max_num_seqs": row.max_num_seqs,
        "max_num_batched_tokens": row.max_num_batched_tokens,
        "gpu_memory_utilization": row.gpu_memory_utilization,
        "enforce_eager": version < GRAPHS_INSIDE or bool(row.enforce_eager),  # graphs of older ones lie outside the budget
        "kv_cache_dtype": row.kv_cache_dtype,
    }
    candidate = build_candidate(
        catalog,
        model=catalog.model(model_id),
        quantization=_format(row),
        engine="vllm",
        runtime=None,
        version=None,
        node=node,
        devices=tensor,
        parallelism=Parallelism(tensor=tensor),
        flags={name: value for name, value in flags.items() if value is not None},
    )
    if row.weights_load_gib_per_gpu:  # the checkpoint of the log need not be the catalog's
        candidate = dataclasses.replace(candidate, checkpoint=dataclasses.replace(candidate.checkpoint, weights_bytes=None))
    return candidate


def _format(row: VllmStart) -> str:
    """The advisor's word for the row's format; of several that the word may mean, the one that the model's name has."""
    if row.weight_quant != "compressed-tensors":
        return row.weight_quant or "bf16"
    return "fp8-dynamic" if "FP8" in row.model else "w4a16"


def _pool_bytes(row: VllmStart, candidate: Candidate) -> float | None:
    """Bytes of the pool: as logged, or blocks of one size."""
    if row.available_kv_cache_gib_per_gpu is not None:
        return row.available_kv_cache_gib_per_gpu * GIB
    layout = pool_layout(candidate.model.architecture, settings_of(candidate), candidate.parallelism)
    if len(layout.buckets) > 1:
        return None
    if row.num_gpu_blocks is not None and row.gpu_kv_cache_tokens is None:
        return float(row.num_gpu_blocks * layout.bytes_per_block)
    return row.gpu_kv_cache_tokens * layout.bytes_per_token if row.gpu_kv_cache_tokens else None
