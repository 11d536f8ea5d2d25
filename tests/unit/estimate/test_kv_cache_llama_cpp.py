"""llama.cpp's caches against the engine's own answers."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.catalog.memory_constants import load_memory_constants
from advisor.domain.architecture import ChunkedCache, FullCache, GroupedAttention, IndexerCache, LayerGroup
from advisor.estimate.compute_buffer_llama_cpp import ComputeBuffer, is_restated
from advisor.estimate.kv_cache_llama_cpp import context_of, layer_cache_bytes, layer_state_bytes, layer_token_bytes
from advisor.units import MIB
from tests.unit.estimate.architectures_for_tests import ARCHITECTURES
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP

ROWS = list(csv.DictReader((Path(__file__).parent / "llama_cpp_allocations.csv").read_text().splitlines()))


def settings_of(row):
    return replace(
        LLAMA_CPP,
        ctx_size=int(row["n_ctx"]),
        parallel=int(row["n_seq_max"]),
        cache_type_k=row["type_k"],
        cache_type_v=row["type_v"],
        flash_attn=row["flash_attn"],
        ubatch_size=int(row["n_ubatch"]),
        kv_unified=row["kv_unified"] == "True",
        swa_full=row["swa_full"] == "True",
        outputs=int(row["n_outputs_max"]) or 2048,
    )


def cache_and_state_mib(name, settings):
    architecture = ARCHITECTURES[name]
    context = context_of(architecture, settings)
    groups = architecture.layer_groups
    return (
        sum(group.count * layer_cache_bytes(group, architecture, settings, context) for group in groups) / MIB,
        sum(group.count * layer_state_bytes(group, context) for group in groups) / MIB,
    )


def row_name(row):
    return "-".join(row[key] for key in ("model", "n_ctx", "n_seq_max", "type_k", "type_v", "flash_attn", "n_ubatch", "kv_unified"))


@pytest.mark.parametrize("row", ROWS, ids=row_name)
def test_cache_and_state_are_what_the_engine_allocates(row):
    settings = settings_of(row)
    cache, state = cache_and_state_mib(row["model"], settings)
    assert cache == pytest.approx(float(row["kv_mib"]), abs=0.006)
    assert state == pytest.approx(float(row["rs_mib"]), abs=0.006)
    assert context_of(ARCHITECTURES[row["model"]], settings).cells == int(row["n_ctx_seq"])


def compute_error(row, **changes):
    architecture, settings = replace(ARCHITECTURES[row["model"]], **changes), settings_of(row)
    predicted = ComputeBuffer(architecture, settings, context_of(architecture, settings)).peak_bytes / MIB
    return predicted / float(row["compute_mib"]) - 1


def test_compute_buffers_are_the_engines():
    assert max(abs(compute_error(row)) for row in ROWS) < 0.004


def test_architectures_taken_for_the_commonest_are_within_a_few_percent_nearly_always():
    """What an architecture is sized with whose graph is not restated."""
    errors = sorted(abs(compute_error(row, gguf_name="unknown")) for row in ROWS)
    assert not is_restated(replace(ARCHITECTURES["llama-3.1-8b"], gguf_name="unknown"))
    assert errors[len(errors) // 2] < 0.01
    assert errors[len(errors) * 9 // 10] < 0.05


@pytest.mark.parametrize(
    ("name", "context", "changes", "cache_mib", "state_mib"),
    [  # llama.cpp b11549 without allocation
        ("llama-3.1-8b", 32768, {}, 4096, 0),
        ("llama-3.1-8b", 32768, {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}, 2176, 0),
        ("gemma-3-27b", 131072, {}, 10240 + 624, 0),
        ("gemma-3-27b", 131072, {"parallel": 4}, 10240 + 1872, 0),
        ("gemma-3-27b", 131072, {"parallel": 4, "kv_unified": False}, 10240 + 2496, 0),
        ("gemma-3-27b", 131072, {"swa_full": True}, 63488, 0),
        ("gpt-oss-20b", 131072, {}, 3072 + 18, 0),
        ("gpt-oss-20b", 131072, {"parallel": 8, "kv_unified": False}, 3072 + 144, 0),
        ("deepseek-v3", 32768, {}, 2196, 0),
        ("deepseek-v3", 8192, {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}, 291.66, 0),
        ("qwen3-next-80b", 32768, {}, 768, 75.375),
        ("qwen3-next-80b", 32768, {"parallel": 4}, 768, 301.5),
    ],
)
def test_published_allocations(name, context, changes, cache_mib, state_mib):
    cache, state = cache_and_state_mib(name, replace(LLAMA_CPP, ctx_size=context, **changes))
    assert cache == pytest.approx(cache_mib, abs=0.01)
    assert state == pytest.approx(state_mib, abs=0.01)


@pytest.mark.parametrize(
    ("asked", "slots", "unified", "cells", "total"),
    [(10000, 3, False, 3584, 10752), (4100, 1, True, 4352, 4352), (8192, 4, True, 8192, 8192), (8192, 4, False, 2048, 8192)],
)
def test_cells_are_padded_and_shared_or_divided(asked, slots, unified, cells, total):
    context = context_of(ARCHITECTURES["llama-3.1-8b"], replace(LLAMA_CPP, ctx_size=asked, parallel=slots, kv_unified=unified))
    assert (context.cells, context.total_tokens) == (cells, total)


def test_no_context_given_means_the_trained_length_and_no_request_is_longer():
    trained = context_of(ARCHITECTURES["llama-2-7b"], replace(LLAMA_CPP, ctx_size=0))
    beyond = context_of(ARCHITECTURES["llama-2-7b"], replace(LLAMA_CPP, ctx_size=8192))
    assert trained.total_tokens == 4096
    assert (beyond.total_tokens, beyond.per_request_tokens) == (8192, 4096)


def test_indexer_keys_have_the_type_of_keys_and_chunks_cache_like_windows():
    caches = (FullCache(1, 64, 64), IndexerCache(128), ChunkedCache(1, 64, 64, 1024))
    group = LayerGroup((0,), GroupedAttention(1, 1, 64, 64), caches, None)
    settings = replace(LLAMA_CPP, ctx_size=4096, cache_type_k="q8_0", cache_type_v="q8_0")
    architecture = replace(ARCHITECTURES["llama-3.1-8b"], layer_groups=(group,))
    context = context_of(architecture, settings)
    row = 2 * 64 // 32 * 34
    assert layer_cache_bytes(group, architecture, settings, context) == 4096 * (row + 136) + 1536 * row
    assert layer_token_bytes(group, architecture, settings) == row + 136


def test_stated_ranges_hold_most_compute_buffers():
    constants = load_memory_constants().llama_cpp
    inside = 0
    for row in ROWS:
        known, unknown = compute_error(row), compute_error(row, gguf_name="unknown")
        assert constants.compute_restated_factor.low <= 1 / (1 + known) <= constants.compute_restated_factor.high
        inside += constants.compute_other_factor.low <= 1 / (1 + unknown) <= constants.compute_other_factor.high
    assert inside / len(ROWS) >= 0.8


@given(
    name=st.sampled_from(sorted(ARCHITECTURES)),
    context=st.integers(256, 200_000),
    more=st.integers(0, 50_000),
    slots=st.integers(1, 16),
    unified=st.booleans(),
)
def test_a_longer_context_never_takes_less_memory(name, context, more, slots, unified):
    settings = replace(LLAMA_CPP, ctx_size=context, parallel=slots, kv_unified=unified)
    longer = replace(settings, ctx_size=context + more)
    assert cache_and_state_mib(name, settings) <= cache_and_state_mib(name, longer)
    assert cache_and_state_mib(name, longer)[0] <= cache_and_state_mib(name, replace(longer, swa_full=True))[0]
