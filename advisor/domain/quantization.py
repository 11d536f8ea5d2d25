"""Weight formats: GGUF file types with the quantiser's mixing rules as data, and vLLM schemes with their bits and overheads."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class MixStep:
    """Store a tensor of this role as `type` when every condition in `when` holds; the last matching step wins."""

    type: str
    when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GgufMix:
    """How llama-quantize stores each tensor role of this file type."""

    default_type: str
    roles: dict[str, tuple[MixStep, ...]] = field(default_factory=dict)
    needs_imatrix: bool = False


@dataclass(frozen=True, slots=True)
class WeightScheme:
    """How a vLLM scheme stores a quantised linear weight, and which arithmetic it can use."""

    weight_bits: float
    group_size: int | None = None  # weights per scale; None: one scale a row or tensor
    scale_bits: int = 0
    zero_bits: int = 0
    keeps_16bit: tuple[str, ...] = ("token_embedding", "lm_head", "norms", "router")
    experts_only: bool = False


@dataclass(frozen=True, slots=True)
class Quantization:
    """A weight format by its catalog id. `loss` is the band of quality lost against 16 bits, from measured tables."""

    id: str
    format: Literal["gguf", "safetensors"]
    loss: Literal["none", "slight", "some", "large"]
    loss_source: str
    compute: Literal["16bit", "fp8", "int8", "fp4"]  # arithmetic where the device has it, else 16bit
    aliases: tuple[str, ...] = ()
    mix: GgufMix | None = None
    scheme: WeightScheme | None = None
    min_compute_capability: float | None = None  # NVIDIA, to load at all
    native_compute_capability: float | None = None  # NVIDIA, for `compute` arithmetic
    source: str = ""
