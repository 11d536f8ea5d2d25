"""Layers, one by one, to a ModelArchitecture: equal layers are grouped, parameters counted."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.architectures.parameters import count_parameters
from advisor.domain.architecture import (
    Cache,
    Ffn,
    FullCache,
    GroupedAttention,
    KeyValueCache,
    LayerGroup,
    Mixer,
    ModelArchitecture,
    SlidingCache,
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as a family reader describes it."""

    mixer: Mixer | None
    caches: tuple[Cache, ...]
    ffn: Ffn | None
    norms: int = 2
    layer_scalar: bool = False
    token_width: int = 0
    borrowed: KeyValueCache | None = None


def full_cache(attention: GroupedAttention) -> FullCache:
    """What grouped attention over the whole context keeps."""
    return FullCache(attention.kv_heads, attention.key_dim, attention.value_dim)


def sliding_cache(attention: GroupedAttention, window_tokens: int) -> SlidingCache:
    """What grouped attention over a window keeps."""
    return SlidingCache(attention.kv_heads, attention.key_dim, attention.value_dim, window_tokens)


def assemble(
    layers: Sequence[Layer],
    *,
    name: str,
    gguf_name: str | None,
    hidden_size: int,
    vocab_size: int,
    tied_embeddings: bool,
    max_context_tokens: int,
    rope_frequencies: int = 0,
    encoder_parameters: int = 0,
) -> ModelArchitecture:
    """Group equal layers in the order of their first appearance and count the parameters."""
    members: dict[Layer, list[int]] = {}
    for index, layer in enumerate(layers):
        members.setdefault(layer, []).append(index)
    groups = tuple(
        LayerGroup(tuple(indices), one.mixer, one.caches, one.ffn, one.norms, one.layer_scalar, one.token_width, one.borrowed)
        for one, indices in members.items()
    )
    architecture = ModelArchitecture(
        name=name,
        gguf_name=gguf_name,
        layer_groups=groups,
        hidden_size=hidden_size,
        vocab_size=vocab_size,
        tied_embeddings=tied_embeddings,
        parameters_total=0,
        parameters_active=0,
        max_context_tokens=max_context_tokens,
        rope_frequencies=rope_frequencies,
        encoder_parameters=encoder_parameters,
    )
    total, active = count_parameters(architecture)
    return dataclasses.replace(architecture, parameters_total=total, parameters_active=active)
