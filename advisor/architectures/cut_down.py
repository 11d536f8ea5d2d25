"""A model with fewer layers and the same structure, for runs that are to be short: its first layers, at least one of each kind.

The first layers, because engines know many patterns by rule (every sixth layer is full, the first three are dense): a prefix obeys them.
"""

from dataclasses import replace
from typing import assert_never

from advisor.architectures.parameters import count_parameters
from advisor.domain.architecture import (
    DenseFfn,
    GatedDeltaNet,
    LatentAttention,
    LayerGroup,
    Mamba2,
    ModelArchitecture,
    MoeFfn,
    ShortConvolution,
    window_of,
)
from advisor.errors import UserInputError


def least_layers(architecture: ModelArchitecture) -> int:
    """The fewest first layers that hold one of each kind."""
    return 1 + max(group.layers[0] for group in architecture.layer_groups)


def cut_down(architecture: ModelArchitecture, layers: int) -> ModelArchitecture:
    """The model's first `layers` layers; all of it when it has no more. Raises UserInputError when a kind of layer would be lost."""
    least = least_layers(architecture)
    if layers < least:
        kinds = ", ".join(dict.fromkeys(_kind(group) for group in architecture.layer_groups))
        raise UserInputError(f"layers: {layers} are too few of {architecture.name}: one of each kind ({kinds}) takes the first {least}")
    groups = tuple(replace(group, layers=tuple(index for index in group.layers if index < layers)) for group in architecture.layer_groups)
    cut = replace(architecture, layer_groups=groups)
    total, active = count_parameters(cut)
    return replace(cut, parameters_total=total, parameters_active=active)


def what_was_cut(whole: ModelArchitecture, cut: ModelArchitecture) -> str:
    """`layers 48 -> 6 (sliding attention, dense 40 -> 5; full attention, dense 8 -> 1)`; empty when nothing was."""
    if cut.layers == whole.layers:
        return ""
    parts = [f"{_kind(old)} {old.count} -> {new.count}" for old, new in zip(whole.layer_groups, cut.layer_groups, strict=True)]
    return f"layers {whole.layers} -> {cut.layers}" + (f" ({'; '.join(parts)})" if len(parts) > 1 else "")


def _kind(group: LayerGroup) -> str:
    """What a layer mixes tokens with, and what it does to each."""
    match group.ffn:
        case None:
            return _mixer(group)
        case DenseFfn():
            return f"{_mixer(group)}, dense" if group.mixer else "dense alone"
        case MoeFfn():
            return f"{_mixer(group)}, experts" if group.mixer else "experts alone"
        case _:
            assert_never(group.ffn)


def _mixer(group: LayerGroup) -> str:
    match group.mixer:
        case Mamba2():
            return "Mamba-2"
        case GatedDeltaNet():
            return "gated delta net"
        case ShortConvolution():
            return "short convolution"
        case LatentAttention():
            return "latent attention"
        case _:
            kind = "sliding attention" if any(window_of(cache) for cache in group.read_caches) else "full attention"
            return f"{kind} on an earlier layer's cache" if group.borrowed else kind
