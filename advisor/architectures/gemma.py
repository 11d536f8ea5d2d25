"""Gemma 2 and Gemma 3: sliding and full layers in turn, four norms a layer, tied tables. Vision towers only as a parameter count.

transformers: models/gemma2, models/gemma3. The windowed layers come first in each period.
"""

import dataclasses
from typing import Final

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache, sliding_cache
from advisor.architectures.fields import Fields
from advisor.architectures.vision import siglip_parameters
from advisor.domain.architecture import Cache, DenseFfn, GroupedAttention, ModelArchitecture

_PERIODS: Final = {"gemma2": 2, "gemma3_text": 6}
_GGUF_NAMES: Final = {"gemma2": "gemma2", "gemma3_text": "gemma3"}


def read_gemma(fields: Fields) -> ModelArchitecture:
    """gemma2 and gemma3_text. Raises UserInputError for a missing or unusable field."""
    name = str(fields.value("model_type"))
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    attention = _attention(fields, name, hidden)
    window = fields.whole("sliding_window", "sliding_window_size", default=4096)
    fields.value("sliding_window_size")  # restates sliding_window
    ffn = DenseFfn(fields.whole("intermediate_size"))
    caches: dict[bool, tuple[Cache, ...]] = {True: (sliding_cache(attention, window),), False: (full_cache(attention),)}
    return assemble(
        [Layer(attention, caches[slides], ffn, norms=4) for slides in sliding_layers(fields, layers, period=_PERIODS[name])],
        name=name,
        gguf_name=_GGUF_NAMES[name],
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings", default=True),
        max_context_tokens=max_context_tokens(fields, scaled_already=True),
        encoder_parameters=siglip_parameters(fields.sizes("vision_config"), hidden),
    )


def _attention(fields: Fields, name: str, hidden: int) -> GroupedAttention:
    bias = fields.flag("attention_bias")
    return dataclasses.replace(
        grouped(fields, hidden_size=hidden), qkv_bias=bias, output_bias=bias, qk_norm="none" if name == "gemma2" else "head"
    )


def sliding_layers(fields: Fields, layers: int, *, period: int) -> tuple[bool, ...]:
    """Which layers slide: as layer_types says, else all but the last of each period."""
    stated = fields.whole("sliding_window_pattern", "_sliding_window_pattern", default=period)
    kinds = fields.layer_kinds(layers)
    if kinds is not None:
        return tuple(kind == "sliding_attention" for kind in kinds)
    return tuple((index + 1) % stated != 0 for index in range(layers))
