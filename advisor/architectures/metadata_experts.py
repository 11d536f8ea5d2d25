"""GGUF metadata of the families with routed experts beside shared ones to the fields of their config.json."""

from typing import Any

from advisor.architectures.metadata_keys import GgufKeys, biased, experts, layer_count

_SIGMOID_GATING = 2  # expert_gating_func of the routers that correct their choice


def _routed(keys: GgufKeys) -> dict[str, Any]:
    found = experts(keys)
    return {
        "n_routed_experts": found["num_experts"],
        "num_experts_per_tok": found["num_experts_per_tok"],
        "moe_intermediate_size": found["moe_intermediate_size"],
        "n_shared_experts": keys.whole("expert_shared_count", default=0),
        "first_k_dense_replace": keys.whole("leading_dense_block_count", default=0),
    }


def latent(keys: GgufKeys) -> dict[str, Any]:
    """Latent attention: the plain key length is that of the compressed row, the `_mla` ones are those of the heads."""
    rope, rank = keys.whole("rope.dimension_count"), keys.whole("attention.kv_lora_rank")
    found = _routed(keys)
    sigmoid = keys.value("expert_gating_func") == _SIGMOID_GATING
    corrected = keys.has_tensor(f"blk.{found['first_k_dense_replace']}.exp_probs_b.bias", default=sigmoid)
    names = {"deepseek2": "deepseek_v3" if corrected else "deepseek_v2", "mistral4": "mistral4", "deepseek32": "deepseek_v32"}
    return {
        "model_type": names.get(keys.architecture, "glm_moe_dsa"),
        "topk_method": "noaux_tc" if corrected else "greedy",
        "head_dim": None,
        "num_key_value_heads": None,
        "kv_lora_rank": rank,
        "q_lora_rank": keys.whole("attention.q_lora_rank", default=0) or None,
        "qk_rope_head_dim": rope,
        "qk_nope_head_dim": keys.whole("attention.key_length_mla") - rope,
        "v_head_dim": keys.whole("attention.value_length_mla"),
        **found,
        **_indexers(keys),
    }


def _indexers(keys: GgufKeys) -> dict[str, Any]:
    """Which layers own an indexer: those that have its tensors, all where the tensors were not given."""
    heads = keys.whole("attention.indexer.head_count", default=0)
    if not heads:
        return {}
    layers = layer_count(keys)
    stated = keys.each("attention.indexer.types", layers)
    owns = [
        keys.has_tensor(f"blk.{index}.indexer.attn_k.weight", default=bool(stated[index]) if stated else True) for index in range(layers)
    ]
    kinds = ["full" if one else "shared" for one in owns]
    return {"index_n_heads": heads, "index_head_dim": keys.whole("attention.indexer.key_length"), "indexer_types": kinds}


def glm4_moe(keys: GgufKeys) -> dict[str, Any]:
    """GLM 4.5 to 4.7: the tensors tell of biases and of norms on queries and keys."""
    normed = keys.has_tensor("blk.0.attn_q_norm.weight")
    return {"model_type": "glm4_moe", "attention_bias": biased(keys, default=True), "use_qk_norm": normed, **_routed(keys)}


def ernie_moe(keys: GgufKeys) -> dict[str, Any]:
    """The shared experts stand as one width."""
    found = experts(keys)
    width, leading = found["moe_intermediate_size"], keys.whole("leading_dense_block_count", default=0)
    shared = keys.whole("expert_shared_feed_forward_length", default=0)
    keys.value("expert_shared_count")
    return {
        "model_type": "ernie4_5_moe",
        "tie_word_embeddings": keys.tied(default=True),
        "moe_num_experts": found["num_experts"],
        "moe_k": found["num_experts_per_tok"],
        "moe_intermediate_size": width,
        "moe_num_shared_experts": shared // width,
        "moe_layer_start_index": leading,
        "moe_layer_interval": keys.whole("interleave_moe_layer_step", default=1),
        "moe_use_aux_free": keys.has_tensor(f"blk.{leading}.exp_probs_b.bias", default=True),
    }


def minimax_m2(keys: GgufKeys) -> dict[str, Any]:
    """Experts as wide as the feed-forward length, every layer."""
    return {"model_type": "minimax_m2", **experts(keys), "use_routing_bias": True}
