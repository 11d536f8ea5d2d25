"""Llama and its descendants: one shape of grouped attention in every layer, a gated block or a mixture of experts behind it.

What tells one family from another is a row of FAMILIES. Field meanings as in transformers' configuration classes of the same names.
"""

import dataclasses

from advisor.architectures.attention import grouped, max_context_tokens, rope_frequencies
from advisor.architectures.build import Layer, assemble, full_cache, sliding_cache
from advisor.architectures.fields import Fields
from advisor.architectures.llama_families import FAMILIES, Family
from advisor.domain.architecture import Cache, DenseFfn, Ffn, GroupedAttention, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError

_REFUSED_FLAGS = ("bias", "use_bias")
"""Biases of every matrix (InternLM 2, Ernie): no release sets them, and what they would add is not described here."""


def read_llama(fields: Fields) -> ModelArchitecture:
    """Any of FAMILIES. Raises UserInputError for a missing or unusable field."""
    name = str(fields.value("model_type"))
    family = FAMILIES[name]
    hidden = fields.whole("hidden_size")
    attention = _attention(fields, family, hidden)
    layers = fields.whole("num_hidden_layers")
    windows = _windows(fields, family, layers)
    ffns = _ffns(fields, family, layers)
    encoder = family.encoder
    return assemble(
        [Layer(attention, _caches(attention, window), ffn, family.norms) for window, ffn in zip(windows, ffns, strict=True)],
        name=name,
        gguf_name=family.gguf_name,
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings", default=family.tied),
        max_context_tokens=max_context_tokens(fields),
        rope_frequencies=rope_frequencies(fields, attention.key_dim),
        encoder_parameters=encoder(fields.whole, fields.sizes("vision_config"), hidden) if encoder else 0,
    )


def _attention(fields: Fields, family: Family, hidden: int) -> GroupedAttention:
    for name in _REFUSED_FLAGS:
        if fields.flag(name):
            raise UserInputError(f"{fields.where}: {name}: true is not known for this family: refused, not guessed")
    normed = fields.flag("use_qk_norm", default=family.qk_norm != "none")
    if normed != (family.qk_norm != "none"):
        raise UserInputError(f"{fields.where}: use_qk_norm: {str(normed).lower()} is not known for this family: refused, not guessed")
    bias = fields.flag("attention_bias")
    outputs = {"as_queries": bias, "never": False, "stated": fields.flag("attention_out_bias")}
    return dataclasses.replace(
        grouped(fields, hidden_size=hidden),
        qkv_bias=family.qkv_bias or bias or fields.flag("qkv_bias"),
        output_bias=outputs[family.output_bias],
        qk_norm=family.qk_norm,
        split_qk_norm=family.split_qk_norm,
    )


def _windows(fields: Fields, family: Family, layers: int) -> tuple[int | None, ...]:
    """The window of each layer, None for full attention. A window that holds the longest context is none."""
    window = fields.whole_or_none("sliding_window", "sliding_window_size")
    fields.value("sliding_window_size")  # restates sliding_window
    used = fields.flag("use_sliding_window", default=family.windowed)
    kinds = fields.layer_kinds(layers)
    pattern = _pattern(fields, family, layers)
    if window is None or not used or window >= fields.whole("max_position_embeddings"):
        if kinds and any(kind != "full_attention" for kind in kinds):
            raise UserInputError(f"{fields.where}: layer_types names other layers than full_attention, but no sliding window is in use")
        return (None,) * layers
    if kinds:
        return tuple(window if kind == "sliding_attention" else None for kind in kinds)
    return tuple(window if slides else None for slides in pattern)


def _pattern(fields: Fields, family: Family, layers: int) -> tuple[bool, ...]:
    """Which layers slide where layer_types does not say: all but the last of each period; Qwen's from max_window_layers on."""
    stated = fields.value("sliding_window_pattern")
    fields.value("layer_switch")  # Command R7B's other word for it
    if isinstance(stated, str):  # EXAONE 4: one letter a layer of the period, L for the local ones
        return tuple(stated[index % len(stated)] == "L" for index in range(layers))
    if family.period:
        period = fields.whole("sliding_window_pattern", "layer_switch", default=family.period)
        return tuple((index + 1) % period != 0 for index in range(layers))
    first = 0 if family.windowed else fields.whole("max_window_layers", default=0)
    return tuple(index >= first for index in range(layers))


def _caches(attention: GroupedAttention, window: int | None) -> tuple[Cache, ...]:
    return (full_cache(attention),) if window is None else (sliding_cache(attention, window),)


def _ffns(fields: Fields, family: Family, layers: int) -> tuple[Ffn, ...]:
    """Dense everywhere, or experts in every `decoder_sparse_step`-th layer except `mlp_only_layers`."""
    width = fields.whole("intermediate_size")
    experts = fields.whole_or_none("num_local_experts", "num_experts")
    dense = DenseFfn(width, bias=fields.flag("mlp_bias"))
    if experts is None:
        return (dense,) * layers
    corrected = fields.flag("use_routing_bias")
    sparse = MoeFfn(
        experts=experts,
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=fields.whole("moe_intermediate_size", default=width),
        shared_width=fields.whole_or_none("shared_expert_intermediate_size", "shared_intermediate_size") or 0,
        shared_gate=family.shared_gate,
        quantized_router=family.quantized_router,
        float32_router=family.float32_router,
        router_bias=corrected,
        correction_bias=corrected,
    )
    step = fields.whole("decoder_sparse_step", default=1)
    only_dense = set(fields.listed("mlp_only_layers") or ())
    return tuple(dense if index in only_dense or (index + 1) % step else sparse for index in range(layers))
