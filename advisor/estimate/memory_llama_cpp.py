"""Memory of one llama.cpp replica: all is allocated at start-up; required and reserved differ only by what the system may evict."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from advisor.domain.architecture import LayerGroup, ModelArchitecture
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.estimate import DeviceMemory, HostMemory, MemoryEstimate
from advisor.domain.ggml_types import ggml_type
from advisor.domain.memory_constants import LlamaCppMemoryConstants, Spread
from advisor.domain.quantity import Quantity, exact, total
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate import kv_cache_llama_cpp as caches
from advisor.estimate.compute_buffer_llama_cpp import ComputeBuffer, is_restated
from advisor.estimate.memory_parts import NO_HOST_MEMORY, NOTHING, bound, fits, free_text, memory_pairs, product, rounded
from advisor.estimate.placement_llama_cpp import HeldBytes, Placement, held_bytes, place
from advisor.units import MIB

_ALLOCATOR: Final = "llama.cpp allocation rule, b11549"
_NONE_ALLOCATED: Final = exact(0, _ALLOCATOR)
_PIPELINE_COPIES: Final = 4  # GGML_SCHED_MAX_COPIES: input buffers of a layer split over several devices
_F32: Final = 4
_F16: Final = 2


@dataclass(frozen=True, slots=True)
class _Group:
    """Layers that cache alike: how many at each place, and the bytes of one."""

    group: LayerGroup
    at: Counter[int | None]
    cache_bytes: int
    state_bytes: int
    token_bytes: int


@dataclass(frozen=True, slots=True)
class _Sizing:
    """Everything that the sizes below are read from."""

    candidate: Candidate
    settings: LlamaCppSettings
    weights: WeightBytes
    constants: LlamaCppMemoryConstants
    placement: Placement
    held: HeldBytes
    context: caches.Context
    graph: ComputeBuffer
    groups: tuple[_Group, ...]

    @property
    def on_cpu(self) -> bool:
        return self.candidate.on_cpu


def estimate_llama_cpp_memory(
    candidate: Candidate, weights: WeightBytes, *, constants: LlamaCppMemoryConstants, typical_tokens: int, longest_tokens: int
) -> MemoryEstimate:
    """The whole picture of one replica. Raises UserInputError when weights and architecture do not belong together."""
    settings = candidate.settings
    architecture = candidate.model.architecture
    if not isinstance(settings, LlamaCppSettings):
        raise UserInputError("llama.cpp memory needs llama.cpp settings")
    if len(weights.layers) != architecture.layers:
        raise UserInputError(f"weights of {len(weights.layers)} layers for an architecture of {architecture.layers}")
    context = caches.context_of(architecture, settings)
    graph = ComputeBuffer(architecture, settings, context)
    placement = place(candidate, settings)
    groups = tuple(_group(group, architecture, settings, context, placement) for group in architecture.layer_groups)
    sizing = _Sizing(candidate, settings, weights, constants, placement, held_bytes(placement, weights), context, graph, groups)
    devices = (_cpu(sizing),) if sizing.on_cpu else tuple(_device(sizing, index) for index in range(candidate.parallelism.devices))
    host = _cpu_host(sizing) if sizing.on_cpu else _host(sizing)
    pairs = memory_pairs(devices, host, unified=candidate.node.device.unified_memory and not sizing.on_cpu)
    return MemoryEstimate(
        devices=devices,
        host=host,
        kv_cache_bytes_per_token=exact(_token_bytes(sizing), _ALLOCATOR),
        kv_cache_capacity_tokens=exact(context.total_tokens, _ALLOCATOR),
        num_blocks=None,
        max_concurrency_x=None,
        steady_concurrency_x=None,
        requests_held_typical=exact(requests_held(context, typical_tokens), _ALLOCATOR),
        requests_held_longest=exact(requests_held(context, longest_tokens), _ALLOCATOR),
        context_total_tokens=context.total_tokens,
        context_per_request_tokens=context.per_request_tokens,
        parallel_requests=settings.parallel,
        fits=fits(pairs),
    )


def _group(
    group: LayerGroup, architecture: ModelArchitecture, settings: LlamaCppSettings, context: caches.Context, placement: Placement
) -> _Group:
    at = {placement.output: group.count} if placement.one_place else map(placement.layers.__getitem__, group.layers)
    cache_bytes = caches.layer_cache_bytes(group, architecture, settings, context)
    token_bytes = caches.layer_token_bytes(group, architecture, settings)
    return _Group(group, Counter(at), cache_bytes, caches.layer_state_bytes(group, context), token_bytes)


def requests_held(context: caches.Context, request_tokens: int) -> int:
    """How many requests of this length the cells hold at once; 0 when one is too long. There is no paging: capacity is first come."""
    if request_tokens > context.per_request_tokens:
        return 0
    return min(context.sequences, context.streams * (context.cells // max(request_tokens, 1)))


# ---- the places


def _cpu(sizing: _Sizing) -> DeviceMemory:
    """Everything in host memory. What is mapped and copied elsewhere may be evicted: it is reserved, not required."""
    device = sizing.candidate.node.device
    parts = {
        "weights_bytes": _weight_quantity(sizing, sizing.weights.total_bytes),
        "kv_cache_bytes": _allocated(_cache_bytes(sizing, None)),
        "recurrent_state_bytes": _allocated(_state_bytes(sizing, None)),
        "compute_buffer_bytes": _compute(sizing, sizing.graph.peak_bytes),
        "output_buffer_bytes": exact(_output_bytes(sizing), _ALLOCATOR),
        "runtime_overhead_bytes": _fixed(sizing.constants.process_bytes),
    }
    parts |= _adapters(sizing, None)
    copy = _repacked(sizing)
    required = total([*parts.values(), copy] if sizing.settings.load_mode == "mlock" else parts.values(), "sum of the parts")
    reserved = (
        required if sizing.settings.load_mode != "mmap" else total([required, copy], "required and the mapped originals of copied weights")
    )
    usable = exact(sizing.candidate.node.host.memory_bytes, "host memory")
    return DeviceMemory(device=device.id, **parts, required_bytes=required, reserved_bytes=reserved, usable_bytes=usable)


def _device(sizing: _Sizing, index: int) -> DeviceMemory:
    """One accelerator of the split."""
    parts = {
        "weights_bytes": _weight_quantity(sizing, sizing.held.devices[index]),
        "kv_cache_bytes": _allocated(_cache_bytes(sizing, index)),
        "recurrent_state_bytes": _allocated(_state_bytes(sizing, index)),
        "compute_buffer_bytes": _device_compute(sizing, index),
        "output_buffer_bytes": NOTHING,
        "runtime_overhead_bytes": _fixed(_context_bytes(sizing)),
    }
    parts |= _adapters(sizing, index)
    required = total(parts.values(), "sum of the parts")
    usable = exact(sizing.candidate.node.device.free_bytes, free_text(sizing.candidate.node.device))
    device = sizing.candidate.node.device.id
    return DeviceMemory(device=device, **parts, required_bytes=required, reserved_bytes=required, usable_bytes=usable)


def _host(sizing: _Sizing) -> HostMemory:
    """Host memory beside accelerators. The prompt cache grows only in service and is a ceiling: reported, not required."""
    graph, computes = sizing.graph, not sizing.placement.all_on_devices
    graph_bytes = graph.peak_bytes if computes else graph.embeddings_bytes + graph.masks_bytes * _input_copies(sizing)
    parts = {
        "weights_bytes": _weight_quantity(sizing, sizing.held.host),
        "kv_cache_bytes": _allocated(_cache_bytes(sizing, None)),
        "recurrent_state_bytes": _allocated(_state_bytes(sizing, None)),
        "compute_buffer_bytes": _compute(sizing, graph_bytes),
        "output_buffer_bytes": exact(_output_bytes(sizing), _ALLOCATOR),
        "runtime_overhead_bytes": _fixed(sizing.constants.process_bytes),
    }
    parts |= _adapters(sizing, None)
    copy = _repacked(sizing)
    pinned = [copy] if sizing.settings.load_mode == "mlock" else []
    return HostMemory(
        **parts,
        repacked_weights_bytes=copy,
        prompt_cache_bytes=_prompt_cache(sizing),
        context_checkpoints_bytes=_checkpoints(sizing),
        required_bytes=total([*parts.values(), *pinned], "sum of the parts; copied weights replace their evictable originals"),
        usable_bytes=exact(sizing.candidate.node.host.memory_bytes, "host memory"),
    )


def _cpu_host(sizing: _Sizing) -> HostMemory:
    """For CPU candidates: all zero but what is copied or may grow."""
    zero = {name: getattr(NO_HOST_MEMORY, name) for name in HostMemory.__slots__}
    usable = exact(sizing.candidate.node.host.memory_bytes, "host memory")
    named = {
        "repacked_weights_bytes": _repacked(sizing),
        "prompt_cache_bytes": _prompt_cache(sizing),
        "context_checkpoints_bytes": _checkpoints(sizing),
        "usable_bytes": usable,
    }
    return HostMemory(**{**zero, **named})


# ---- the parts


def _allocated(size_bytes: int) -> Quantity:
    return exact(size_bytes, _ALLOCATOR) if size_bytes else _NONE_ALLOCATED


def _weight_quantity(sizing: _Sizing, size_bytes: int) -> Quantity:
    return Quantity(size_bytes, size_bytes, size_bytes, sizing.weights.basis, sizing.weights.source)


def _cache_bytes(sizing: _Sizing, place_: int | None) -> int:
    return sum(group.at[place_] * group.cache_bytes for group in sizing.groups)


def _state_bytes(sizing: _Sizing, place_: int | None) -> int:
    return sum(group.at[place_] * group.state_bytes for group in sizing.groups)


def _token_bytes(sizing: _Sizing) -> int:
    """On the place that holds most of the cache."""
    places: list[int | None] = [None, *range(sizing.placement.devices)]
    return max(sum(group.at[at] * group.token_bytes for group in sizing.groups) for at in places)


def _output_bytes(sizing: _Sizing) -> int:
    """n_seq_max * V * 4, in host memory whatever the devices: src/llama-context.cpp:2120."""
    return _F32 * sizing.settings.parallel * sizing.candidate.model.architecture.vocab_size


def _compute(sizing: _Sizing, size_bytes: int) -> Quantity:
    constants = sizing.constants
    spread = constants.compute_restated_factor if is_restated(sizing.candidate.model.architecture) else constants.compute_other_factor
    return rounded(spread.quantity(size_bytes))


def _device_compute(sizing: _Sizing, index: int) -> Quantity:
    """The graph's part on one device: logits only where the output layer is; copies of the inputs when the split is pipelined.

    What is reserved for embeddings in place of tokens stays on the host; in a pipeline hidden states are inputs too, each in every copy.
    """
    placement, graph, copies = sizing.placement, sizing.graph, _input_copies(sizing)
    if index not in placement.layers and placement.output != index:
        return NOTHING
    size = (graph.peak_bytes if placement.output == index else graph.forward_bytes) - graph.embeddings_bytes
    if copies > 1:
        size += (copies - 1) * graph.masks_bytes + copies * graph.embeddings_bytes
    on_device = product(_compute(sizing, size), sizing.constants.compute_device_factor.quantity(), "restated graph of the largest step")
    scratch = _dequantised_bytes(sizing, index)
    if not scratch:
        return rounded(on_device)
    return rounded(total([on_device, bound(scratch, 0, scratch, "half-precision copy of a quantised cache layer")], on_device.source))


def _input_copies(sizing: _Sizing) -> int:
    return _PIPELINE_COPIES if sizing.placement.devices > 1 and sizing.placement.all_on_devices else 1


def _dequantised_bytes(sizing: _Sizing, index: int) -> int:
    """Flash attention on a device works on f16: a quantised cache needs one layer of it as scratch (ggml-cuda get_alloc_size)."""
    settings = sizing.settings
    types = (settings.cache_type_k, settings.cache_type_v)
    if settings.flash_attn == "off" or all(ggml_type(name).block == 1 for name in types):
        return 0
    plain = [group.group for group in sizing.groups if group.at[index]]
    elements = [caches.layer_elements(group, settings, sizing.context) for group in plain]
    return _F16 * max(elements, default=0)


_fixed: Final = lru_cache(maxsize=64)(lambda spread: rounded(spread.quantity()))  # the same for every candidate


def _context_bytes(sizing: _Sizing) -> Spread:
    known = sizing.constants.context_bytes
    return known.get(sizing.candidate.runtime.backend, known["other"])


def _repacked(sizing: _Sizing) -> Quantity:
    if not (sizing.settings.repack and sizing.candidate.node.host.repacks_weights):
        return NOTHING
    size = sizing.held.repacked
    return Quantity(size, size, size, sizing.weights.basis, "tensors that llama.cpp copies into a CPU layout")


def _adapters(sizing: _Sizing, place_: int | None) -> dict[str, Quantity]:
    """Each pair of an adapter lies where the matrix lies that it changes (src/llama-adapter.cpp); nothing where there is none."""
    sizes, placement = sizing.weights.adapters, sizing.placement
    held = sum(size for size, at in zip(sizes, (*placement.layers, placement.output), strict=False) if at == place_)
    return {"adapters_bytes": exact(held, "tensors of the --lora files")} if held else {}


def _prompt_cache(sizing: _Sizing) -> Quantity:
    limit = sizing.settings.cache_ram_mib
    ceiling = sizing.candidate.node.host.memory_bytes if limit < 0 else limit * MIB
    return bound(ceiling, 0, ceiling, "--cache-ram: a ceiling that fills in service")


def _checkpoints(sizing: _Sizing) -> Quantity:
    """Copies of what cannot be rolled back, for each slot: tools/server/server-context.cpp, create_checkpoint (b11549)."""
    copies = sizing.settings.ctx_checkpoints * sizing.settings.parallel
    sequence = caches.checkpoint_bytes(sizing.candidate.model.architecture, sizing.settings, sizing.context) if copies else 0
    if not sequence:
        return NOTHING
    return bound(copies * sequence, 0, copies * sequence, "--ctx-checkpoints: a ceiling that fills in service, with prompts and turns")
