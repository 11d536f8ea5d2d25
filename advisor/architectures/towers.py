"""Parameters of towers for sound: as those for pictures (vision.py), they take memory in vLLM and nothing else of them is modelled."""

from collections.abc import Mapping
from typing import Any

_KERNEL = 9  # a 3 x 3 convolution


def gemma4_audio_parameters(audio: Mapping[str, Any], text_hidden_size: int) -> int:
    """Gemma 4's conformer and its projection; 0 for an empty description.

    Per layer two feed-forward blocks 2*(8*w^2 + 2*w), attention 5*w^2 + w/heads, gated convolution 3*w^2 + k*w + 2*w, norms 3*w; two
    convolutions that halve the frames, a linear layer after them and one at the end (transformers: models/gemma4, Gemma4AudioModel).
    """
    if not audio:
        return 0
    width, out = int(audio["hidden_size"]), int(audio["output_proj_dims"])
    first, second = (int(channels) for channels in audio["subsampling_conv_channels"])
    layer = 24 * width**2 + width // int(audio["num_attention_heads"]) + (int(audio["conv_kernel_size"]) + 9) * width
    halving = _KERNEL * first + first + _KERNEL * first * second + second + first // 4 * second * width
    return int(audio["num_hidden_layers"]) * layer + halving + width * out + out + out * text_hidden_size
