"""Seconds of the parts of a vLLM step: a sum of reading, arithmetic, launches and messages.

Pure arithmetic without branches: it runs on numbers, and in the fit (`scripts/fit_step_time`) on columns of them, so that what is fitted
is what is used. Sources: vLLM `v1/metrics/perf.py` for what is counted, a ring for the all-reduce; the p-norm of reading and arithmetic
is of the fit: with their sum the errors on series that were held out grow with the batch.
"""

from dataclasses import dataclass
from typing import Final

Parts = dict[str, float]
ONE_PEAK_FLOPS_PER_S: Final = 1e15  # where `prefill_mfu` holds as it is


@dataclass(frozen=True, slots=True)
class RankTraits:
    """What the rates depend on beside the constants. `moe`, `fast_link` and `desktop` are 1 or 0."""

    bandwidth_bytes_per_s: float
    flops_per_s: float  # peak of the weights' own arithmetic
    sixteen_flops_per_s: float
    link_bytes_per_s: float
    tensor: float
    layers: float
    moe: float
    fast_link: float
    desktop: float


@dataclass(frozen=True, slots=True)
class VllmConstants:
    """The fitted constants that hold for one version and one number format; efficiencies are of nominal rates."""

    weights_efficiency: float
    kv_efficiency: float
    layer_s: float
    layer_factor_moe: float
    sequence_s: float
    all_reduce_fast_s: float
    all_reduce_slow_s: float
    link_efficiency: float
    decode_mfu: float
    decode_mfu_moe: float
    prefill_mfu: float
    prefill_mfu_moe_factor: float
    prefill_tensor_exponent: float
    prefill_peak_exponent: float
    prefill_desktop_factor: float
    attention_mfu: float
    prompt_layer_s: float
    overlap_norm: float


@dataclass(frozen=True, slots=True)
class VllmRates:
    """A rank in effective units: efficiencies are applied."""

    weights_bytes_per_s: float
    cache_bytes_per_s: float
    decode_flops_per_s: float
    prefill_flops_per_s: float
    experts_prefill_flops_per_s: float
    attention_flops_per_s: float
    layers_s: float
    prompt_layers_s: float
    sequence_s: float
    all_reduces: float  # per step; 0 on one rank
    all_reduce_s: float
    transfer_s_per_byte: float
    overlap_norm: float


@dataclass(frozen=True, slots=True)
class DecodeWork:
    """One rank's step that generates a token for each sequence; cache and attention stand apart, because they grow with the context."""

    dense_bytes: float
    experts_bytes: float
    flops: float
    sequences: float
    message_bytes: float


@dataclass(frozen=True, slots=True)
class PromptWork:
    """One rank's share of computing a chunk of prompts."""

    dense_bytes: float
    experts_bytes: float
    dense_flops: float
    experts_flops: float
    attention_flops: float
    message_bytes: float


def vllm_rates(rank: RankTraits, fitted: VllmConstants) -> VllmRates:
    """The effective rates of a rank: less of a higher peak is reached, less in parallel, and several times less with experts."""
    faster = (rank.flops_per_s / ONE_PEAK_FLOPS_PER_S) ** fitted.prefill_peak_exponent
    mfu = fitted.prefill_mfu * _either(rank.desktop, fitted.prefill_desktop_factor, 1.0)
    prefill = rank.flops_per_s * mfu / faster / rank.tensor**fitted.prefill_tensor_exponent
    ring = 2 * (rank.tensor - 1) / rank.tensor
    return VllmRates(
        weights_bytes_per_s=rank.bandwidth_bytes_per_s * fitted.weights_efficiency,
        cache_bytes_per_s=rank.bandwidth_bytes_per_s * fitted.kv_efficiency,
        decode_flops_per_s=rank.flops_per_s * _either(rank.moe, fitted.decode_mfu_moe, fitted.decode_mfu),
        prefill_flops_per_s=prefill,
        experts_prefill_flops_per_s=prefill * fitted.prefill_mfu_moe_factor,
        attention_flops_per_s=rank.sixteen_flops_per_s * fitted.attention_mfu,
        layers_s=rank.layers * fitted.layer_s * _either(rank.moe, fitted.layer_factor_moe, 1.0),
        prompt_layers_s=rank.layers * fitted.prompt_layer_s,
        sequence_s=fitted.sequence_s,
        all_reduces=2 * rank.layers * (rank.tensor > 1),
        all_reduce_s=_either(rank.fast_link, fitted.all_reduce_fast_s, fitted.all_reduce_slow_s),
        transfer_s_per_byte=ring / (rank.link_bytes_per_s * fitted.link_efficiency),
        overlap_norm=fitted.overlap_norm,
    )


