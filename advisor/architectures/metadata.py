"""GGUF metadata to the fields of a config.json: one reader per family then serves both sources.

Keys as in llama.cpp b11549, gguf-py/gguf/constants.py. A key of the architecture that is not understood is refused by name.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from advisor.architectures.metadata_keys import GgufKeys, experts, layer_count
from advisor.architectures.metadata_stateful import deepseek2, delta_net, granite_hybrid, mamba2
from advisor.architectures.metadata_windowed import gemma2, gemma3, gemma4, gpt_oss
from advisor.errors import UnknownArchitecture, UserInputError

Translation = Callable[[GgufKeys], dict[str, Any]]


def config_of_gguf(metadata: Mapping[str, Any], where: str, *, tensor_names: Collection[str] | None) -> dict[str, Any]:
    """The config.json that the header amounts to. Raises UserInputError for an unknown architecture or key."""
    name = metadata.get("general.architecture")
    translate = TRANSLATIONS.get(str(name))
    if translate is None:
        known = ", ".join(sorted(TRANSLATIONS))
        raise UnknownArchitecture(
            f"{where}: GGUF architecture {str(name)!r} is not known to this version: refused, not guessed. Known: {known}."
            " Try --ask-engine with a llama.cpp that knows it"
        )
    keys = GgufKeys(metadata, str(name), where, tensor_names)
    config = {**_common(keys), **translate(keys)}
    keys.refuse_unread()
    return config


def _common(keys: GgufKeys) -> dict[str, Any]:
    hidden, heads, layers = keys.whole("embedding_length"), keys.whole("attention.head_count"), layer_count(keys)
    head_dim = keys.whole("attention.key_length", default=hidden // max(heads, 1))
    value_dim = keys.whole("attention.value_length", default=head_dim)
    if value_dim != head_dim and keys.value("attention.kv_lora_rank") is None:
        raise UserInputError(
            f"{keys.where}: keys of {head_dim} and values of {value_dim} elements a head are not known for this architecture"
        )
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": max(keys.each("attention.head_count_kv", layers) or [heads]),
        "head_dim": head_dim,
        "intermediate_size": keys.whole("feed_forward_length", default=0),
        "vocab_size": keys.vocabulary(),
        "max_position_embeddings": keys.whole("context_length"),
        "tie_word_embeddings": keys.tied(default=False),
    }


def _llama(keys: GgufKeys) -> dict[str, Any]:
    keys.value("attention.sliding_window")  # llama.cpp keeps the whole context for this architecture, whatever the file says
    scaled = {"rope_scaling": {"rope_type": "llama3"}} if keys.has_tensor("rope_freqs.weight") else {}
    if not keys.whole("expert_count", default=0):
        return {"model_type": "llama", "attention_bias": keys.has_tensor("blk.0.attn_q.bias"), **scaled}
    return {"model_type": "mixtral", **experts(keys), **scaled}


def _plain(model_type: str) -> Translation:
    return lambda keys: {"model_type": model_type}


def _qwen3_moe(keys: GgufKeys) -> dict[str, Any]:
    return {"model_type": "qwen3_moe", **experts(keys)}


TRANSLATIONS: Final[Mapping[str, Translation]] = MappingProxyType(
    {
        "llama": _llama,
        "qwen2": _plain("qwen2"),
        "qwen3": _plain("qwen3"),
        "qwen3moe": _qwen3_moe,
        "gemma2": gemma2,
        "gemma3": gemma3,
        "gemma4": gemma4,
        "gpt-oss": gpt_oss,
        "deepseek2": deepseek2,
        "qwen3next": lambda keys: {**delta_net(keys), "model_type": "qwen3_next"},
        "qwen35": lambda keys: {**delta_net(keys), "model_type": "qwen3_5_text"},
        "qwen35moe": lambda keys: {**delta_net(keys), "model_type": "qwen3_5_moe_text"},
        "granitehybrid": granite_hybrid,
        "mamba2": mamba2,
    }
)
