"""Which families are Llama with something changed, and what: one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from advisor.architectures.vision import pixtral_parameters, qwen3_vision_parameters

Encoder = Callable[[Callable[..., int], Mapping[str, Any], int], int]
"""Parameters of a vision tower: from the reader of whole fields, the description of the tower, the hidden size."""


@dataclass(frozen=True, slots=True)
class Family:
    """A row: every default is what Llama does."""

    gguf_name: str | None  # None: llama.cpp does not run it
    qkv_bias: bool = False  # whatever attention_bias says
    output_bias: Literal["as_queries", "never", "stated"] = "as_queries"
    qk_norm: Literal["none", "head", "projection"] = "none"
    windowed: bool = False  # sliding_window counts whenever it is given
    period: int = 0  # all but the last of so many layers slide
    norms: int = 2
    tied: bool = False  # where the file does not say
    shared_gate: bool = False
    quantized_router: bool = False
    float32_router: bool = False
    split_qk_norm: bool = False
    encoder: Encoder | None = None


def _qwen3_vision(_: Callable[..., int], vision: Mapping[str, Any], __: int) -> int:
    return qwen3_vision_parameters(vision)


def _pixtral(whole: Callable[..., int], vision: Mapping[str, Any], hidden: int) -> int:
    merged = whole("spatial_merge_size", default=2)
    return pixtral_parameters(vision, hidden, merged=merged)


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "llama": Family("llama"),
        "mistral": Family("llama", windowed=True, encoder=_pixtral),
        "ministral3": Family("mistral3", windowed=True, encoder=_pixtral),
        "mixtral": Family("llama", windowed=True),
        "qwen2": Family("qwen2", qkv_bias=True, output_bias="never"),
        "qwen2_moe": Family("qwen2moe", qkv_bias=True, output_bias="never", shared_gate=True),
        "qwen3": Family("qwen3", qk_norm="head"),
        "qwen3_moe": Family("qwen3moe", qk_norm="head", quantized_router=True),
        "qwen3_vl_text": Family("qwen3vl", qk_norm="head", encoder=_qwen3_vision),
        "qwen3_vl_moe_text": Family("qwen3vlmoe", qk_norm="head", quantized_router=True, encoder=_qwen3_vision),
        "mimo": Family(None, output_bias="never"),
        "gemma": Family("gemma", tied=True),
        "phi3": Family("phi3", windowed=True),
        "granite": Family("granite"),
        "granitemoe": Family("granitemoe"),
        "smollm3": Family("smollm3", tied=True),
        "seed_oss": Family("seed_oss", output_bias="stated"),
        "internlm2": Family("internlm2"),
        "ernie4_5": Family("ernie4_5", tied=True),
        "olmo2": Family("olmo2", qk_norm="projection"),
        "olmo3": Family("olmo2", qk_norm="projection", windowed=True, period=4),
        "olmoe": Family("olmoe", qk_norm="projection"),
        "exaone4": Family("exaone4", qk_norm="head", windowed=True, period=4),
        "cohere": Family("command-r", norms=1, tied=True),
        "cohere2": Family("cohere2", norms=1, tied=True, windowed=True, period=4),
        "glm4": Family("glm4", output_bias="never", norms=4),
        "minimax_m2": Family("minimax-m2", qk_norm="projection", float32_router=True, split_qk_norm=True),
    }
)