def decode_parts(work: DecodeWork, rates: VllmRates) -> Parts:
    """Parts of a decode step without its cache; `compute` is what arithmetic adds to reading the weights."""
    dense, experts = work.dense_bytes / rates.weights_bytes_per_s, work.experts_bytes / rates.weights_bytes_per_s
    reading, compute = dense + experts, work.flops / rates.decode_flops_per_s
    return {
        "weights": dense,
        "experts": experts,
        "compute": overlapped(reading, compute, rates.overlap_norm) - reading,
        "layers": rates.layers_s,
        "sequences": work.sequences * rates.sequence_s,
        "all_reduce": all_reduce_s(work.message_bytes, rates),
    }


def cache_s(cache_bytes: float, attention_flops: float, rates: VllmRates) -> float:
    """One sequence's keys, values and state, and its attention."""
    return cache_bytes / rates.cache_bytes_per_s + attention_flops / rates.attention_flops_per_s


def mixed_prompt_parts(work: PromptWork, decode: DecodeWork, rates: VllmRates) -> Parts:
    """What prompts add to a decode step: each matrix is read once and multiplied with the tokens of both, so that their arithmetic hides
    the reading too; attention and messages of their own, and launches that no captured graph saves."""
    read_bytes = decode.dense_bytes + _larger(decode.experts_bytes, work.experts_bytes)
    own_s = decode.flops / rates.decode_flops_per_s
    alone_s = overlapped((decode.dense_bytes + decode.experts_bytes) / rates.weights_bytes_per_s, own_s, rates.overlap_norm)
    together_s = overlapped(read_bytes / rates.weights_bytes_per_s, own_s + linear_s(work, rates), rates.overlap_norm)
    return {
        "compute": together_s - alone_s,
        "attention": work.attention_flops / rates.attention_flops_per_s,
        "layers": rates.prompt_layers_s,
        "all_reduce": all_reduce_s(work.message_bytes, rates),
    }


def prompt_parts(work: PromptWork, rates: VllmRates) -> Parts:
    """Parts of a step of prompts alone; `weights` is what reading them adds to the arithmetic."""
    compute, reading = linear_s(work, rates), (work.dense_bytes + work.experts_bytes) / rates.weights_bytes_per_s
    return {
        "compute": compute,
        "attention": work.attention_flops / rates.attention_flops_per_s,
        "layers": rates.layers_s + rates.prompt_layers_s,
        "all_reduce": all_reduce_s(work.message_bytes, rates),
        "weights": overlapped(compute, reading, rates.overlap_norm) - compute,
    }


def linear_s(work: PromptWork, rates: VllmRates) -> float:
    """The arithmetic of a chunk's products with the weights."""
    return work.dense_flops / rates.prefill_flops_per_s + work.experts_flops / rates.experts_prefill_flops_per_s


def all_reduce_s(message_bytes: float, rates: VllmRates) -> float:
    """Two per layer: latency, and 2 (n-1)/n of the message over the link (ring)."""
    return rates.all_reduces * (rates.all_reduce_s + message_bytes * rates.transfer_s_per_byte)


def overlapped(first_s: float, second_s: float, norm: float) -> float:
    """Two activities that overlap in part: (a^p + b^p)^(1/p), the longer of both for a large p, their sum for p = 1."""
    together: float = (first_s**norm + second_s**norm) ** (1 / norm)
    return together


def _either(flag: float, yes: float, no: float) -> float:
    return no + flag * (yes - no)


def _larger(first: float, second: float) -> float:
    return (first + second + abs(first - second)) / 2
