"""GGUF metadata of the families with sliding windows to the fields of their config.json."""

from typing import Any

from advisor.architectures.metadata_keys import GgufKeys, experts, layer_count


def _kinds(slides: list[bool]) -> list[str]:
    return ["sliding_attention" if one else "full_attention" for one in slides]


def _windows(keys: GgufKeys, *, period: int, window: int | None = None) -> dict[str, Any]:
    slides = keys.flags("attention.sliding_window_pattern", layer_count(keys), period=period)
    return {"sliding_window": keys.whole("attention.sliding_window", default=window), "layer_types": _kinds(slides)}


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
    return {
        "model_type": "gemma4_text",
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
