"""Seconds of the parts of a llama.cpp step: a sum over devices and host of reading, unpacking, arithmetic and launches.

Reading a weight costs its bytes at the memory's nominal rate; unpacking it costs the same time whatever its bits, so that below four bits
decoding stops speeding up. Pure arithmetic without branches: it runs on numbers, and in the fit (`scripts/fit_step_time`) on columns of
them, so that what is fitted is what is used.
"""

from dataclasses import dataclass

from advisor.estimate.vllm_parts import overlapped

Parts = dict[str, float]


@dataclass(frozen=True, slots=True)
class ReplicaTraits:
    """What the rates depend on beside the constants. `moe` is 1 or 0."""

    bandwidth_bytes_per_s: float
    unpack_basis: float  # what unpacking becomes faster with: a device's bandwidth, a CPU's vector peak, over the reference's
    sixteen_flops_per_s: float
    weight_flops_per_s: float  # peak of products with these weights: quantised ones multiply as integers
    bits_per_weight: float
    moe: float
    layers: float
    moe_layers: float
    state_layers: float
    latent_layers: float
    host_bandwidth_bytes_per_s: float
    host_layers: float  # with work on the host beside a device
    link_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class LlamaCppConstants:
    """The fitted constants that hold for one backend, class of device, weight format and build."""

    reached_bandwidth: float  # of the nominal one, before anything is unpacked: below 1 on CPUs
    unpack_s: float  # per weight, at the reference
    unpack_exponent: float
    class_unpack: float
    format_unpack: float
    kv_efficiency: float  # of nominal bandwidth
    step_s: float
    layer_s: float
    build_layer_factor: float
    moe_layer_factor: float
    state_layer_factor: float
    latent_layer_factor: float
    batch_mfu: float
    batch_moe_factor: float
    batch_norm: float
    prefill_mfu: float
    class_prefill: float
    format_prefill: float
    prefill_moe_factor: float
    prefill_norm: float
    attention_mfu: float
    prefill_layer_s: float
    host_bandwidth_efficiency: float
    host_unpack_s: float  # per weight
    host_layer_s: float
    host_flops_per_byte: float
    link_efficiency: float


@dataclass(frozen=True, slots=True)
class LlamaCppRates:
    """A replica in effective units: the constants are applied."""

    weights_bytes_per_s: float  # reading and unpacking
    cache_bytes_per_s: float
    batch_flops_per_s: float
    batch_norm: float
    overhead_s: float  # launches, per step
    prefill_flops_per_s: float
    experts_prefill_flops_per_s: float
    prefill_norm: float
    attention_flops_per_s: float
    prompt_layers_s: float  # per micro-batch
    host_bytes_per_s: float
    host_flops_per_s: float
    host_sync_s: float
    link_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class DecodeWork:
    """A step that generates a token for each sequence; the cache stands apart, because it grows with the context."""

    sequences: float
    dense_bytes: float
    experts_bytes: float
    flops: float  # of one sequence, on the devices
    host_bytes: float
    host_flops: float


@dataclass(frozen=True, slots=True)
class PromptWork:
    """Computing a prompt or a chunk of it; bytes are of one micro-batch, arithmetic is of all."""

    micro_batches: float
    dense_bytes: float
    experts_bytes: float
    dense_flops: float
    experts_flops: float
    attention_flops: float
    host_bytes: float
    host_flops: float


