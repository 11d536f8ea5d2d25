"""Parameters of vision towers: they take memory in vLLM and are a file of their own for llama.cpp; nothing else of them is modelled."""

from collections.abc import Mapping
from typing import Any

_CHANNELS = 3


def siglip_parameters(vision: Mapping[str, Any], text_hidden_size: int) -> int:
    """A SigLIP tower with Gemma 3's projector; 0 for an empty description.

    patches 3*p*p*w + w, positions (image/p)^2 * w, per layer 4*(w*w + w) + 2*w*f + f + w + 4*w, last norm 2*w,
    projector w + w*d (transformers: models/siglip, Gemma3MultiModalProjector).
    """
    if not vision:
        return 0
    width, inner, patch = int(vision["hidden_size"]), int(vision["intermediate_size"]), int(vision["patch_size"])
    patches = (int(vision["image_size"]) // patch) ** 2
    layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width
    tower = _CHANNELS * patch * patch * width + width + patches * width + int(vision["num_hidden_layers"]) * layer + 2 * width
    return tower + width + width * text_hidden_size


def gemma4_vision_parameters(vision: Mapping[str, Any], text_hidden_size: int) -> int:
    """Gemma 4's tower: gated blocks, two position tables, one projection; 0 for an empty description.

    Within the rounding of the published sizes of the 26B and 31B releases (48.07 and 58.25 GiB), not exact.
    """
    if not vision:
        return 0
    width, inner = int(vision["hidden_size"]), int(vision["intermediate_size"])
    layer = 4 * width * width + 3 * width * inner + 4 * width
    patches = _CHANNELS * int(vision["patch_size"]) ** 2 * width
    positions = 2 * int(vision.get("position_embedding_size", 0)) * width
    return patches + positions + int(vision["num_hidden_layers"]) * layer + width * text_hidden_size


def qwen3_vision_parameters(vision: Mapping[str, Any]) -> int:
    """The tower of Qwen3.5 (and Qwen3-VL without deepstack) with its patch merger; 0 for an empty description.

    transformers: models/qwen3_5, Qwen3_5VisionModel; the merger joins spatial_merge_size^2 patches.
    """
    if not vision:
        return 0
    width, inner = int(vision["hidden_size"]), int(vision["intermediate_size"])
    layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width
    patches = int(vision["in_channels"]) * int(vision["temporal_patch_size"]) * int(vision["patch_size"]) ** 2 * width + width
    joined, out = width * int(vision["spatial_merge_size"]) ** 2, int(vision["out_hidden_size"])
    merger = 2 * width + joined * joined + joined + joined * out + out
    return patches + int(vision["num_position_embeddings"]) * width + int(vision["depth"]) * layer + merger
