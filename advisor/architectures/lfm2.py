"""LFM2: gated short convolutions with attention in between, which normalises queries and keys; tied tables.

transformers: models/lfm2, models/lfm2_moe.
"""

import dataclasses
import math

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache
from advisor.architectures.fields import Fields
from advisor.domain.architecture import DenseFfn, Ffn, ModelArchitecture, MoeFfn, ShortConvolution, StateCache
from advisor.errors import UserInputError


def read_lfm2(fields: Fields) -> ModelArchitecture:
    """lfm2 and lfm2_moe. Raises UserInputError for a missing or unusable field."""
    if fields.flag("conv_bias"):
        raise UserInputError(f"{fields.where}: conv_bias: true is not known for this family: refused, not guessed")
    for restated in ("block_dim", "conv_dim", "conv_dim_out", "num_heads"):
        fields.value(restated)
    name = str(fields.value("model_type"))
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    attention = dataclasses.replace(grouped(fields, hidden_size=hidden), qk_norm="head")
    mixer = ShortConvolution(fields.whole("conv_L_cache"))
    full = Layer(attention, (full_cache(attention),), None)
    short = Layer(mixer, (short_convolution_state(mixer, hidden),), None)
    kinds = zip(_attends(fields, layers), _ffns(fields, layers), strict=True)
    return assemble(
        [dataclasses.replace(full if attends else short, ffn=ffn) for attends, ffn in kinds],
        name=name,
        gguf_name={"lfm2": "lfm2", "lfm2_moe": "lfm2moe"}[name],
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_embedding", default=fields.flag("tie_word_embeddings", default=True)),
        max_context_tokens=max_context_tokens(fields),
    )


def short_convolution_state(mixer: ShortConvolution, hidden: int) -> StateCache:
    """The last kernel - 1 gated inputs; there is no state matrix."""
    return StateCache((mixer.kernel - 1) * hidden, 0)


def _attends(fields: Fields, layers: int) -> tuple[bool, ...]:
    kinds, indices = fields.layer_kinds(layers), fields.listed("full_attn_idxs")
    if kinds is None and indices is None:
        raise UserInputError(f"{fields.where}: layer_types or full_attn_idxs: one is required for this family")
    return tuple(kinds[index] == "full_attention" if kinds else index in (indices or ()) for index in range(layers))


def _ffns(fields: Fields, layers: int) -> tuple[Ffn, ...]:
    dense = DenseFfn(_width(fields))
    experts = fields.whole_or_none("num_experts")
    if experts is None:
        return (dense,) * layers
    corrected = fields.flag("use_expert_bias", default=True)
    sparse = MoeFfn(
        experts=experts,
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=fields.whole("moe_intermediate_size"),
        router_bias=corrected,
        correction_bias=corrected,
        quantized_router=True,
    )
    leading = fields.whole_or_none("num_dense_layers") or 0
    return tuple(dense if index < leading else sparse for index in range(layers))


def _width(fields: Fields) -> int:
    """Two thirds of the stated width, times a factor, rounded up, when the file asks for it (Lfm2MLP)."""
    stated = fields.whole("block_ff_dim", "intermediate_size")
    fields.value("intermediate_size")
    multiple, factor = fields.whole("block_multiple_of", default=256), fields.value("block_ffn_dim_multiplier")
    if not fields.flag("block_auto_adjust_ff_dim", default=fields.value("model_type") == "lfm2"):
        return stated
    adjusted = int((factor if isinstance(factor, int | float) else 1) * int(2 * stated / 3))
    return multiple * math.ceil(adjusted / multiple)
