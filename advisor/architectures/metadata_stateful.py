"""GGUF metadata of the families with latent attention or recurrent layers to the fields of their config.json."""

from typing import Any

from advisor.architectures.metadata_keys import GgufKeys, experts, layer_count

_SIGMOID_GATING = 2  # expert_gating_func of the routers that correct their choice


def deepseek2(keys: GgufKeys) -> dict[str, Any]:
    """Latent attention: the plain key length is that of the compressed row, the `_mla` ones are those of the heads."""
    rope, rank = keys.whole("rope.dimension_count"), keys.whole("attention.kv_lora_rank")
    leading = keys.whole("leading_dense_block_count", default=0)
    sigmoid = keys.value("expert_gating_func") == _SIGMOID_GATING
    corrected = keys.has_tensor(f"blk.{leading}.exp_probs_b.bias", default=sigmoid)
    found = experts(keys)
    return {
        "model_type": "deepseek_v3" if corrected else "deepseek_v2",
        "topk_method": "noaux_tc" if corrected else "greedy",
        "head_dim": None,
        "num_key_value_heads": None,
        "kv_lora_rank": rank,
        "q_lora_rank": keys.whole("attention.q_lora_rank", default=0) or None,
        "qk_rope_head_dim": rope,
        "qk_nope_head_dim": keys.whole("attention.key_length_mla") - rope,
        "v_head_dim": keys.whole("attention.value_length_mla"),
        "first_k_dense_replace": leading,
        "n_routed_experts": found["num_experts"],
        "num_experts_per_tok": found["num_experts_per_tok"],
        "moe_intermediate_size": found["moe_intermediate_size"],
        "n_shared_experts": keys.whole("expert_shared_count", default=0),
    }


def delta_net(keys: GgufKeys) -> dict[str, Any]:
    """Qwen3-Next and Qwen3.5. Gated delta nets: the state size is the heads' size, groups are key heads, the time-step rank value heads."""
    layers = layer_count(keys)
    recurrent = keys.value("attention.recurrent_layers")
    kinds = {"layer_types": ["linear_attention" if one else "full_attention" for one in recurrent[:layers]]} if recurrent else {}
    value_heads = keys.whole("ssm.time_step_rank")
    mixture = {}
    if keys.whole("expert_count", default=0):
        mixture = {**experts(keys), "shared_expert_intermediate_size": keys.whole("expert_shared_feed_forward_length")}
    return {
        **mixture,
        **kinds,
        "full_attention_interval": keys.whole("full_attention_interval", default=4),
        "linear_num_key_heads": keys.whole("ssm.group_count"),
        "linear_num_value_heads": value_heads,
        "linear_key_head_dim": keys.whole("ssm.state_size"),
        "linear_value_head_dim": keys.whole("ssm.inner_size") // value_heads,
        "linear_conv_kernel_dim": keys.whole("ssm.conv_kernel"),
    }


def granite_hybrid(keys: GgufKeys) -> dict[str, Any]:
    """Mamba-2 where a layer has no key-value heads. Without experts the feed-forward length is that of the dense block."""
    layers = layer_count(keys)
    kv_heads = keys.each("attention.head_count_kv", layers) or []
    heads = keys.whole("ssm.time_step_rank")
    width = keys.whole("feed_forward_length")
    found = {"shared_intermediate_size": width}
    if keys.whole("expert_count", default=0):
        mixture = experts(keys)
        found = {"num_local_experts": mixture["num_experts"], "num_experts_per_tok": mixture["num_experts_per_tok"]}
        found["intermediate_size"] = mixture["moe_intermediate_size"]
        found["shared_intermediate_size"] = keys.whole("expert_shared_feed_forward_length", default=0)
    return {
        "model_type": "granitemoehybrid",
        **found,
        "layer_types": ["attention" if count else "mamba" for count in kv_heads],
        "mamba_n_heads": heads,
        "mamba_d_head": keys.whole("ssm.inner_size") // heads,
        "mamba_d_state": keys.whole("ssm.state_size"),
        "mamba_n_groups": keys.whole("ssm.group_count"),
        "mamba_d_conv": keys.whole("ssm.conv_kernel"),
    }


def mamba2(keys: GgufKeys) -> dict[str, Any]:
    """Mamba-2 alone: what these files say of heads and feed-forward blocks means nothing."""
    heads = keys.whole("ssm.time_step_rank")
    inner = keys.whole("ssm.inner_size")
    return {
        "model_type": "mamba2",
        "num_attention_heads": None,
        "num_key_value_heads": None,
        "intermediate_size": None,
        "tie_word_embeddings": keys.tied(default=True),
        "expand": inner // keys.whole("embedding_length"),
        "num_heads": heads,
        "head_dim": inner // heads,
        "state_size": keys.whole("ssm.state_size"),
        "n_groups": keys.whole("ssm.group_count"),
        "conv_kernel": keys.whole("ssm.conv_kernel"),
    }
