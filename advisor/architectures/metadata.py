"""GGUF metadata to the fields of a config.json: one reader per family then serves both sources.

Keys as in llama.cpp b11549, gguf-py/gguf/constants.py. A key of the architecture that is not understood is refused by name.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from advisor.architectures.metadata_experts import ernie_moe, glm4_moe, latent, minimax_m2
from advisor.architectures.metadata_keys import GgufKeys, experts, ignore_windows, layer_count, rope_tables
from advisor.architectures.metadata_llama import DESCENDANTS, deci, descendant
from advisor.architectures.metadata_stateful import delta_net, granite_hybrid, lfm2, mamba2, nemotron_h
from advisor.architectures.metadata_windowed import gemma2, gemma3, gemma4, gpt_oss, llama4, mimo2, olmo2, windowed
from advisor.errors import UnknownArchitecture, UserInputError

Translation = Callable[[GgufKeys], dict[str, Any]]
_NARROW_VALUES: Final = frozenset({"mimo2"})  # values narrower than keys; elsewhere nothing is known of such files


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
    hidden, layers = keys.whole("embedding_length"), layer_count(keys)
    heads = max(keys.each("attention.head_count", layers) or [0])
    head_dim = keys.whole("attention.key_length", default=hidden // max(heads, 1))
    value_dim = keys.whole("attention.value_length", default=head_dim)
    if value_dim != head_dim and keys.value("attention.kv_lora_rank") is None and keys.architecture not in _NARROW_VALUES:
        raise UserInputError(
            f"{keys.where}: keys of {head_dim} and values of {value_dim} elements a head are not known for this architecture"
        )
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": max(keys.each("attention.head_count_kv", layers) or [heads]),
        "head_dim": head_dim,
        "intermediate_size": max(keys.each("feed_forward_length", layers) or [0]),
        "vocab_size": keys.vocabulary(),
        "max_position_embeddings": keys.whole("context_length"),
        "tie_word_embeddings": keys.tied(default=False),
    }


def _llama(keys: GgufKeys) -> dict[str, Any]:
    ignore_windows(keys)
    scaled = rope_tables(keys)
    if not keys.whole("expert_count", default=0):
        return {"model_type": "llama", "attention_bias": keys.has_tensor("blk.0.attn_q.bias"), **scaled}
    return {"model_type": "mixtral", **experts(keys), **scaled}


TRANSLATIONS: Final[Mapping[str, Translation]] = MappingProxyType(
    {
        "llama": _llama,
        **{name: partial(descendant, model_type=model_type) for name, model_type in DESCENDANTS.items()},
        "olmo2": olmo2,
        "exaone4": partial(windowed, model_type="exaone4", period=4),
        "cohere2": partial(windowed, model_type="cohere2", period=4, tied=True),
        "gemma2": gemma2,
        "gemma3": gemma3,
        "gemma4": gemma4,
        "gpt-oss": gpt_oss,
        "llama4": llama4,
        "mimo2": mimo2,
        "glm4moe": glm4_moe,
        "ernie4_5-moe": ernie_moe,
        "minimax-m2": minimax_m2,
        **dict.fromkeys(("deepseek2", "mistral4", "deepseek32", "glm-dsa"), latent),
        "qwen3next": lambda keys: {**delta_net(keys), "model_type": "qwen3_next"},
        "qwen35": lambda keys: {**delta_net(keys), "model_type": "qwen3_5_text"},
        "qwen35moe": lambda keys: {**delta_net(keys), "model_type": "qwen3_5_moe_text"},
        "granitehybrid": granite_hybrid,
        "mamba2": mamba2,
        **dict.fromkeys(("nemotron_h", "nemotron_h_moe"), nemotron_h),
        **dict.fromkeys(("lfm2", "lfm2moe"), lfm2),
        "deci": deci,
    }
)
