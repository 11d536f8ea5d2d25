"""GGUF metadata of Llama's descendants with one kind of attention to the fields of their config.json."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from advisor.architectures.llama_families import FAMILIES
from advisor.architectures.metadata_keys import GgufKeys, biased, experts, ignore_windows, layer_count, rope_tables

DESCENDANTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "qwen2": "qwen2",
        "qwen2moe": "qwen2_moe",
        "qwen3": "qwen3",
        "qwen3moe": "qwen3_moe",
        "qwen3vl": "qwen3_vl_text",
        "qwen3vlmoe": "qwen3_vl_moe_text",
        "mistral3": "ministral3",
        "gemma": "gemma",
        "phi3": "phi3",
        "granite": "granite",
        "granitemoe": "granitemoe",
        "smollm3": "smollm3",
        "seed_oss": "seed_oss",
        "internlm2": "internlm2",
        "ernie4_5": "ernie4_5",
        "olmoe": "olmoe",
        "command-r": "cohere",
        "glm4": "glm4",
    }
)
"""What llama.cpp calls a family -> its model_type."""


def descendant(keys: GgufKeys, *, model_type: str) -> dict[str, Any]:
    """Any of DESCENDANTS: what differs from Llama is said by its row, its tensors and the expert keys."""
    family = FAMILIES[model_type]
    if keys.architecture == "phi3":
        ignore_windows(keys)
    found = {"model_type": model_type, "tie_word_embeddings": keys.tied(default=family.tied), **rope_tables(keys)}
    if not family.qkv_bias:
        found["attention_bias"] = biased(keys)
    if keys.whole("expert_count", default=0):
        found |= experts(keys)
        found["shared_expert_intermediate_size"] = keys.whole("expert_shared_feed_forward_length", default=0)
    return found


def deci(keys: GgufKeys) -> dict[str, Any]:
    """One entry a layer of heads, key-value heads and widths; 0 where the layer has none."""
    layers, hidden = layer_count(keys), keys.whole("embedding_length")
    heads = keys.each("attention.head_count", layers) or []
    kv_heads = keys.each("attention.head_count_kv", layers) or []
    widths = keys.each("feed_forward_length", layers) or []
    rows = zip(heads, kv_heads, widths, strict=True)
    return {
        "model_type": "nemotron-nas",
        "head_dim": None,
        "num_key_value_heads": None,
        "block_configs": [_block(each, kv, width, hidden) for each, kv, width in rows],
        **rope_tables(keys),
    }


def _block(heads: int, kv_heads: int, width: int, hidden: int) -> dict[str, Any]:
    """ffn_mult as the release states it: the width is int(2 * ffn_mult * hidden / 3), rounded up."""
    return {
        "attention": {"no_op": kv_heads == 0, "n_heads_in_group": heads // max(kv_heads, 1), "replace_with_linear": kv_heads == 0 < heads},
        "ffn": {"no_op": width == 0, "ffn_mult": 3 * width / hidden / 2},
    }
