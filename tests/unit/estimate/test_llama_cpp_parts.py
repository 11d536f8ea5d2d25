"""The arithmetic of a llama.cpp step: properties that hold for any constants, and that numbers and columns share it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from advisor.estimate.llama_cpp_parts import (
    DecodeWork,
    LlamaCppConstants,
    PromptWork,
    ReplicaTraits,
    cache_s,
    decode_parts,
    llama_cpp_rates,
    prompt_parts,
)

TRAITS = ReplicaTraits(
    bandwidth_bytes_per_s=1e12,
    unpack_basis=2.0,
    sixteen_flops_per_s=1e14,
    weight_flops_per_s=3e14,
    bits_per_weight=4.8,
    moe=0.0,
    layers=32.0,
    moe_layers=0.0,
    state_layers=0.0,
    latent_layers=0.0,
    host_bandwidth_bytes_per_s=8e10,
    host_layers=0.0,
    link_bytes_per_s=2.5e10,
)
FITTED = LlamaCppConstants(
    reached_bandwidth=1.0,
    unpack_s=0.5e-12,
    unpack_exponent=0.3,
    class_unpack=1.0,
    format_unpack=1.0,
    kv_efficiency=0.6,
    step_s=5e-4,
    layer_s=1e-5,
    build_layer_factor=1.0,
    moe_layer_factor=4.0,
    state_layer_factor=1.0,
    latent_layer_factor=2.0,
    batch_mfu=0.05,
    batch_moe_factor=0.6,
    batch_norm=1.2,
    prefill_mfu=0.25,
    class_prefill=1.0,
    format_prefill=1.0,
    prefill_moe_factor=0.4,
    prefill_norm=1.5,
    attention_mfu=0.4,
    prefill_layer_s=1e-4,
    host_bandwidth_efficiency=0.7,
    host_unpack_s=2e-12,
    host_layer_s=1e-4,
    host_flops_per_byte=5.0,
    link_efficiency=0.9,
)
DECODE = DecodeWork(sequences=1.0, dense_bytes=4.5e9, experts_bytes=0.0, flops=1.5e10, host_bytes=0.0, host_flops=0.0)
PROMPT = PromptWork(
    micro_batches=4.0,
    dense_bytes=4.5e9,
    experts_bytes=0.0,
    dense_flops=2048 * 1.5e10,
    experts_flops=0.0,
    attention_flops=1e12,
    host_bytes=0.0,
    host_flops=0.0,
)


def rates(traits=TRAITS, **changes):
    return llama_cpp_rates(traits, replace(FITTED, **changes))


def decode_s(work=DECODE, found=None):
    return sum(decode_parts(work, found or rates()).values())


def prompt_s(work=PROMPT, found=None):
    return sum(prompt_parts(work, found or rates()).values())


def test_nothing_is_read_faster_than_the_memory_whatever_the_constants():
    assert rates(unpack_s=1e-20).weights_bytes_per_s == pytest.approx(1e12, rel=1e-6)
    assert rates(unpack_s=1e-13).weights_bytes_per_s < 1e12


def test_fewer_bits_are_read_sooner_but_not_unpacked_sooner():
    """Half the bits: half the reading, the same unpacking."""

    def weights_s(bits):
        found = rates(replace(TRAITS, bits_per_weight=bits))
        return decode_parts(replace(DECODE, dense_bytes=8e9 * bits / 8), found)["weights"]

    eight, four, two = weights_s(8.0), weights_s(4.0), weights_s(2.0)
    assert eight - four == pytest.approx(2 * (four - two))
    assert two > 0.5 * four


def test_one_sequence_takes_its_reading_and_further_ones_add_arithmetic():
    assert decode_parts(DECODE, rates())["compute"] == pytest.approx(0.0, abs=1e-15)
    seconds = [decode_s(replace(DECODE, sequences=float(n))) for n in (1, 2, 4, 8, 16, 32)]
    assert seconds == sorted(seconds)
    per_token = [s / n for s, n in zip(seconds, (1, 2, 4, 8, 16, 32), strict=True)]
    assert per_token == sorted(per_token, reverse=True)  # batching never makes a token dearer
    assert seconds[-1] > 2 * seconds[0]  # but it is far from free


def test_weights_of_a_prompt_are_read_once_for_each_micro_batch():
    small = prompt_s(replace(PROMPT, micro_batches=16.0))
    assert small > prompt_s()
    assert prompt_parts(PROMPT, rates())["compute"] == prompt_parts(replace(PROMPT, micro_batches=16.0), rates())["compute"]


def test_experts_are_multiplied_more_slowly():
    dense, experts = prompt_s(), prompt_s(replace(PROMPT, dense_flops=0.0, experts_flops=PROMPT.dense_flops))
    assert experts > 1.5 * dense


def test_weights_on_the_host_are_streamed_or_computed_whichever_is_sooner():
    on_host = replace(PROMPT, micro_batches=1.0, host_bytes=1e10, host_flops=1e10)
    few, many = replace(on_host, host_flops=1e6), replace(on_host, host_flops=1e15)
    found = rates()
    streamed = on_host.host_bytes / found.link_bytes_per_s
    assert prompt_parts(many, found)["host_offload"] == pytest.approx(streamed)
    assert prompt_parts(few, found)["host_offload"] == pytest.approx(on_host.host_bytes / found.host_bytes_per_s, rel=1e-3)


def test_a_layer_with_work_on_the_host_synchronises():
    split = replace(TRAITS, host_layers=10.0)
    assert decode_s(found=rates(split)) == pytest.approx(decode_s() + 10 * FITTED.host_layer_s)


def test_the_cache_is_read_where_it_lies():
    found = rates()
    assert cache_s(6e9, 0.0, found) == pytest.approx(6e9 / 0.6e12)
    assert cache_s(0.0, 6e9, found) > 6e9 / 5.6e10


def test_columns_and_numbers_are_the_same_arithmetic():
    """What is fitted on columns is what is used on numbers."""

    def column(thing):
        return type(thing)(**{f.name: np.array([getattr(thing, f.name)] * 2) for f in fields(thing)})

    found = llama_cpp_rates(column(TRAITS), column(FITTED))
    one, many = decode_parts(replace(DECODE, sequences=4.0), rates()), decode_parts(column(replace(DECODE, sequences=4.0)), found)
    assert {name: values[1] for name, values in many.items()} == pytest.approx(one)
    one, many = prompt_parts(PROMPT, rates()), prompt_parts(column(PROMPT), found)
    assert {name: values[1] for name, values in many.items()} == pytest.approx(one)
