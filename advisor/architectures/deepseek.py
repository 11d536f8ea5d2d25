"""DeepSeek V2, V3 and their like: multi-head latent attention, first layers dense, then experts next to shared ones.

transformers: models/deepseek_v2, models/deepseek_v3. `head_dim` and `num_key_value_heads` of these files say nothing about the cache.
The multi-token-prediction module of V3 is not counted: engines load it only to draft.
"""

from advisor.architectures.attention import max_context_tokens
from advisor.architectures.build import Layer, assemble
from advisor.architectures.fields import Fields
from advisor.domain.architecture import DenseFfn, LatentAttention, LatentCache, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError


def read_deepseek(fields: Fields) -> ModelArchitecture:
    """deepseek_v2, deepseek_v3, kimi_k2. Raises UserInputError for a missing or unusable field."""
    layers = fields.whole("num_hidden_layers")
    attention = _attention(fields)
    cache = LatentCache(attention.kv_lora_rank, attention.qk_rope_dim)
    dense, sparse = DenseFfn(fields.whole("intermediate_size")), _experts(fields)
    leading = fields.whole_or_none("first_k_dense_replace") or 0
    return assemble(
        [Layer(attention, (cache,), dense if index < leading else sparse) for index in range(layers)],
        name=str(fields.value("model_type")),
        gguf_name="deepseek2",
        hidden_size=fields.whole("hidden_size"),
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields, scaled_already=True),
    )


def _attention(fields: Fields) -> LatentAttention:
    for restated in ("head_dim", "num_key_value_heads", "qk_head_dim"):
        fields.value(restated)
    if fields.flag("attention_bias"):
        raise UserInputError(f"{fields.where}: attention_bias: true is not known for latent attention: refused, not guessed")
    return LatentAttention(
        heads=fields.whole("num_attention_heads"),
        q_lora_rank=fields.whole_or_none("q_lora_rank"),
        kv_lora_rank=fields.whole("kv_lora_rank"),
        qk_nope_dim=fields.whole("qk_nope_head_dim"),
        qk_rope_dim=fields.whole("qk_rope_head_dim"),
        value_dim=fields.whole("v_head_dim"),
    )


def _experts(fields: Fields) -> MoeFfn:
    if fields.whole("moe_layer_freq", default=1) != 1:
        raise UserInputError(f"{fields.where}: moe_layer_freq: only 1 is known here: refused, not guessed")
    width = fields.whole("moe_intermediate_size")
    corrected = fields.value("topk_method") == "noaux_tc"
    return MoeFfn(
        experts=fields.whole("n_routed_experts"),
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=width,
        shared_width=width * (fields.whole_or_none("n_shared_experts") or 0),
        router_bias=corrected,
        correction_bias=corrected,
    )
