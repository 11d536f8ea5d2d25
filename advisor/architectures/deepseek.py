"""DeepSeek V2, V3, V3.2 and their like: multi-head latent attention, first layers dense, then experts next to shared ones.

transformers: models/deepseek_v2, deepseek_v3, deepseek_v32, glm4_moe_lite, glm_moe_dsa, mistral4. `head_dim` and `num_key_value_heads`
of these files say nothing about the cache. The multi-token-prediction module of V3 is not counted: engines load it only to draft.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from advisor.architectures.attention import max_context_tokens
from advisor.architectures.build import Layer, assemble
from advisor.architectures.experts import dense_layers, routed_experts
from advisor.architectures.fields import Fields
from advisor.architectures.vision import moonvit_parameters, pixtral_parameters
from advisor.domain.architecture import DenseFfn, Ffn, IndexerCache, LatentAttention, LatentCache, ModelArchitecture
from advisor.errors import UserInputError

GGUF_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "deepseek_v2": "deepseek2",
        "deepseek_v3": "deepseek2",
        "kimi_k2": "deepseek2",
        "glm4_moe_lite": "deepseek2",
        "mistral4": "mistral4",
        "deepseek_v32": "deepseek32",
        "glm_moe_dsa": "glm-dsa",
    }
)
_INDEXED: Final = frozenset({"deepseek_v32", "glm_moe_dsa"})
_UNCORRECTED: Final = frozenset({"deepseek_v2", "mistral4"})
_FLOAT32_ROUTERS: Final = frozenset({"glm4_moe_lite"})
_LEADING: Final[Mapping[str, int]] = MappingProxyType({"glm4_moe_lite": 1})  # dense layers where the file does not say


def read_deepseek(fields: Fields) -> ModelArchitecture:
    """Any of GGUF_NAMES. Raises UserInputError for a missing or unusable field."""
    name = str(fields.value("model_type"))
    layers, hidden = fields.whole("num_hidden_layers"), fields.whole("hidden_size")
    attention = _attention(fields)
    sparse = routed_experts(fields, corrected=_corrected(fields, name), float32_router=name in _FLOAT32_ROUTERS)
    dense = DenseFfn(fields.whole("intermediate_size"))
    ffns: list[Ffn] = [dense if is_dense else sparse for is_dense in dense_layers(fields, layers, leading=_LEADING.get(name, 0))]
    owns = _indexers(fields, layers) if name in _INDEXED else (False,) * layers
    plain, indexed = _layers(attention, fields if name in _INDEXED else None)
    return assemble(
        [dataclasses.replace(indexed if own else plain, ffn=ffn) for own, ffn in zip(owns, ffns, strict=True)],
        name=name,
        gguf_name=GGUF_NAMES[name],
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields, scaled_already=True),
        encoder_parameters=_encoder(fields, name, hidden),
    )


def _attention(fields: Fields) -> LatentAttention:
    for restated in ("head_dim", "num_key_value_heads", "qk_head_dim", "num_experts", "layer_types"):
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


def _layers(attention: LatentAttention, fields: Fields | None) -> tuple[Layer, Layer]:
    """A layer without an indexer, and one with; the same where the family has none."""
    cache = LatentCache(attention.kv_lora_rank, attention.qk_rope_dim)
    plain = Layer(attention, (cache,), None)
    if fields is None:
        return plain, plain
    heads, size = fields.whole("index_n_heads"), fields.whole("index_head_dim")
    owner = dataclasses.replace(attention, indexer_heads=heads, indexer_dim=size)
    return plain, Layer(owner, (cache, IndexerCache(size)), None)


def _indexers(fields: Fields, layers: int) -> tuple[bool, ...]:
    """Which layers own an indexer: GLM 5.2 lists those that share another's; elsewhere all."""
    for restated in ("index_topk", "index_topk_freq", "index_skip_topk_offset", "index_topk_pattern"):
        fields.value(restated)  # how many tokens are chosen changes no size; the others restate indexer_types
    kinds = fields.layer_kinds(layers, "indexer_types")
    if kinds is None and fields.whole("index_topk_freq", default=1) != 1:
        raise UserInputError(f"{fields.where}: index_topk_freq without indexer_types: which layers own an indexer is not known: refused")
    return tuple(kind == "full" for kind in kinds) if kinds is not None else (True,) * layers


def _corrected(fields: Fields, name: str) -> bool:
    """DeepSeek says it in topk_method, of which V2 uses others; GLM 4.7 and 5 always correct."""
    method = fields.value("topk_method")
    return method == "noaux_tc" if method is not None else name not in _UNCORRECTED


def _encoder(fields: Fields, name: str, hidden: int) -> int:
    vision = fields.sizes("vision_config")
    if name == "mistral4":
        return pixtral_parameters(vision, hidden, merged=fields.whole("spatial_merge_size", default=2))
    return moonvit_parameters(vision, hidden) if name == "kimi_k2" else 0
