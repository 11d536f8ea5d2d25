"""Qwen3-Next and Qwen3.5: three gated delta nets, then one full attention with an output gate; experts with a gated shared expert,
or in the dense models of Qwen3.5 a plain block.

transformers: models/qwen3_next, models/qwen3_5, models/qwen3_5_moe. Draft layers (mtp_num_hidden_layers) are not counted.
"""

import dataclasses
from typing import Final

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache
from advisor.architectures.fields import Fields
from advisor.architectures.vision import qwen3_vision_parameters
from advisor.domain.architecture import DenseFfn, Ffn, GatedDeltaNet, ModelArchitecture, MoeFfn, StateCache
from advisor.errors import UserInputError

GGUF_NAMES: Final = {"qwen3_next": "qwen3next", "qwen3_5_text": "qwen35", "qwen3_5_moe_text": "qwen35moe"}


def read_qwen3_next(fields: Fields) -> ModelArchitecture:
    """Any of GGUF_NAMES. Raises UserInputError for a missing or unusable field."""
    name = str(fields.value("model_type"))
    if not fields.flag("attn_output_gate", default=True) or fields.flag("attention_bias"):
        raise UserInputError(f"{fields.where}: attention without its output gate, or with biases, is not known for this family: refused")
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    attention = dataclasses.replace(grouped(fields, hidden_size=hidden), qk_norm="head", output_gate=True)
    mixer, ffn = _delta_net(fields), _ffn(fields)
    full = Layer(attention, (full_cache(attention),), ffn)
    linear = Layer(mixer, (delta_net_state(mixer),), ffn)
    return assemble(
        [full if is_full else linear for is_full in _full_layers(fields, layers)],
        name=name,
        gguf_name=GGUF_NAMES[name],
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
        encoder_parameters=qwen3_vision_parameters(fields.sizes("vision_config")),
    )


def _full_layers(fields: Fields, layers: int) -> tuple[bool, ...]:
    interval = fields.whole("full_attention_interval", default=4)
    kinds = fields.layer_kinds(layers)
    if kinds is not None:
        return tuple(kind == "full_attention" for kind in kinds)
    return tuple((index + 1) % interval == 0 for index in range(layers))


def _delta_net(fields: Fields) -> GatedDeltaNet:
    return GatedDeltaNet(
        key_heads=fields.whole("linear_num_key_heads"),
        value_heads=fields.whole("linear_num_value_heads"),
        key_dim=fields.whole("linear_key_head_dim"),
        value_dim=fields.whole("linear_value_head_dim"),
        conv_kernel=fields.whole("linear_conv_kernel_dim"),
    )


def delta_net_state(mixer: GatedDeltaNet) -> StateCache:
    """Convolution tail (kernel - 1) * (2 * keys + values), state value_heads * key_dim * value_dim."""
    keys, values = mixer.key_heads * mixer.key_dim, mixer.value_heads * mixer.value_dim
    return StateCache((mixer.conv_kernel - 1) * (2 * keys + values), mixer.value_heads * mixer.key_dim * mixer.value_dim)


def _ffn(fields: Fields) -> Ffn:
    experts = fields.whole_or_none("num_experts")
    if experts is None:
        return DenseFfn(fields.whole("intermediate_size"))
    if fields.whole("decoder_sparse_step", default=1) != 1 or fields.listed("mlp_only_layers"):
        raise UserInputError(f"{fields.where}: dense layers among the experts are not known for this family: refused, not guessed")
    fields.value("intermediate_size")  # width of dense layers, of which there are none
    return MoeFfn(
        experts=experts,
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=fields.whole("moe_intermediate_size"),
        shared_width=fields.whole("shared_expert_intermediate_size"),
        shared_gate=True,
        quantized_router=True,
    )
