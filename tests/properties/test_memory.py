"""What must hold of every memory, whatever the model's shape and the settings."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.domain.architecture import DenseFfn, FullCache, GroupedAttention, LayerGroup, ModelArchitecture, SlidingCache
from advisor.domain.engine import Parallelism
from advisor.domain.quantization import WeightScheme
from advisor.estimate.kv_cache_vllm import pool_layout
from advisor.estimate.safetensors_bytes import rank_weights
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, VLLM, equal_layers, memory, node

HEADS, DIM = 32, 64
SIXTEEN_BITS = WeightScheme(weight_bits=16)
tokens = st.integers(256, 65536)
layers = st.integers(1, 48)
kv_heads = st.sampled_from([1, 2, 4, 8, 16, 32])
engines = st.sampled_from([LLAMA_CPP, VLLM])


def model(count, heads=8, window=None):
    """Layers of one kind; with a window, every other slides."""
    full, sliding = FullCache(heads, DIM, DIM), SlidingCache(heads, DIM, DIM, window or 1)
    mixer = GroupedAttention(HEADS, heads, DIM, DIM)
    slides = [index for index in range(count) if window and index % 2]
    groups = [LayerGroup(tuple(i for i in range(count) if i not in slides), mixer, (full,), DenseFfn(4096))]
    groups += [LayerGroup(tuple(slides), mixer, (sliding,), DenseFfn(4096))] if slides else []
    return ModelArchitecture("a-model", "llama", tuple(groups), HEADS * DIM, 32000, False, 0, 0, 131072)


def with_length(engine, length, parallel=2):
    """Both engines' words for requests of a length and how many of them."""
    if engine is VLLM:
        return replace(VLLM, max_model_len=length, max_num_seqs=max(parallel, 1))
    return replace(LLAMA_CPP, ctx_size=length * parallel, parallel=parallel)


def required(engine, length, count=16, parallel=2):
    weights = equal_layers(count, 1_000_000)
    found = memory(model(count), with_length(engine, length, parallel), weights, where=node())
    return max(device.required_bytes.value for device in found.devices)


@settings(max_examples=60, deadline=None)
@given(engine=engines, length=tokens, more=st.integers(0, 65536))
def test_a_longer_context_never_takes_less(engine, length, more):
    assert required(engine, length) <= required(engine, length + more)


@settings(max_examples=60, deadline=None)
@given(engine=engines, count=layers, more=st.integers(0, 16), length=tokens)
def test_more_layers_never_take_less(engine, count, more, length):
    assert required(engine, length, count) <= required(engine, length, count + more)


@settings(max_examples=60, deadline=None)
@given(engine=engines, slots=st.integers(1, 32), more=st.integers(0, 32), length=tokens)
def test_more_slots_never_take_less(engine, slots, more, length):
    assert required(engine, length, parallel=slots) <= required(engine, length, parallel=slots + more)


@settings(max_examples=60, deadline=None)
@given(heads=kv_heads, count=layers, tensor=st.sampled_from([1, 2, 4, 8]), window=st.sampled_from([None, 512]))
def test_no_device_holds_more_with_more_ranks(heads, count, tensor, window):
    architecture = model(count, heads, window)
    weights = [rank_weights(architecture, SIXTEEN_BITS, parallelism=Parallelism(tensor=ranks), source="") for ranks in (tensor, 2 * tensor)]
    blocks = [pool_layout(architecture, VLLM, Parallelism(tensor=ranks)).bytes_per_block for ranks in (tensor, 2 * tensor)]
    assert weights[0].total_bytes >= weights[1].total_bytes
    assert blocks[0] >= blocks[1]


@settings(max_examples=60, deadline=None)
@given(heads=kv_heads, count=layers, length=tokens)
def test_shared_heads_cache_their_part_of_what_as_many_as_queries_would(heads, count, length):
    grouped, whole = (pool_layout(model(count, each), VLLM, Parallelism()).bytes_per_token for each in (heads, HEADS))
    assert grouped * HEADS == whole * heads
    cached = [memory(model(count, each), with_length(LLAMA_CPP, length), equal_layers(count, 1), where=node()) for each in (heads, HEADS)]
    few, many = (found.devices[0].kv_cache_bytes.value for found in cached)
    assert few * HEADS == many * heads


@settings(max_examples=60, deadline=None)
@given(count=st.integers(2, 48), length=tokens, window=st.sampled_from([128, 1024, 4096]))
def test_windows_never_take_more_than_full_attention(count, length, window):
    """In llama.cpp; vLLM's equal groups may waste blocks on layers that do not divide evenly, so its bound is a token's bytes."""
    slides, full = (
        memory(model(count, window=each), with_length(LLAMA_CPP, length), equal_layers(count, 1), where=node()) for each in (window, None)
    )
    assert slides.devices[0].kv_cache_bytes.value <= full.devices[0].kv_cache_bytes.value
    cut, whole = (pool_layout(model(count, window=each), VLLM, Parallelism()).bytes_per_token for each in (window, None))
    assert cut <= whole
