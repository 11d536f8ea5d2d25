"""Memory of one vLLM replica: the budget is given, so the question is what is left of it for the KV pool, and how much that holds."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from advisor.domain.architecture import DenseFfn, Ffn, ModelArchitecture, MoeFfn
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.domain.estimate import DeviceMemory, HostMemory, MemoryEstimate
from advisor.domain.hardware import Device
from advisor.domain.memory_constants import VllmMemoryConstants
from advisor.domain.quantity import Basis, Quantity, exact, total
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_vllm import Pool, PoolLayout, platform_of, pool_layout, pool_of, tokens_in_flight
from advisor.estimate.lora_vllm import check_lora, lora_bytes
from advisor.estimate.memory_parts import NO_HOST_MEMORY, NOTHING, bound, fits, free_text, memory_pairs, rounded
from advisor.units import GIB, MIB

_PLANNING: Final = "vLLM block arithmetic, 0.33"
_PROFILE: Final = "vLLM's start-up profile, modelled"
_ACTIVATION_BYTES: Final = 2
LOGIT_BYTES: Final = 4
_QUEUE_PIECES: Final = 10
_SENT_BYTES: Final = 16 * MIB  # VLLM_MQ_MAX_CHUNK_BYTES_MB
_ANSWERED_BYTES: Final = 24 * MIB
_GRAPHS_WITH_LORA: Final = 2  # one set of graphs with adapters, one without: cudagraph_specialize_lora, vllm/config/compilation.py


@dataclass(frozen=True, slots=True)
class _Sizing:
    """Everything that the sizes below are read from."""

    candidate: Candidate
    settings: VllmSettings
    layout: PoolLayout
    in_flight_tokens: int
    weights: Quantity
    adapters: Quantity
    draft: Quantity
    activation: Quantity
    overhead: Quantity  # outside PyTorch, and CUDA graphs
    taken: Quantity  # the five together: what is gone before the pool
    usable: Quantity

    @property
    def available(self) -> Quantity:
        """Bytes for the pool of one device; exact when --kv-cache-memory-bytes says so."""
        given = self.settings.kv_cache_memory_bytes
        if given is not None:
            return exact(given, "--kv-cache-memory-bytes")
        left = [max(self.usable.value - size, 0.0) for size in (self.taken.value, self.taken.high, self.taken.low)]
        return Quantity(left[0], left[1], left[2], self.taken.basis, _PROFILE)

    def pool(self, available_bytes: float) -> Pool:
        return pool_of(self.layout, available_bytes, self.settings, in_flight_tokens=self.in_flight_tokens)

    @property
    def one_request_bytes(self) -> int:
        """The pool must hold one request of max_model_len next to the null block, or vLLM refuses to start."""
        blocks = self.layout.blocks_per_request(self.settings.max_model_len, in_flight_tokens=self.in_flight_tokens)
        return (blocks + 1) * self.layout.bytes_per_block


def estimate_vllm_memory(
    candidate: Candidate, weights: WeightBytes, *, constants: VllmMemoryConstants, typical_tokens: int, longest_tokens: int
) -> MemoryEstimate:
    """The whole picture of one replica; `weights` are those of one rank. Every device of the replica holds the same."""
    sizing = _sizing(candidate, weights, constants)
    settings = sizing.settings
    free = sizing.available
    pools = _Pools(sizing.pool(free.value), sizing.pool(free.low), sizing.pool(free.high), free.basis)
    engines = candidate.parallelism.data
    devices = (_device(sizing, pools),) * candidate.parallelism.devices
    host = _host(candidate, settings, constants)
    pairs = memory_pairs(devices, host, unified=candidate.node.device.unified_memory and not candidate.on_cpu)
    return MemoryEstimate(
        devices=devices,
        host=host,
        kv_cache_bytes_per_token=exact(sizing.layout.bytes_per_token, _PLANNING),
        kv_cache_capacity_tokens=pools.quantity(lambda pool: pool.capacity_tokens),
        num_blocks=pools.quantity(lambda pool: pool.num_blocks),
        max_concurrency_x=pools.quantity(lambda pool: pool.max_concurrency),
        steady_concurrency_x=pools.quantity(lambda pool: pool.steady_concurrency),
        requests_held_typical=pools.quantity(lambda pool: engines * min(pool.requests(typical_tokens), settings.max_num_seqs)),
        requests_held_longest=pools.quantity(lambda pool: engines * min(pool.requests(longest_tokens), settings.max_num_seqs)),
        context_total_tokens=int(pools.value.capacity_tokens),
        context_per_request_tokens=settings.max_model_len,
        parallel_requests=settings.max_num_seqs * engines,
        fits=_fits(sizing, pairs),
    )


def _sizing(candidate: Candidate, weights: WeightBytes, constants: VllmMemoryConstants) -> _Sizing:
    settings, on_cpu = candidate.settings, candidate.on_cpu
    if not isinstance(settings, VllmSettings):
        raise UserInputError("vLLM memory needs vLLM settings")
    layout = pool_layout(candidate.cached_architecture, settings, candidate.parallelism, platform_of(candidate))
    held = weights.total_bytes
    check_lora(candidate.model.architecture, settings, candidate.parallelism)
    own = Quantity(held, held, held, weights.basis, weights.source)
    draft = _draft(candidate)
    adapters = _adapters(candidate, settings)
    activation, overhead = rounded(activation_bytes(candidate, settings, constants)), rounded(_overhead(candidate, settings, constants))
    return _Sizing(
        candidate=candidate,
        settings=settings,
        layout=layout,
        in_flight_tokens=tokens_in_flight(settings, candidate.parallelism, on_cpu=on_cpu),
        weights=own,
        adapters=adapters,
        draft=draft,
        activation=activation,
        overhead=overhead,
        taken=total([own, adapters, draft, activation, overhead], _PROFILE),
        usable=_usable(candidate, settings),
    )


def _draft(candidate: Candidate) -> Quantity:
    """Weights of the draft model on one rank."""
    if candidate.draft is None:
        return NOTHING
    weights = candidate.draft.weights
    return Quantity(weights.total_bytes, weights.total_bytes, weights.total_bytes, weights.basis, weights.source)


def _adapters(candidate: Candidate, settings: VllmSettings) -> Quantity:
    """The slots, which are there whether filled or not."""
    size = lora_bytes(candidate.model.architecture, settings, candidate.parallelism)
    return exact(size, f"vLLM's adapter slots: {settings.max_loras} of rank {settings.max_lora_rank}") if size else NOTHING


def _usable(candidate: Candidate, settings: VllmSettings) -> Quantity:
    """ceil(total * utilisation), vllm/v1/worker/utils request_memory; what is free when the pool is given in bytes.

    Raises UserInputError where less is free, which the engine finds out before it looks at the size of the pool.
    """
    device = candidate.node.device
    whole = candidate.node.host.memory_bytes if candidate.on_cpu else device.memory_bytes
    if not candidate.on_cpu and device.in_use_bytes:
        _check_free(device, settings)
    if settings.kv_cache_memory_bytes is not None:
        return exact(whole if candidate.on_cpu else device.free_bytes, free_text(device))
    return exact(math.ceil(whole * settings.gpu_memory_utilization), "memory as the driver reports it, times --gpu-memory-utilization")


def _check_free(device: Device, settings: VllmSettings) -> None:
    wanted = math.ceil(device.memory_bytes * settings.gpu_memory_utilization)
    if wanted > device.free_bytes:
        most = math.floor(100 * device.free_bytes / device.memory_bytes) / 100
        raise UserInputError(
            f"gpu-memory-utilization: it is a share of the whole device: {settings.gpu_memory_utilization:g} of "
            f"{device.memory_bytes / GIB:.1f} GiB are {wanted / GIB:.1f} GiB, and {device.free_bytes / GIB:.1f} GiB are free "
            f"({device.in_use_bytes / GIB:.1f} in use): vLLM refuses to start; use {most:g} or less"
        )


def activation_bytes(candidate: Candidate, settings: VllmSettings, constants: VllmMemoryConstants) -> Quantity:
    """Peak of the profiling run: the larger of a full step's forward pass and of sampling for max_num_seqs sequences, while what a
    vision encoder made of as many tokens lies in its cache."""
    architecture, tensor = candidate.model.architecture, candidate.parallelism.tensor
    forward = constants.forward_factor.quantity(forward_bytes(architecture, settings.max_num_batched_tokens, tensor=tensor))
    rows = min(settings.max_num_seqs, settings.max_num_batched_tokens)
    sampler = constants.sampler_copies.quantity(LOGIT_BYTES * rows * architecture.vocab_size)
    cached = encoder_cache_bytes(architecture, settings)
    ends = [max(getattr(forward, end), getattr(sampler, end)) + cached for end in ("value", "low", "high")]
    return bound(ends[0], ends[1], ends[2], f"{constants.forward_factor.source}; {constants.sampler_copies.source}")


def encoder_cache_bytes(architecture: ModelArchitecture, settings: VllmSettings) -> int:
    """2 * T * D of a model with a vision encoder: the budget is a step's tokens, v1/core/encoder_cache_manager.py; an item that alone is
    larger would raise it, and the encoder's own pass comes and goes before the language model's."""
    return _ACTIVATION_BYTES * settings.max_num_batched_tokens * architecture.hidden_size if architecture.encoder_parameters else 0


def forward_bytes(architecture: ModelArchitecture, tokens: int, *, tensor: int) -> int:
    """2 * T * (3F/tp + 4D): gate, up and their product next to four hidden states, in 16 bits; experts hold k of each."""
    hidden = architecture.hidden_size
    width = max(_ffn_width(group.ffn, hidden, tensor) for group in architecture.layer_groups)
    return _ACTIVATION_BYTES * tokens * (width + 4 * hidden)


def _ffn_width(ffn: Ffn | None, hidden: int, tensor: int) -> int:
    match ffn:
        case None:
            return 0
        case DenseFfn():
            return 3 * ffn.width // tensor
        case MoeFfn():
            return ffn.experts_per_token * (3 * ffn.expert_width // tensor + hidden)


def _overhead(candidate: Candidate, settings: VllmSettings, constants: VllmMemoryConstants) -> Quantity:
    if candidate.on_cpu:
        return constants.cpu_process_bytes.quantity()
    several = candidate.parallelism.devices > 1
    other = (constants.other_parallel_bytes if several else constants.other_bytes).quantity()
    sets = (_GRAPHS_WITH_LORA if settings.enable_lora else 1) + (1 if candidate.draft else 0)
    graphs = NOTHING if settings.enforce_eager else constants.cuda_graph_bytes.quantity(sets)
    return total([other, graphs], f"{other.source}; {graphs.source}")


@dataclass(frozen=True, slots=True)
class _Pools:
    """The pool at the expected value and at both ends of the range."""

    value: Pool
    low: Pool
    high: Pool
    basis: Basis

    def quantity(self, read: Callable[[Pool], float]) -> Quantity:
        """One number of the pool with its range."""
        return Quantity(read(self.value), read(self.low), read(self.high), self.basis, _PLANNING)


def _device(sizing: _Sizing, pools: _Pools) -> DeviceMemory:
    pool = pools.quantity(lambda at: at.size_bytes)
    request = exact(sizing.one_request_bytes, _PLANNING)
    given = sizing.settings.kv_cache_memory_bytes is not None
    required = total([sizing.taken, pool if given else request], "all but the pool, and one request of the full length")
    reserved = total([sizing.taken, pool], _PROFILE) if given else sizing.usable
    return DeviceMemory(
        device=sizing.candidate.node.device.id,
        weights_bytes=sizing.weights,
        kv_cache_bytes=pool,
        recurrent_state_bytes=NOTHING,
        compute_buffer_bytes=sizing.activation,
        output_buffer_bytes=NOTHING,
        runtime_overhead_bytes=sizing.overhead,
        required_bytes=required,
        reserved_bytes=reserved,
        usable_bytes=sizing.usable,
        adapters_bytes=sizing.adapters,
        draft_bytes=sizing.draft,
    )


def _host(candidate: Candidate, settings: VllmSettings, constants: VllmMemoryConstants) -> HostMemory:
    """API server, engine core and one worker process a device; the checkpoint passes through the page cache, which may be evicted."""
    usable = exact(candidate.node.host.memory_bytes, "host memory")
    named = {"adapters_bytes": _host_adapters(candidate, settings), "usable_bytes": usable}
    if not candidate.on_cpu:
        workers = constants.host_process_bytes.quantity(candidate.parallelism.devices)
        fixed = constants.host_fixed_bytes.quantity(candidate.parallelism.data)
        process = rounded(total([fixed, workers], f"{fixed.source}; {workers.source}"))
        named |= {"runtime_overhead_bytes": process, "required_bytes": process, "shared_memory_bytes": _shared_memory(candidate)}
    return HostMemory(**{**{name: getattr(NO_HOST_MEMORY, name) for name in HostMemory.__slots__}, **named})


def _shared_memory(candidate: Candidate) -> Quantity:
    """The message queues of several ranks in /dev/shm: one that all read and one back from each, of ten pieces; touched as used.

    vllm/distributed/device_communicators/shm_broadcast.py and v1/executor/multiproc_executor.py; NCCL's own comes on top.
    """
    ranks = candidate.parallelism.tensor * candidate.parallelism.pipeline
    if ranks == 1:
        return NOTHING
    ceiling = candidate.parallelism.data * _QUEUE_PIECES * (_SENT_BYTES + ranks * _ANSWERED_BYTES)
    return bound(ceiling, 0, ceiling, "message queues of the ranks in /dev/shm: a ceiling, of which little is touched")


def _host_adapters(candidate: Candidate, settings: VllmSettings) -> Quantity:
    """Every worker keeps whole copies of the adapters that were used, at most of the largest rank."""
    one_each = lora_bytes(candidate.model.architecture, settings, Parallelism()) // settings.max_loras
    ceiling = one_each * (settings.max_cpu_loras or settings.max_loras) * candidate.parallelism.devices
    return bound(ceiling, 0, ceiling, "--max-cpu-loras: a ceiling that fills in service") if ceiling else NOTHING


def _fits(sizing: _Sizing, pairs: list[tuple[Quantity, Quantity]]) -> bool | None:
    given = sizing.settings.kv_cache_memory_bytes
    if given is not None and sizing.one_request_bytes > given:
        return False
    return fits(pairs)
