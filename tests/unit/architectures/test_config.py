"""config.json to architecture: parameter counts of published models, what is cached, and what is refused by name."""

import csv
import json
from pathlib import Path

import pytest

from advisor.architectures import from_config
from advisor.catalog import load_catalog
from advisor.domain.architecture import FullCache, LatentCache, MoeFfn, SlidingCache, StateCache
from advisor.errors import UserInputError

HERE = Path(__file__).parent
CONFIGS = json.loads((HERE / "configs.json").read_text())["configs"]
TOTALS = list(csv.DictReader((HERE / "parameters.csv").open()))


def architecture_of(model):
    if model in CONFIGS:
        return from_config(CONFIGS[model], model)
    return load_catalog().models[model].architecture


@pytest.mark.parametrize("row", TOTALS, ids=lambda row: row["model"])
def test_parameters_are_those_of_the_published_model(row):
    architecture = architecture_of(row["model"])
    published = int(row["total"])
    with_tower = architecture.parameters_total + architecture.encoder_parameters
    counts_the_tower = "safetensors" in row["source"]
    assert (with_tower if counts_the_tower else architecture.parameters_total) == published
    if row["active"]:
        assert architecture.parameters_active == int(row["active"])


def caches(model):
    return {type(cache): group.count for group in architecture_of(model).layer_groups for cache in group.caches}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Qwen/Qwen3-32B", {FullCache: 64}),
        ("mistralai/Mistral-7B-v0.1", {SlidingCache: 32}),
        ("google/gemma-3-27b-it", {SlidingCache: 52, FullCache: 10}),
        ("google/gemma-2-2b", {SlidingCache: 13, FullCache: 13}),
        ("openai/gpt-oss-20b", {SlidingCache: 12, FullCache: 12}),
        ("google/gemma-4-26B-A4B-it", {SlidingCache: 25, FullCache: 5}),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", {StateCache: 36, FullCache: 12}),
        ("ibm-granite/granite-4.0-h-tiny", {StateCache: 36, FullCache: 4}),
    ],
)
def test_layers_cache_what_the_engines_allocate(model, expected):
    assert caches(model) == expected


def test_latent_attention_caches_one_row_whatever_the_heads():
    groups = architecture_of("deepseek-ai/DeepSeek-V3").layer_groups
    assert {cache for group in groups for cache in group.caches} == {LatentCache(512, 64)}
    assert [group.count for group in groups] == [3, 58]
    experts = groups[1].ffn
    assert isinstance(experts, MoeFfn)
    assert experts.shared_width == 2048


def test_recurrent_state_is_that_of_the_engine():
    """llama.cpp allocates 75.375 MiB for one sequence of Qwen3-Next, all in 32 bits."""
    groups = architecture_of("Qwen/Qwen3-Next-80B-A3B-Instruct").layer_groups
    states = [(group.count, cache) for group in groups for cache in group.caches if isinstance(cache, StateCache)]
    assert sum(4 * count * (state.conv_elements + state.state_elements) for count, state in states) == 75.375 * 2**20


def test_the_stated_head_size_wins_over_the_quotient():
    (group,) = architecture_of("Qwen/Qwen3-30B-A3B").layer_groups
    assert group.caches == (FullCache(4, 128, 128),)


LLAMA = CONFIGS["meta-llama/Llama-2-7b-hf"]


@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        (None, 4096),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}, 8192),
        ({"type": "linear", "factor": 2.0}, 8192),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 2048}, 4096),
    ],
)
def test_rope_scaling_lengthens_the_context_only_where_the_length_is_unscaled(rope, expected):
    assert from_config({**LLAMA, "rope_scaling": rope}, "a").max_context_tokens == expected


