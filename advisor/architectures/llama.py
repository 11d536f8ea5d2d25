"""Llama and its descendants with one kind of attention: llama, mistral, mixtral, qwen2, qwen3, qwen3_moe.

Field meanings as in transformers' configuration classes of the same names.
"""

import dataclasses
from dataclasses import dataclass
from typing import Final, Literal

from advisor.architectures.attention import grouped, llama3_rope_frequencies, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache, sliding_cache
from advisor.architectures.fields import Fields
from advisor.domain.architecture import Cache, DenseFfn, Ffn, GroupedAttention, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError


@dataclass(frozen=True, slots=True)
class _Family:
    gguf_name: str
    qkv_bias: bool = False
    qk_norm: Literal["none", "head"] = "none"
    windowed: bool = False  # sliding_window counts whenever it is given


FAMILIES: Final = {
    "llama": _Family("llama"),
    "mistral": _Family("llama", windowed=True),
    "mixtral": _Family("llama", windowed=True),
    "qwen2": _Family("qwen2", qkv_bias=True),
    "qwen3": _Family("qwen3", qk_norm="head"),
    "qwen3_moe": _Family("qwen3moe", qk_norm="head"),
}
_QUANTIZED_ROUTERS: Final = frozenset({"qwen3_moe"})


def read_llama(fields: Fields) -> ModelArchitecture:
    """Any of FAMILIES. Raises UserInputError for a missing or unusable field."""
    name = str(fields.value("model_type"))
    family = FAMILIES[name]
    hidden = fields.whole("hidden_size")
    attention = _attention(fields, family, hidden)
    layers = fields.whole("num_hidden_layers")
    windows = _windows(fields, family, layers)
    ffns = _ffns(fields, layers, quantized_router=name in _QUANTIZED_ROUTERS)
    return assemble(
        [Layer(attention, _caches(attention, window), ffn) for window, ffn in zip(windows, ffns, strict=True)],
        name=name,
        gguf_name=family.gguf_name,
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
        rope_frequencies=llama3_rope_frequencies(fields, attention.key_dim),
    )


def _attention(fields: Fields, family: _Family, hidden: int) -> GroupedAttention:
    bias = fields.flag("attention_bias")
    fields.value("use_qk_norm")  # restates what qwen3_moe always has
    return dataclasses.replace(
        grouped(fields, hidden_size=hidden),
        qkv_bias=family.qkv_bias or bias or fields.flag("qkv_bias"),
        output_bias=bias and not family.qkv_bias,
        qk_norm=family.qk_norm,
    )


def _windows(fields: Fields, family: _Family, layers: int) -> tuple[int | None, ...]:
    """The window of each layer, None for full attention. Qwen applies its window only when told to, from max_window_layers on."""
    window = fields.whole_or_none("sliding_window", "sliding_window_size")
    used = fields.flag("use_sliding_window", default=family.windowed)
    kinds = fields.layer_kinds(layers)
    if window is None or not used:
        if kinds and any(kind != "full_attention" for kind in kinds):
            raise UserInputError(f"{fields.where}: layer_types names other layers than full_attention, but no sliding window is in use")
        return (None,) * layers
    if kinds:
        return tuple(window if kind == "sliding_attention" else None for kind in kinds)
    first = 0 if family.windowed else fields.whole("max_window_layers", default=0)
    return tuple(window if index >= first else None for index in range(layers))


def _caches(attention: GroupedAttention, window: int | None) -> tuple[Cache, ...]:
    return (full_cache(attention),) if window is None else (sliding_cache(attention, window),)


def _ffns(fields: Fields, layers: int, *, quantized_router: bool) -> tuple[Ffn, ...]:
    """Dense everywhere, or experts in every `decoder_sparse_step`-th layer except `mlp_only_layers`."""
    width = fields.whole("intermediate_size")
    experts = fields.whole_or_none("num_local_experts", "num_experts")
    dense = DenseFfn(width, bias=fields.flag("mlp_bias"))
    if experts is None:
        return (dense,) * layers
    sparse = MoeFfn(
        experts=experts,
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=fields.whole("moe_intermediate_size", default=width),
        shared_width=fields.whole_or_none("shared_expert_intermediate_size") or 0,
        quantized_router=quantized_router,
    )
    step = fields.whole("decoder_sparse_step", default=1)
    only_dense = set(fields.listed("mlp_only_layers") or ())
    return tuple(dense if index in only_dense or (index + 1) % step else sparse for index in range(layers))
