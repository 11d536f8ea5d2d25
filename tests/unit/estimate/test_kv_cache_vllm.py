"""vLLM's pool against the engine's own planning."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.architecture import GroupedAttention, LatentCache, LayerGroup, SlidingCache, StateCache
from advisor.domain.engine import Parallelism
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_vllm import GPU, cpu_platform, platform_of, pool_layout, pool_of, tokens_in_flight
from advisor.units import GIB, MIB
from tests.unit.estimate.architectures_for_tests import ARCHITECTURES
from tests.unit.estimate.candidates_for_tests import VLLM, candidate, device, node
from tests.unit.synthesis.tiny_models import TINY

ROWS = list(csv.DictReader((Path(__file__).parent / "vllm_pools.csv").read_text().splitlines()))
ONE = Parallelism()


def processor(*features):
    return replace(device(device_class="cpu"), processor_features=features)


CPU, NARROW = cpu_platform(processor("avx2", "avx512f", "avx512_bf16")), cpu_platform(processor("avx2"))
PROCESSORS = {"avx512_bf16": CPU, "avx2": NARROW}  # by the best feature that it has


def pool(name, settings, gib, parallelism=ONE, platform=GPU):
    layout = pool_layout(ARCHITECTURES[name], settings, parallelism, platform)
    return pool_of(layout, gib * GIB, settings, in_flight_tokens=tokens_in_flight(settings, parallelism, on_cpu=platform != GPU))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(list(row.values())[:8]))
def test_blocks_and_concurrency_are_what_the_engine_plans(row):
    settings = replace(
        VLLM,
        max_model_len=int(row["max_model_len"]),
        max_num_batched_tokens=8192,
        kv_cache_dtype=row["kv_cache_dtype"],
        block_size=int(row["block_size"]),
        enable_prefix_caching=row["prefix_caching"] == "True",
    )
    found = pool(row["model"], settings, int(row["avail_gib"]), Parallelism(tensor=int(row["tp"])), PROCESSORS[row["processor"]])
    assert found.layout.bytes_per_block == int(row["bytes_per_block"])
    assert found.num_blocks == int(row["num_blocks"])
    assert round(found.max_concurrency, 3) == float(row["max_concurrency"])


def test_dense_model_on_a_gpu():
    found = pool("llama-3.1-8b", VLLM, 40)
    assert (found.num_blocks, found.max_concurrency, found.capacity_tokens) == (20480, 40.0, 327680)
    assert found.layout.bytes_per_token == 131072


@pytest.mark.parametrize(
    ("name", "batched", "block_kib", "blocks", "concurrency"),
    [("gpt-oss-20b", 8192, 384, 9225, 11.84), ("gpt-oss-20b", 2048, 384, None, 12.92), ("gemma-3-27b", 8192, 1280, 14726, None)],
)
def test_windows_also_keep_the_tokens_in_flight(name, batched, block_kib, blocks, concurrency):
    settings = replace(VLLM, max_model_len=131072, max_num_batched_tokens=batched)
    found = pool(name, settings, 40)
    needed = found.layout.blocks_per_request(131072, in_flight_tokens=found.in_flight_tokens)
    assert found.layout.bytes_per_block == block_kib * 1024
    assert blocks is None or needed == blocks
    assert concurrency is None or round(found.max_concurrency, 2) == concurrency
    assert found.steady_concurrency > found.max_concurrency


@pytest.mark.parametrize("tensor", [1, 2, 8])
@pytest.mark.parametrize(("dtype", "bytes_per_token"), [("auto", 70272), ("fp8_ds_mla", 40016)])
def test_latent_caches_are_the_same_on_every_rank(dtype, bytes_per_token, tensor):
    settings = replace(VLLM, kv_cache_dtype=dtype, block_size=64)
    layout = pool_layout(ARCHITECTURES["deepseek-v3"], settings, Parallelism(tensor=tensor))
    assert layout.bytes_per_token == bytes_per_token


def test_heads_are_replicated_when_ranks_outnumber_them():
    per_token = [pool_layout(ARCHITECTURES["qwen3-30b-a3b"], VLLM, Parallelism(tensor=tensor)).bytes_per_token for tensor in (1, 2, 4, 8)]
    assert per_token == [98304, 49152, 24576, 24576]


def test_pipeline_stages_hold_their_own_layers():
    whole = pool_layout(ARCHITECTURES["llama-3.1-8b"], VLLM, ONE)
    half = pool_layout(ARCHITECTURES["llama-3.1-8b"], VLLM, Parallelism(pipeline=2))
    assert half.bytes_per_block * 2 == whole.bytes_per_block


def test_attention_blocks_grow_until_they_hold_a_recurrent_state():
    # vLLM prints 544 for Qwen3-Next, whose state is in 16 bits, and 784 for Qwen3.6-27B, whose matrix is in float32
    next_model = pool_layout(ARCHITECTURES["qwen3-next-80b"], VLLM, ONE)
    assert {bucket.block_tokens for bucket, _ in next_model.buckets if bucket.kind == "full"} == {544}
    attention = LayerGroup((0,), GroupedAttention(24, 4, 256, 256), ARCHITECTURES["llama-3.1-8b"].layer_groups[0].caches, None)
    wide = replace(attention.caches[0], kv_heads=4, key_dim=256, value_dim=256)
    state = StateCache(3 * (2 * 16 * 128 + 48 * 128), 48 * 128 * 128, state_float32=True)
    groups = (replace(attention, caches=(wide,)), LayerGroup((1, 2, 3), None, (state,), None))
    other = replace(ARCHITECTURES["qwen3-next-80b"], layer_groups=groups)
    layout = pool_layout(other, VLLM, ONE)
    assert {bucket.block_tokens for bucket, _ in layout.buckets if bucket.kind == "full"} == {784}


@pytest.mark.parametrize(
    ("features", "blocks", "block_bytes", "block_tokens"),
    [  # a 64 MiB pool as vLLM 0.32 reports it after loading: on an AVX2 processor, and on one with AVX512-BF16 and AMX
        (("avx2",), 512, 131_072, 256),
        (("avx2", "avx512f", "avx512_bf16", "amx_tile"), 341, 196_608, 384),
    ],
)
def test_a_cpu_raises_the_block_too_and_its_features_decide_how_wide_a_state_is(features, blocks, block_bytes, block_tokens):
    settings = replace(VLLM, max_model_len=512, max_num_batched_tokens=512, block_size=128)
    layout = pool_layout(TINY["granitehybrid"], settings, ONE, cpu_platform(processor(*features)))
    found = pool_of(layout, 64 * MIB, settings, in_flight_tokens=512)
    assert (found.num_blocks, layout.bytes_per_block) == (blocks, block_bytes)
    assert {bucket.block_tokens for bucket, _ in layout.buckets if bucket.kind == "full"} == {block_tokens}


def test_a_processor_of_unknown_features_is_taken_to_keep_the_larger_states():
    unknown = candidate(TINY["granitehybrid"], VLLM, where=node(device(device_class="cpu")), backend="cpu")
    assert platform_of(unknown) == CPU != NARROW


@pytest.mark.parametrize(("block_size", "raised"), [(16, 544), (64, 576), (128, 640), (1024, 1024)])
def test_a_raised_block_is_a_multiple_of_the_block_that_was_asked_for(block_size, raised):
    layout = pool_layout(ARCHITECTURES["qwen3-next-80b"], replace(VLLM, block_size=block_size), ONE)
    assert {bucket.block_tokens for bucket, _ in layout.buckets if bucket.kind == "full"} == {raised}


def test_nearly_equal_kinds_share_the_larger_group():
    mixer = GroupedAttention(64, 8, 64, 64)
    source = ARCHITECTURES["gpt-oss-20b"]
    full = source.layer_groups[0].caches[0]
    groups = (
        LayerGroup(tuple(range(13)), mixer, (full,), None),
        LayerGroup(tuple(range(13, 25)), mixer, (SlidingCache(8, 64, 64, 128),), None),
    )
    layout = pool_layout(replace(source, layer_groups=groups), VLLM, ONE)
    assert [count for _, count in layout.buckets] == [1, 1]
    assert layout.bytes_per_block == 13 * 32768


def test_requests_count_whole_blocks_and_never_the_null_block():
    found = pool("llama-3.1-8b", VLLM, 1)
    assert found.num_blocks == 512
    assert found.requests(17) == 255
    assert found.requests(8193) == 0


def test_unknown_cache_types_and_models_without_caches_are_refused():
    with pytest.raises(UserInputError, match="fp6"):
        pool("llama-3.1-8b", replace(VLLM, kv_cache_dtype="fp6"), 1)
    bare = replace(ARCHITECTURES["llama-3.1-8b"], layer_groups=(LayerGroup((0,), None, (), None),))
    with pytest.raises(UserInputError, match="no layer caches"):
        pool_layout(bare, VLLM, ONE)


def test_latent_layers_with_different_pages_are_one_group():
    group = LayerGroup((0, 1), None, (LatentCache(512, 64),), None)
    architecture = replace(ARCHITECTURES["deepseek-v3"], layer_groups=(group, replace(group, layers=(2,), caches=(LatentCache(256, 64),))))
    layout = pool_layout(architecture, VLLM, ONE)
    assert layout.bytes_per_block == 16 * 2 * (2 * 576 + 320)


@given(
    name=st.sampled_from(sorted(ARCHITECTURES)),
    gib=st.floats(1, 200),
    tokens=st.integers(1, 131072),
    tensor=st.sampled_from([1, 2, 4]),
    platform=st.sampled_from([GPU, CPU, NARROW]),
)
def test_more_memory_or_shorter_requests_never_hold_less(name, gib, tokens, tensor, platform):
    settings = replace(VLLM, max_model_len=131072)
    small = pool(name, settings, gib, Parallelism(tensor=tensor), platform)
    large = pool(name, settings, gib * 1.5, Parallelism(tensor=tensor), platform)
    assert small.size_bytes <= gib * GIB
    assert small.requests(tokens) <= large.requests(tokens)
    assert small.requests(tokens) <= small.requests(max(tokens // 2, 1))
    assert small.max_concurrency <= small.steady_concurrency
