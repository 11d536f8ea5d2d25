"""Which families are read: every one of the engines' lists is read or refused by name, and what is read can be planned there."""

import pytest

from advisor.architectures import from_config
from advisor.architectures.llama_families import FAMILIES
from advisor.architectures.refused import NEEDED
from advisor.architectures.registry import READERS, WRAPPED
from advisor.catalog import load_catalog
from advisor.engines.support import supports_architecture
from advisor.errors import UnknownArchitecture, UserInputError
from tests.unit.synthesis.tiny_models import TINY

CATALOG = load_catalog()
VLLM, LLAMA_CPP = CATALOG.engine("vllm"), CATALOG.engine("llama.cpp")
PLAIN = {
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 512,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}
READ = {architecture.name: architecture for architecture in TINY.values()} | {
    model.architecture.name: model.architecture for model in CATALOG.models.values()
}
READ["mimo"] = from_config({**PLAIN, "model_type": "mimo"}, "a")
READ["mamba2"] = from_config(
    {**PLAIN, "model_type": "mamba2", "num_attention_heads": None, "num_key_value_heads": None, "intermediate_size": None}, "a"
)


def test_more_than_forty_families_are_read():
    assert len(READERS) > 40
    assert not READERS.keys() & NEEDED.keys()


@pytest.mark.parametrize("name", sorted(READ))
def test_what_is_read_is_planned_on_the_engines_that_know_it(name):
    architecture = READ[name]
    assert supports_architecture(VLLM, architecture)
    assert supports_architecture(LLAMA_CPP, architecture) is (architecture.gguf_name is not None)


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_family_has_a_model_that_the_tests_build(name):
    """Through the catalog, the synthetic models, or because it is another spelling of one of theirs."""
    assert {"mimo_v2": "mimo_v2_flash"}.get(name, name) in READ


@pytest.mark.parametrize("name", [name for name in VLLM.architectures if name not in READERS and name not in WRAPPED])
def test_what_the_engine_knows_and_we_do_not_is_refused_by_name(name):
    assert name in NEEDED or f"{name}_text" in READERS


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_refusal_names_the_family_and_what_it_would_need(name):
    with pytest.raises(UnknownArchitecture) as error:
        from_config({"model_type": name, "hidden_size": 64}, "org/model")
    for word in ("org/model", repr(name), "refused, not guessed", NEEDED[name], "--ask-engine"):
        assert word in str(error.value)


MOE = {"n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 128}
LATENT = {"kv_lora_rank": 64, "q_lora_rank": 64, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_an_unknown_field_is_refused_in_every_family_of_the_table(name):
    config = {**PLAIN, "model_type": name}
    assert from_config(config, "a").layers == 4
    with pytest.raises(UnknownArchitecture, match=r"'kv_merge_ratio'.*refused, not guessed"):
        from_config({**config, "kv_merge_ratio": 2}, "a")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "internlm2", "bias": True}, "bias: true is not known"),
        ({"model_type": "ernie4_5", "use_bias": True}, "use_bias: true is not known"),
        ({"model_type": "cohere", "use_qk_norm": True}, "use_qk_norm: true is not known"),
        ({"model_type": "minimax_m2", "use_qk_norm": False}, "use_qk_norm: false is not known"),
        ({"model_type": "llama4_text", "attention_bias": True}, "attention_bias: true is not known"),
        ({"model_type": "lfm2", "conv_L_cache": 3, "conv_bias": True}, "conv_bias: true is not known"),
        ({"model_type": "lfm2", "conv_L_cache": 3}, "layer_types or full_attn_idxs"),
        ({"model_type": "nemotron_h", "hybrid_override_pattern": "M?"}, r"hybrid_override_pattern: \?"),
        ({"model_type": "nemotron_h", "layers_block_type": ["mlp"]}, "num_hidden_layers differs from the 1 blocks"),
        ({"model_type": "nemotron_h", "layers_block_type": ["mlp"] * 4, "mlp_bias": True}, "mlp_bias: true is not known"),
        ({"model_type": "nemotron-nas", "block_configs": [{}]}, "one entry a layer is needed"),
        ({"model_type": "nemotron-nas", "block_configs": [{"attention": {}}] * 4}, "an entry cannot be read"),
        ({"model_type": "mimo_v2", "swa_num_attention_heads": 8}, "another number of heads"),
        ({"model_type": "glm_moe_dsa", **MOE, **LATENT, "index_topk_freq": 4}, "index_topk_freq without indexer_types"),
        ({"model_type": "deepseek_v3", **MOE, **LATENT, "moe_layer_freq": 2}, "moe_layer_freq: only 1 is known"),
        ({"model_type": "ernie4_5_moe", "use_bias": True}, "use_bias: true is not known"),
    ],
)
def test_what_a_family_does_not_do_is_refused(config, words):
    with pytest.raises(UserInputError, match=words):
        from_config({**PLAIN, **config}, "a")


@pytest.mark.parametrize("name", ["mistral3", "qwen3_vl", "gemma3", "gemma4", "llama4", "kimi_k25"])
def test_a_tower_that_is_not_described_is_said(name):
    text = {
        **PLAIN,
        **LATENT,
        **MOE,
        "model_type": "kimi_k2" if name == "kimi_k25" else f"{name}_text",
        "num_local_experts": 8,
        "sliding_window": 64,
    }
    text = {key: value for key, value in text.items() if not (name == "llama4" and key in {*LATENT, *MOE, "sliding_window"})}
    config = {"model_type": name, "text_config": {**text, "num_experts_per_tok": 2}, "vision_config": {"patch_size": "16"}}
    with pytest.raises(UserInputError, match=r"vision_config: .*hidden_size: a number is needed"):
        from_config({**config, "text_config": {**config["text_config"], **({"model_type": "mistral"} if name == "mistral3" else {})}}, "a")
