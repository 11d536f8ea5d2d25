"""What the writers of a config.json share: the parts of an architecture, and the keys that most families have."""

from typing import Any, Final, TypeVar

from advisor.domain.architecture import Cache, DenseFfn, GroupedAttention, LayerGroup, ModelArchitecture, MoeFfn, SlidingCache
from advisor.errors import UserInputError

Config = dict[str, Any]
Part = TypeVar("Part")
_LLAMA3_ROPE: Final = {  # of the published Llama 3.1 models; decides answers, not sizes
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def layers_in_order(architecture: ModelArchitecture) -> list[LayerGroup]:
    """The group of each layer, by the layer's index."""
    return [group for _, group in sorted((index, group) for group in architecture.layer_groups for index in group.layers)]


def first(kind: type[Part], parts: list[Any]) -> Part | None:
    """The first part of this kind, None when there is none."""
    return next((part for part in parts if isinstance(part, kind)), None)


def mixer_of(kind: type[Part], architecture: ModelArchitecture, cache: type[Cache] | None = None) -> Part:
    """The first mixer of this kind, of a layer that keeps this kind of cache. Raises UserInputError when there is none."""
    groups = architecture.layer_groups
    found = first(kind, [group.mixer for group in groups if cache is None or any(isinstance(kept, cache) for kept in group.caches)])
    if found is None:
        raise UserInputError(f"{architecture.name}: no layer with {kind.__name__}, which every model of this family has")
    return found


def ffns(architecture: ModelArchitecture) -> tuple[DenseFfn | None, MoeFfn | None]:
    """The first dense block and the first block of experts, None where there is none."""
    parts = [group.ffn for group in architecture.layer_groups]
    return first(DenseFfn, parts), first(MoeFfn, parts)


def heads(mixer: GroupedAttention) -> Config:
    """The numbers of grouped-query attention."""
    return {
        "num_attention_heads": mixer.heads,
        "num_key_value_heads": mixer.kv_heads,
        "head_dim": mixer.key_dim,
        "attention_bias": mixer.output_bias,
    }


def window(architecture: ModelArchitecture) -> int | None:
    """Tokens of the sliding layers' window; None without one."""
    cache = first(SlidingCache, [cache for group in architecture.layer_groups for cache in group.caches])
    return cache.window_tokens if cache else None


def layer_kinds(
    architecture: ModelArchitecture, special: type[Cache] | type[object], name: str, other: str = "full_attention"
) -> list[str]:
    """One word a layer: `name` where its caches or its mixer are of the special kind."""
    layers = layers_in_order(architecture)
    return [name if first(special, [layer.mixer, *layer.read_caches]) else other for layer in layers]


def sliding(architecture: ModelArchitecture) -> Config:
    """The window, and which layers have it."""
    return {"sliding_window": window(architecture), "layer_types": layer_kinds(architecture, SlidingCache, "sliding_attention")}


def routed(ffn: MoeFfn, *, width_key: str = "moe_intermediate_size", count_key: str = "num_experts") -> Config:
    """The numbers of a mixture of experts under a family's own names."""
    return {count_key: ffn.experts, "num_experts_per_tok": ffn.experts_per_token, width_key: ffn.expert_width}


def dense_width(dense: DenseFfn | None, experts: MoeFfn | None) -> int:
    """Of a model of experts alone it is what one token uses, as the published files have it; no layer is that wide."""
    if dense is not None:
        return dense.width
    return experts.expert_width * experts.experts_per_token if experts else 0


def llama3_rope(architecture: ModelArchitecture) -> Config:
    """The scaling behind the rope table that llama.cpp's converter writes; empty without one."""
    return {"rope_scaling": dict(_LLAMA3_ROPE)} if architecture.rope_frequencies else {}
