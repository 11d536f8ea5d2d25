"""GGUF metadata of the families with recurrent layers to the fields of their config.json."""

from typing import Any

from advisor.architectures.metadata_keys import GgufKeys, experts, layer_count


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


def nemotron_h(keys: GgufKeys) -> dict[str, Any]:
    """One block a layer: a mixer where both the key-value heads and the width are 0, attention where only the width is."""
    layers = layer_count(keys)
    kv_heads = keys.each("attention.head_count_kv", layers) or []
    widths = keys.each("feed_forward_length", layers) or []
    heads = keys.whole("ssm.time_step_rank")
    mixture = {}
    if keys.whole("expert_count", default=0):
        found, shared = experts(keys), keys.whole("expert_shared_count", default=1)
        mixture = {
            "n_routed_experts": found["num_experts"],
            "num_experts_per_tok": found["num_experts_per_tok"],
            "moe_intermediate_size": found["moe_intermediate_size"],
            "moe_shared_expert_intermediate_size": keys.whole("expert_shared_feed_forward_length") // shared,
            "n_shared_experts": shared,
            "moe_latent_size": keys.whole("moe_latent_size", default=0),
        }
    block = "moe" if mixture else "mlp"
    rows = zip(kv_heads, widths, strict=True)
    return {
        "model_type": "nemotron_h",
        **mixture,
        "layers_block_type": [block if width else ("attention" if kv else "mamba") for kv, width in rows],
        "mamba_num_heads": heads,
        "mamba_head_dim": keys.whole("ssm.inner_size") // heads,
        "ssm_state_size": keys.whole("ssm.state_size"),
        "n_groups": keys.whole("ssm.group_count"),
        "conv_kernel": keys.whole("ssm.conv_kernel"),
        "mamba_ssm_cache_dtype": "float32",  # llama.cpp keeps every state in 32 bits
    }


def lfm2(keys: GgufKeys) -> dict[str, Any]:
    """Short convolutions where a layer has no key-value heads."""
    kv_heads = keys.each("attention.head_count_kv", layer_count(keys)) or []
    mixture = {}
    if keys.whole("expert_count", default=0):
        leading = keys.whole("leading_dense_block_count", default=0)
        corrected = keys.has_tensor(f"blk.{leading}.exp_probs_b.bias", default=True)
        mixture = {**experts(keys), "num_dense_layers": leading, "use_expert_bias": corrected}
    return {
        "model_type": "lfm2_moe" if mixture else "lfm2",
        **mixture,
        "tie_word_embeddings": keys.tied(default=True),
        "layer_types": ["full_attention" if count else "conv" for count in kv_heads],
        "conv_L_cache": keys.whole("shortconv.l_cache"),
        "block_auto_adjust_ff_dim": False,  # the file states the adjusted width
    }
