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
    """Gemma 4's tower: gated blocks, normalised queries and keys, two position tables, one projection; 0 for an empty description.

    transformers: models/gemma4, Gemma4VisionModel.
    """
    if not vision:
        return 0
    width, inner = int(vision["hidden_size"]), int(vision["intermediate_size"])
    layer = 4 * width * width + 3 * width * inner + 4 * width + 2 * int(vision.get("head_dim") or 0)
    patches = _CHANNELS * int(vision["patch_size"]) ** 2 * width
    positions = 2 * int(vision.get("position_embedding_size", 0)) * width
    return patches + positions + int(vision["num_hidden_layers"]) * layer + width * text_hidden_size


def gemma4_unified_parameters(vision: Mapping[str, Any], audio: Mapping[str, Any], text_hidden_size: int) -> int:
    """What the unified Gemma 4 has in place of towers: merged patches and slices of sound, projected; 0 for empty descriptions.

    patches of d = 3*(p*k)^2 with norms 2*d + 2*w + 2*w, projection d*w + w, positions 2*n*w, and one projection into the text for
    each (transformers: models/gemma4_unified, Gemma4UnifiedVisionEmbedder, Gemma4UnifiedMultimodalEmbedder).
    """
    found = int(audio["audio_embed_dim"]) * text_hidden_size if audio else 0
    if not vision:
        return found
    width, patch = int(vision["mm_embed_dim"]), _CHANNELS * (int(vision["patch_size"]) * int(vision["pooling_kernel_size"])) ** 2
    embedder = 2 * patch + patch * width + width + 2 * int(vision["mm_posemb_size"]) * width + 4 * width
    return found + embedder + width * text_hidden_size


def qwen3_vision_parameters(vision: Mapping[str, Any]) -> int:
    """The tower of Qwen3-VL and Qwen3.5 with its patch mergers; 0 for an empty description.

    transformers: models/qwen3_5, models/qwen3_vl; a merger joins spatial_merge_size^2 patches, and each layer that deepstack reads has
    one more, which normalises the joined patches instead of each.
    """
    if not vision:
        return 0
    width, inner = int(vision["hidden_size"]), int(vision["intermediate_size"])
    layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width
    patches = int(vision["in_channels"]) * int(vision["temporal_patch_size"]) * int(vision["patch_size"]) ** 2 * width + width
    joined, out = width * int(vision["spatial_merge_size"]) ** 2, int(vision["out_hidden_size"])
    merger = joined * joined + joined + joined * out + out
    mergers = 2 * width + merger + len(vision.get("deepstack_visual_indexes") or ()) * (2 * joined + merger)
    return patches + int(vision["num_position_embeddings"]) * width + int(vision["depth"]) * layer + mergers


def pixtral_parameters(vision: Mapping[str, Any], text_hidden_size: int, *, merged: int) -> int:
    """Pixtral's tower and Mistral 3's projector, which merges `merged`^2 patches; 0 for an empty description.

    patches 3*p*p*w, norms w + per layer 2*w, layers 4*w*w + 3*w*f, projector w + merged^2*w*w + w*d + d*d
    (transformers: models/pixtral, models/mistral3).
    """
    if not vision:
        return 0
    width, inner = int(vision["hidden_size"]), int(vision["intermediate_size"])
    layer = 4 * width * width + 3 * width * inner + 2 * width
    tower = _CHANNELS * int(vision["patch_size"]) ** 2 * width + width + int(vision["num_hidden_layers"]) * layer
    return tower + width + merged**2 * width * width + width * text_hidden_size + text_hidden_size**2


def llama4_vision_parameters(vision: Mapping[str, Any], text_hidden_size: int) -> int:
    """Llama 4's tower, pixel-shuffle adapter and projector; 0 for an empty description (transformers: models/llama4)."""
    if not vision:
        return 0
    width, inner = int(vision["hidden_size"]), int(vision["intermediate_size"])
    layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width
    positions = (int(vision["image_size"]) // int(vision["patch_size"])) ** 2 + 1
    patches = _CHANNELS * int(vision["patch_size"]) ** 2 * width
    adapter = inner * int(vision["projector_input_dim"]) + int(vision["projector_output_dim"]) ** 2
    tower = patches + width + positions * width + 4 * width + int(vision["num_hidden_layers"]) * layer
    return tower + adapter + int(vision["vision_output_dim"]) * text_hidden_size


def moonvit_parameters(vision: Mapping[str, Any], text_hidden_size: int) -> int:
    """Kimi K2.5's tower and patch merger; 0 for an empty description (transformers: models/kimi_k25)."""
    if not vision:
        return 0
    width, inner = int(vision["vt_hidden_size"]), int(vision["vt_intermediate_size"])
    layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width
    patches = _CHANNELS * int(vision["patch_size"]) ** 2 * width + width
    positions = int(vision["init_pos_emb_height"]) * int(vision["init_pos_emb_width"]) * width
    rows, columns = vision["merge_kernel_size"]
    joined = width * int(rows) * int(columns)
    merger = 2 * width + joined * joined + joined + joined * text_hidden_size + text_hidden_size
    return patches + positions + 2 * width + int(vision["vt_num_hidden_layers"]) * layer + merger
