"""Gemma 4: sliding layers with small heads, full layers with large ones whose keys serve as values; experts beside a dense block.

transformers: models/gemma4. The E models (per-layer embeddings, layers that share a cache) are refused by their fields.
"""

import dataclasses

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache, sliding_cache
from advisor.architectures.fields import Fields
from advisor.architectures.gemma import sliding_layers
from advisor.architectures.vision import gemma4_vision_parameters
from advisor.domain.architecture import DenseFfn, Ffn, GroupedAttention, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError

_UNSUPPORTED = ("hidden_size_per_layer_input", "num_kv_shared_layers")


def read_gemma4(fields: Fields) -> ModelArchitecture:
    """gemma4_text. Raises UserInputError for a missing or unusable field."""
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    for name in _UNSUPPORTED:
        if fields.whole_or_none(name):
            raise UserInputError(f"{fields.where}: {name}: per-layer embeddings and shared caches are not known to this version: refused")
    for name in ("vocab_size_per_layer_input", "use_double_wide_mlp"):
        fields.value(name)  # counts only with per-layer embeddings and shared caches
    sliding, full = _attentions(fields, hidden)
    ffn, norms = _ffn(fields)
    slide = Layer(sliding, (sliding_cache(sliding, fields.whole("sliding_window")),), ffn, norms, layer_scalar=True)
    whole = Layer(full, (full_cache(full),), ffn, norms, layer_scalar=True)
    return assemble(
        [slide if slides else whole for slides in sliding_layers(fields, layers, period=6)],
        name="gemma4_text",
        gguf_name="gemma4",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings", default=True),
        max_context_tokens=max_context_tokens(fields, scaled_already=True),
        rope_frequencies=full.key_dim // 2,
        encoder_parameters=gemma4_vision_parameters(fields.sizes("vision_config"), hidden),
    )


def _attentions(fields: Fields, hidden: int) -> tuple[GroupedAttention, GroupedAttention]:
    """Of the sliding layers and of the full ones."""
    if fields.flag("attention_bias"):
        raise UserInputError(f"{fields.where}: attention_bias: true is not known for this family: refused, not guessed")
    sliding = dataclasses.replace(grouped(fields, hidden_size=hidden), qk_norm="head")
    size = fields.whole("global_head_dim", default=sliding.key_dim)
    shared = fields.flag("attention_k_eq_v")
    kv_heads = fields.whole("num_global_key_value_heads", default=sliding.kv_heads)
    return sliding, dataclasses.replace(sliding, kv_heads=kv_heads, key_dim=size, value_dim=size, shared_kv=shared)


def _ffn(fields: Fields) -> tuple[Ffn, int]:
    """The feed-forward block and the number of hidden-size norms around it and the attention."""
    width = fields.whole("intermediate_size")
    if not fields.flag("enable_moe_block"):
        fields.value("moe_intermediate_size")
        return DenseFfn(width), 4
    experts = MoeFfn(
        experts=fields.whole("num_experts"),
        experts_per_token=fields.whole("top_k_experts", "num_experts_per_tok"),
        expert_width=fields.whole("moe_intermediate_size", "expert_intermediate_size"),
        dense_width=width,
        scaled_router=True,
    )
    return experts, 7
