"""MiMo V2: sliding layers with heads of their own and attention sinks, full layers without; values narrower than keys.

Fields as in the configuration that comes with the release. `attention_chunk_size` restates the window.
"""

import dataclasses

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache, sliding_cache
from advisor.architectures.experts import dense_layers, routed_experts
from advisor.architectures.fields import Fields
from advisor.domain.architecture import DenseFfn, GroupedAttention, ModelArchitecture
from advisor.errors import UserInputError


def read_mimo_v2(fields: Fields) -> ModelArchitecture:
    """mimo_v2_flash, mimo_v2. Raises UserInputError for a missing or unusable field."""
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    full, sliding = _attentions(fields, hidden)
    window = fields.whole("sliding_window", "sliding_window_size")
    for restated in ("sliding_window_size", "attention_chunk_size"):
        fields.value(restated)
    pattern = fields.layer_kinds(layers, "hybrid_layer_pattern")
    if pattern is None:
        raise UserInputError(f"{fields.where}: hybrid_layer_pattern: required for this family, but missing")
    dense, experts = DenseFfn(fields.whole("intermediate_size")), routed_experts(fields, corrected=True, float32_router=True)
    wide, narrow = Layer(full, (full_cache(full),), None), Layer(sliding, (sliding_cache(sliding, window),), None)
    kinds = zip(pattern, dense_layers(fields, layers), strict=True)
    return assemble(
        [dataclasses.replace(narrow if slides == "1" else wide, ffn=dense if is_dense else experts) for slides, is_dense in kinds],
        name=str(fields.value("model_type")),
        gguf_name="mimo2",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
    )


def _attentions(fields: Fields, hidden: int) -> tuple[GroupedAttention, GroupedAttention]:
    """Of the full layers and of the sliding ones."""
    if fields.flag("attention_bias") or fields.whole("swa_num_attention_heads") != fields.whole("num_attention_heads"):
        raise UserInputError(f"{fields.where}: attention_bias, or sliding layers with another number of heads: refused, not guessed")
    full = dataclasses.replace(
        grouped(fields, hidden_size=hidden), value_dim=fields.whole("v_head_dim"), sinks=fields.flag("add_full_attention_sink_bias")
    )
    sliding = GroupedAttention(
        full.heads,
        fields.whole("swa_num_key_value_heads"),
        fields.whole("swa_head_dim"),
        fields.whole("swa_v_head_dim"),
        sinks=fields.flag("add_swa_attention_sink_bias"),
    )
    return full, sliding
