"""GLM 4.5 to 4.7 and Ernie 4.5 with experts: grouped attention, first layers dense, then routed experts beside shared ones.

transformers: models/glm4_moe, models/ernie4_5_moe. Draft layers are not counted.
"""

import dataclasses

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache
from advisor.architectures.experts import dense_layers, routed_experts
from advisor.architectures.fields import Fields
from advisor.domain.architecture import DenseFfn, GroupedAttention, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError


def read_glm4_moe(fields: Fields) -> ModelArchitecture:
    """glm4_moe: biases on queries, keys and values only; 355B normalises queries and keys, Air does not."""
    attention = dataclasses.replace(
        grouped(fields, hidden_size=fields.whole("hidden_size")),
        qkv_bias=fields.flag("attention_bias"),
        qk_norm="head" if fields.flag("use_qk_norm") else "none",
    )
    dense = dense_layers(fields, fields.whole("num_hidden_layers"), leading=1)
    return _assembled(fields, attention, dense, routed_experts(fields, corrected=True, float32_router=True), gguf_name="glm4moe")


def read_ernie_moe(fields: Fields) -> ModelArchitecture:
    """ernie4_5_moe: experts in every moe_layer_interval-th layer of a range."""
    if fields.flag("use_bias"):
        raise UserInputError(f"{fields.where}: use_bias: true is not known for this family: refused, not guessed")
    layers = fields.whole("num_hidden_layers")
    start, interval = fields.whole("moe_layer_start_index", default=1), fields.whole("moe_layer_interval", default=1)
    end = fields.value("moe_layer_end_index")
    last = layers - 1 if not isinstance(end, int) or end < 0 else end
    width = fields.whole("moe_intermediate_size")
    corrected = fields.flag("moe_use_aux_free", default=True)
    experts = MoeFfn(
        experts=fields.whole("moe_num_experts"),
        experts_per_token=fields.whole("moe_k"),
        expert_width=width,
        shared_width=width * (fields.whole_or_none("moe_num_shared_experts") or 0),
        router_bias=corrected,
        correction_bias=corrected,
        float32_router=True,
    )
    dense = tuple(not (start <= index <= last and (index + 1) % interval == 0) for index in range(layers))
    attention = grouped(fields, hidden_size=fields.whole("hidden_size"))
    return _assembled(fields, attention, dense, experts, gguf_name="ernie4_5-moe", tied=True)


def _assembled(
    fields: Fields, attention: GroupedAttention, dense: tuple[bool, ...], experts: MoeFfn, *, gguf_name: str, tied: bool = False
) -> ModelArchitecture:
    block = DenseFfn(fields.whole("intermediate_size"))
    return assemble(
        [Layer(attention, (full_cache(attention),), block if is_dense else experts) for is_dense in dense],
        name=str(fields.value("model_type")),
        gguf_name=gguf_name,
        hidden_size=fields.whole("hidden_size"),
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings", default=tied),
        max_context_tokens=max_context_tokens(fields),
    )
