"""GGUF metadata to the fields of a config.json: one reader per family then serves both sources.

Keys as in llama.cpp b11549, gguf-py/gguf/constants.py. A key of the architecture that is not understood is refused by name.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from advisor.architectures.metadata_keys import GgufKeys
from advisor.errors import UserInputError

Translation = Callable[[GgufKeys], dict[str, Any]]


def config_of_gguf(metadata: Mapping[str, Any], where: str, *, tensor_names: Collection[str] | None) -> dict[str, Any]:
    """The config.json that the header amounts to. Raises UserInputError for an unknown architecture or key."""
    name = metadata.get("general.architecture")
    translate = TRANSLATIONS.get(str(name))
    if translate is None:
        known = ", ".join(sorted(TRANSLATIONS))
        raise UserInputError(f"{where}: GGUF architecture {str(name)!r} is not known to this version: refused, not guessed. Known: {known}")
    keys = GgufKeys(metadata, str(name), where, tensor_names)
    config = {**_common(keys), **translate(keys)}
    keys.refuse_unread()
    return config


def _common(keys: GgufKeys) -> dict[str, Any]:
    hidden, heads = keys.whole("embedding_length"), keys.whole("attention.head_count")
    return {
        "hidden_size": hidden,
        "num_hidden_layers": keys.whole("block_count") - keys.whole("nextn_predict_layers", default=0),
        "num_attention_heads": heads,
        "num_key_value_heads": keys.whole("attention.head_count_kv", default=heads),
        "head_dim": keys.whole("attention.key_length", default=hidden // max(heads, 1)),
        "intermediate_size": keys.whole("feed_forward_length", default=0),
        "vocab_size": keys.vocabulary(),
        "max_position_embeddings": keys.whole("context_length"),
        "tie_word_embeddings": keys.tied(default=False),
    }


def _experts(keys: GgufKeys) -> dict[str, Any]:
    return {
        "num_experts": keys.whole("expert_count"),
        "num_experts_per_tok": keys.whole("expert_used_count"),
        "moe_intermediate_size": keys.whole("expert_feed_forward_length", default=keys.whole("feed_forward_length", default=0)),
    }


def _llama(keys: GgufKeys) -> dict[str, Any]:
    scaled = {"rope_scaling": {"rope_type": "llama3"}} if keys.has_tensor("rope_freqs.weight") else {}
    if not keys.whole("expert_count", default=0):
        return {"model_type": "llama", "attention_bias": keys.has_tensor("blk.0.attn_q.bias"), **scaled}
    return {"model_type": "mixtral", **_experts(keys), **scaled}


def _plain(model_type: str) -> Translation:
    return lambda keys: {"model_type": model_type}


def _qwen3_moe(keys: GgufKeys) -> dict[str, Any]:
    return {"model_type": "qwen3_moe", **_experts(keys)}


TRANSLATIONS: Final[Mapping[str, Translation]] = MappingProxyType(
    {
        "llama": _llama,
        "qwen2": _plain("qwen2"),
        "qwen3": _plain("qwen3"),
        "qwen3moe": _qwen3_moe,
    }
)
