"""GGUF metadata of the families with sliding windows to the fields of their config.json."""

from typing import Any

from advisor.architectures.metadata_keys import GgufKeys, experts, layer_count, rope_tables


def _kinds(slides: list[bool]) -> list[str]:
    return ["sliding_attention" if one else "full_attention" for one in slides]


def _windows(keys: GgufKeys, *, period: int, window: int | None = None) -> dict[str, Any]:
    slides = keys.flags("attention.sliding_window_pattern", layer_count(keys), period=period)
    return {"sliding_window": keys.whole("attention.sliding_window", default=window), "layer_types": _kinds(slides)}


def windowed(keys: GgufKeys, *, model_type: str, period: int, tied: bool = False) -> dict[str, Any]:
    """All but the last of each period slide, when the file gives a window."""
    found = {"model_type": model_type, "tie_word_embeddings": keys.tied(default=tied), **rope_tables(keys)}
    return found | (_windows(keys, period=period) if keys.value("attention.sliding_window") else {})


def olmo2(keys: GgufKeys) -> dict[str, Any]:
    """OLMo 2, and OLMo 3 where the file gives a window."""
    return windowed(keys, model_type="olmo3" if keys.value("attention.sliding_window") else "olmo2", period=4)


def llama4(keys: GgufKeys) -> dict[str, Any]:
    """Chunks of 8,192 tokens in all but each fourth layer; every `interleave_moe_layer_step`-th layer has experts."""
    found = experts(keys)
    dense = keys.whole("feed_forward_length")
    keys.value("expert_shared_feed_forward_length")  # the shared expert is as wide as the others
    slides = keys.flags("attention.sliding_window_pattern", layer_count(keys), period=4)
    return {
        "model_type": "llama4_text",
        "num_local_experts": found["num_experts"],
        "num_experts_per_tok": found["num_experts_per_tok"],
        "intermediate_size": found["moe_intermediate_size"],
        "intermediate_size_mlp": dense,
        "interleave_moe_layer_step": keys.whole("interleave_moe_layer_step"),
        "layer_types": ["chunked_attention" if one else "full_attention" for one in slides],
        "attention_chunk_size": keys.whole("attention.chunk_size", default=8192),
        **rope_tables(keys),
    }


def mimo2(keys: GgufKeys) -> dict[str, Any]:
    """Sliding layers have key-value heads of their own; the tensors tell of sinks and of dense layers."""
    layers = layer_count(keys)
    slides = keys.flags("attention.sliding_window_pattern", layers, period=6)
    kv_heads = keys.each("attention.head_count_kv", layers) or []
    full, narrow = slides.index(False), slides.index(True)
    key_dim, value_dim = keys.whole("attention.key_length"), keys.whole("attention.value_length")
    found = experts(keys)
    keys.value("leading_dense_block_count")  # the tensors say it
    return {
        "model_type": "mimo_v2_flash",
        "sliding_window": keys.whole("attention.sliding_window"),
        "hybrid_layer_pattern": [int(one) for one in slides],
        "num_key_value_heads": kv_heads[full],
        "v_head_dim": value_dim,
        "swa_num_attention_heads": keys.whole("attention.head_count"),
        "swa_num_key_value_heads": kv_heads[narrow],
        "swa_head_dim": key_dim,
        "swa_v_head_dim": value_dim,
        "add_full_attention_sink_bias": keys.has_tensor(f"blk.{full}.attn_sinks.weight"),
        "add_swa_attention_sink_bias": keys.has_tensor(f"blk.{narrow}.attn_sinks.weight", default=True),
        "n_routed_experts": found["num_experts"],
        "num_experts_per_tok": found["num_experts_per_tok"],
        "moe_intermediate_size": found["moe_intermediate_size"],
        "moe_layer_freq": [int(keys.has_tensor(f"blk.{index}.ffn_gate_inp.weight", default=index > 0)) for index in range(layers)],
    }


def gemma2(keys: GgufKeys) -> dict[str, Any]:
    """Every other layer slides."""
    return {"model_type": "gemma2", "tie_word_embeddings": True, **_windows(keys, period=2, window=4096)}


def gemma3(keys: GgufKeys) -> dict[str, Any]:
    """Five of six layers slide."""
    return {"model_type": "gemma3_text", "tie_word_embeddings": keys.tied(default=True), **_windows(keys, period=6)}


def gpt_oss(keys: GgufKeys) -> dict[str, Any]:
    """Every other layer slides; experts may be as wide as a key of their own says."""
    found = experts(keys)
    width = found.pop("moe_intermediate_size")
    return {"model_type": "gpt_oss", **found, "intermediate_size": width, **_windows(keys, period=2)}


def gemma4(keys: GgufKeys) -> dict[str, Any]:
    """Heads of their own size and number on full layers, whose values are their keys when the file has no attn_v there."""
    layers = layer_count(keys)
    slides = keys.flags("attention.sliding_window_pattern", layers, period=6)
    kv_heads = keys.each("attention.head_count_kv", layers) or []
    full = slides.index(False)
    keys.value("attention.value_length_swa")  # equals attention.key_length_swa, or llama.cpp refuses the file
    mixture = {"enable_moe_block": True, **experts(keys)} if keys.whole("expert_count", default=0) else {}
    widths = keys.each("feed_forward_length", layers) or [0]
    return {
        "model_type": "gemma4_text",
        "intermediate_size": widths[0],
        "use_double_wide_mlp": widths[-1] == 2 * widths[0],
        "tie_word_embeddings": keys.tied(default=True),
        "sliding_window": keys.whole("attention.sliding_window"),
        "layer_types": _kinds(slides),
        "head_dim": keys.whole("attention.key_length_swa"),
        "num_key_value_heads": kv_heads[slides.index(True)],
        "global_head_dim": keys.whole("attention.key_length"),
        "num_global_key_value_heads": kv_heads[full],
        "attention_k_eq_v": not keys.has_tensor(f"blk.{full}.attn_v.weight"),
        "hidden_size_per_layer_input": keys.whole("embedding_length_per_layer_input", default=0),
        "num_kv_shared_layers": keys.whole("attention.shared_kv_layers", default=0),
        **mixture,
    }
