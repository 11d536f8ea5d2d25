"""gpt-oss: sliding and full layers in turn, attention sinks, biases everywhere, experts as wide as intermediate_size.

transformers: models/gpt_oss. heads * head_dim differs from hidden_size.
"""

import dataclasses

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache, sliding_cache
from advisor.architectures.fields import Fields
from advisor.architectures.gemma import sliding_layers
from advisor.domain.architecture import Cache, ModelArchitecture, MoeFfn


def read_gpt_oss(fields: Fields) -> ModelArchitecture:
    """gpt_oss. Raises UserInputError for a missing or unusable field."""
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    bias = fields.flag("attention_bias", default=True)
    attention = dataclasses.replace(grouped(fields, hidden_size=hidden), qkv_bias=bias, output_bias=bias, sinks=True)
    ffn = MoeFfn(
        experts=fields.whole("num_local_experts", "num_experts"),
        experts_per_token=fields.whole("num_experts_per_tok", "experts_per_token"),
        expert_width=fields.whole("intermediate_size"),
        router_bias=True,
        expert_bias=True,
    )
    fields.value("experts_per_token")  # restates num_experts_per_tok
    caches: dict[bool, tuple[Cache, ...]] = {
        True: (sliding_cache(attention, fields.whole("sliding_window")),),
        False: (full_cache(attention),),
    }
    return assemble(
        [Layer(attention, caches[slides], ffn) for slides in sliding_layers(fields, layers, period=2)],
        name="gpt_oss",
        gguf_name="gpt-oss",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
    )