def test_qwen_ignores_its_window_unless_told_to_use_it():
    config = {**LLAMA, "model_type": "qwen2", "sliding_window": 1024, "use_sliding_window": False, "max_window_layers": 20}
    assert from_config(config, "a").kinds == ()
    used = from_config({**config, "use_sliding_window": True}, "a")
    assert [(group.count, type(group.caches[0])) for group in used.layer_groups] == [(20, FullCache), (12, SlidingCache)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "qwen4", "kv_merge_ratio": 2}, ["'qwen4' is not known", "refused, not guessed", "'kv_merge_ratio'", "qwen2"]),
        ({"kv_merge_ratio": 2}, ["'llama' is known", "'kv_merge_ratio'", "refused, not guessed"]),
        ({"block_configs": [{"attention": None}]}, ["'block_configs'"]),
        ({"model_type": None}, ["no model_type"]),
        ({"num_key_value_heads": 7}, ["num_key_value_heads", "7 does not divide 32"]),
        ({"hidden_size": "4096"}, ["hidden_size", "whole number", "'4096'"]),
        ({"num_hidden_layers": None}, ["num_hidden_layers", "missing"]),
        ({"layer_types": ["full_attention"]}, ["layer_types", "1 entries for 32 layers"]),
        ({"layer_types": ["linear_attention"] * 32}, ["layer_types", "full_attention"]),
    ],
)
def test_what_is_not_understood_is_refused_by_name(changes, words):
    with pytest.raises(UserInputError) as error:
        from_config({**LLAMA, **changes}, "org/model")
    assert all(word in str(error.value) for word in ["org/model", *words])


def test_fields_that_change_no_size_are_accepted():
    harmless = {"use_cache": True, "kv_merge_ratio": None, "extra_bias": False, "spare_layers": 0, "note": "text", "rope_theta": 1e6}
    assert from_config({**LLAMA, **harmless}, "a") == from_config(LLAMA, "a")


OWN_EMBEDDINGS = {
    "model_type": "gemma4_text", "hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_key_value_heads": 1,
    "head_dim": 64, "global_head_dim": 128, "vocab_size": 1000, "vocab_size_per_layer_input": 1000, "max_position_embeddings": 4096,
    "sliding_window": 128, "num_hidden_layers": 6, "layer_types": ["sliding_attention", "full_attention"] * 3,
    "hidden_size_per_layer_input": 32, "num_kv_shared_layers": 3, "use_double_wide_mlp": True,
}  # fmt: skip


def test_the_last_layers_read_the_cache_of_the_last_of_their_kind_before_them():
    kept, full, sharing_full, sharing = from_config(OWN_EMBEDDINGS, "a").layer_groups
    assert [group.layers for group in (kept, full, sharing_full, sharing)] == [(0, 2), (1,), (3, 5), (4,)]
    assert (sharing.caches, sharing.borrowed, sharing.mixer.queries_alone) == ((), kept.caches[0], True)
    assert (sharing_full.caches, sharing_full.borrowed, sharing_full.read_caches) == ((), full.caches[0], full.caches)
    assert [group.ffn.width for group in (kept, full, sharing_full, sharing)] == [512, 512, 1024, 1024]


def test_the_layers_own_embeddings_are_looked_up_and_projections_of_no_use_are_no_work():
    architecture = from_config(OWN_EMBEDDINGS, "a")
    without = from_config({**OWN_EMBEDDINGS, "hidden_size_per_layer_input": 0}, "a")
    table, projection = 1000 * 6 * 32, 256 * 6 * 32 + 32
    layers = 6 * (2 * 256 * 32 + 256)
    assert (architecture.token_width, architecture.lookup_parameters) == (6 * 32, table)
    assert architecture.parameters_total - without.parameters_total == table + projection + layers
    assert architecture.parameters_active - without.parameters_active == projection + layers
    idle = 2 * (2 * 256 * 128 + 128) + 2 * 256 * 64 + 64  # keys, values and their norms of the three layers that share
    assert architecture.parameters_total - architecture.parameters_active == table + idle


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vocab_size_per_layer_input": 999}, "vocab_size_per_layer_input: 999 rows beside a vocabulary of 1000"),
        ({"num_kv_shared_layers": 5}, "num_kv_shared_layers: no layer of the same kind before the last 5"),
        ({"num_kv_shared_layers": 7}, "num_kv_shared_layers"),
    ],
)
def test_embeddings_and_sharing_that_do_not_fit_the_layers_are_refused(changes, words):
    with pytest.raises(UserInputError, match=words):
        from_config({**OWN_EMBEDDINGS, **changes}, "a")
