"""Gemma 4: sliding layers with small heads, full layers with large ones whose keys serve as values; experts beside a dense block.

The E models have an embedding of each token for every layer, and last layers that read the cache of the last layer of their kind before
them; the unified model has no tower but a projection of the patches. transformers: models/gemma4, models/gemma4_unified.
"""

import dataclasses
from collections.abc import Sequence

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache, sliding_cache
from advisor.architectures.fields import Fields
from advisor.architectures.gemma import sliding_layers
from advisor.architectures.towers import gemma4_audio_parameters
from advisor.architectures.vision import gemma4_unified_parameters, gemma4_vision_parameters
from advisor.domain.architecture import DenseFfn, Ffn, GroupedAttention, KeyValueCache, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError


def read_gemma4(fields: Fields) -> ModelArchitecture:
    """gemma4_text, and gemma4_unified_text, which differs in its encoders. Raises UserInputError for a missing or unusable field."""
    hidden, vocabulary = fields.whole("hidden_size"), fields.whole("vocab_size")
    sliding, full = _attentions(fields, hidden)
    ffn, norms = _ffn(fields)
    own = _own_embeddings(fields, vocabulary)
    slide = Layer(sliding, (sliding_cache(sliding, fields.whole("sliding_window")),), ffn, norms, layer_scalar=True, token_width=own)
    whole = Layer(full, (full_cache(full),), ffn, norms, layer_scalar=True, token_width=own)
    kinds = sliding_layers(fields, fields.whole("num_hidden_layers"), period=6)
    first_sharing = _first_sharing(fields, kinds)
    doubled = fields.flag("use_double_wide_mlp")
    keeping, sharing = (slide, whole), (_sharing(slide, doubled=doubled), _sharing(whole, doubled=doubled))
    return assemble(
        [(keeping if index < first_sharing else sharing)[0 if slides else 1] for index, slides in enumerate(kinds)],
        name="gemma4_text",
        gguf_name="gemma4",
        hidden_size=hidden,
        vocab_size=vocabulary,
        tied_embeddings=fields.flag("tie_word_embeddings", default=True),
        max_context_tokens=max_context_tokens(fields, scaled_already=True),
        rope_frequencies=full.key_dim // 2,
        encoder_parameters=_encoders(fields, hidden),
    )


def _encoders(fields: Fields, hidden: int) -> int:
    """The towers of pictures and sound, or what the unified model has in their place."""
    vision, audio = fields.sizes("vision_config"), fields.sizes("audio_config")
    if "mm_embed_dim" in vision:
        return gemma4_unified_parameters(vision, audio, hidden)
    return gemma4_vision_parameters(vision, hidden) + gemma4_audio_parameters(audio, hidden)


def _own_embeddings(fields: Fields, vocabulary: int) -> int:
    """Elements of each token's embedding for one layer; 0 without such a table, which is as long as the vocabulary."""
    width, rows = fields.whole_or_none("hidden_size_per_layer_input"), fields.whole_or_none("vocab_size_per_layer_input")
    if width and rows not in (None, vocabulary):
        raise UserInputError(f"{fields.where}: vocab_size_per_layer_input: {rows} rows beside a vocabulary of {vocabulary} are not known")
    return width or 0


def _first_sharing(fields: Fields, kinds: Sequence[bool]) -> int:
    """The first of the last layers, which keep no cache of their own; the number of layers where all do."""
    first = len(kinds) - (fields.whole_or_none("num_kv_shared_layers") or 0)
    if not set(kinds[first:]) <= set(kinds[: max(first, 0)]):
        raise UserInputError(f"{fields.where}: num_kv_shared_layers: no layer of the same kind before the last {len(kinds) - first}")
    return first


def _sharing(layer: Layer, *, doubled: bool) -> Layer:
    """The same layer with the cache of an earlier one, and twice as wide where the model says so."""
    if not isinstance(layer.mixer, GroupedAttention) or not isinstance(layer.caches[0], KeyValueCache):
        raise TypeError("a layer of another kind than grouped attention")
    mixer = dataclasses.replace(layer.mixer, queries_alone=True)
    wide = DenseFfn(2 * layer.ffn.width) if doubled and isinstance(layer.ffn, DenseFfn) else layer.ffn
    return dataclasses.replace(layer, mixer=mixer, caches=(), ffn=wide, borrowed=layer.caches[0])


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