def llama_cpp_rates(replica: ReplicaTraits, fitted: LlamaCppConstants) -> LlamaCppRates:
    """The effective rates of a replica."""
    bandwidth = replica.bandwidth_bytes_per_s * fitted.reached_bandwidth
    unpack_s = fitted.unpack_s * fitted.class_unpack * fitted.format_unpack / replica.unpack_basis**fitted.unpack_exponent
    prefill = replica.weight_flops_per_s * fitted.prefill_mfu * fitted.class_prefill * fitted.format_prefill
    host = replica.host_bandwidth_bytes_per_s * fitted.host_bandwidth_efficiency
    return LlamaCppRates(
        weights_bytes_per_s=1 / (1 / bandwidth + unpack_s * 8 / replica.bits_per_weight),
        cache_bytes_per_s=bandwidth * fitted.kv_efficiency,
        batch_flops_per_s=replica.weight_flops_per_s * fitted.batch_mfu * fitted.batch_moe_factor**replica.moe,
        batch_norm=fitted.batch_norm,
        overhead_s=fitted.step_s + fitted.layer_s * fitted.build_layer_factor * _launches(replica, fitted),
        prefill_flops_per_s=prefill,
        experts_prefill_flops_per_s=prefill * fitted.prefill_moe_factor,
        prefill_norm=fitted.prefill_norm,
        attention_flops_per_s=replica.sixteen_flops_per_s * fitted.attention_mfu,
        prompt_layers_s=fitted.prefill_layer_s * (replica.layers + replica.moe_layers + replica.state_layers),
        host_bytes_per_s=1 / (1 / host + fitted.host_unpack_s * 8 / replica.bits_per_weight),
        host_flops_per_s=host * fitted.host_flops_per_byte,
        host_sync_s=fitted.host_layer_s * replica.host_layers,
        link_bytes_per_s=replica.link_bytes_per_s * fitted.link_efficiency,
    )


def _launches(replica: ReplicaTraits, fitted: LlamaCppConstants) -> float:
    """Layers in units of a dense attention layer's launches."""
    return (
        replica.layers
        + fitted.moe_layer_factor * replica.moe_layers
        + fitted.state_layer_factor * replica.state_layers
        + fitted.latent_layer_factor * replica.latent_layers
    )


def decode_parts(work: DecodeWork, rates: LlamaCppRates) -> Parts:
    """Parts of a decode step without its cache. One sequence's arithmetic is in the unpacking; `compute` is what further ones add."""
    reading = (work.dense_bytes + work.experts_bytes) / rates.weights_bytes_per_s
    further = work.sequences - 1
    arithmetic = further * work.flops / rates.batch_flops_per_s
    return {
        "weights": work.dense_bytes / rates.weights_bytes_per_s,
        "experts": work.experts_bytes / rates.weights_bytes_per_s,
        "compute": overlapped(reading, arithmetic, rates.batch_norm) - reading,
        "layers": rates.overhead_s,
        "host_offload": _host_s(work.host_bytes, further * work.host_flops, rates) + rates.host_sync_s,
    }


def cache_s(device_bytes: float, host_bytes: float, rates: LlamaCppRates) -> float:
    """One sequence's keys, values and state, on the side where its layers are."""
    return device_bytes / rates.cache_bytes_per_s + host_bytes / rates.host_bytes_per_s


def prompt_parts(work: PromptWork, rates: LlamaCppRates) -> Parts:
    """Parts of computing prompt tokens; `weights` is what reading them for each micro-batch adds to the arithmetic.

    Weights on the host are streamed to the device for each micro-batch, or computed there where that is faster.
    """
    linear = work.dense_flops / rates.prefill_flops_per_s + work.experts_flops / rates.experts_prefill_flops_per_s
    reading = work.micro_batches * (work.dense_bytes + work.experts_bytes) / rates.weights_bytes_per_s
    streamed = work.micro_batches * work.host_bytes / rates.link_bytes_per_s
    computed = _host_s(work.micro_batches * work.host_bytes, work.host_flops, rates)
    return {
        "compute": linear,
        "attention": work.attention_flops / rates.attention_flops_per_s,
        "weights": overlapped(linear, reading, rates.prefill_norm) - linear,
        "layers": work.micro_batches * rates.prompt_layers_s,
        "host_offload": _lesser(streamed, computed) + work.micro_batches * rates.host_sync_s,
    }


def _host_s(host_bytes: float, host_flops: float, rates: LlamaCppRates) -> float:
    return host_bytes / rates.host_bytes_per_s + host_flops / rates.host_flops_per_s


def _lesser(first: float, second: float) -> float:
    """The smaller of two numbers, or of each pair in two columns."""
    return (first + second - abs(first - second)) / 2
