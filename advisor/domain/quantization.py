"""Weight formats: GGUF file types with the quantiser's mixing rules as data, and vLLM schemes with their bits and overheads."""

from dataclasses import dataclass, field
from typing import Any, Literal

from advisor.domain.strict import STRICT


@dataclass(frozen=True, slots=True)
class MixStep:
    """Store a tensor of this role as `type` when every condition in `when` holds; the last matching step wins."""

    __pydantic_config__ = STRICT
    type: str
    when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GgufMix:
    """How llama-quantize stores each tensor role of this file type.

    `roles` are the roles of `architectures.tensors.Tensor`; `any` stands for every role without an entry of its own.
    """

    __pydantic_config__ = STRICT
    default_type: str
    file_type: int | None = None  # llama.cpp's number of it (llama_ftype in llama.h), which the file and the quantiser name it by
    roles: dict[str, tuple[MixStep, ...]] = field(default_factory=dict)
    needs_imatrix: bool = False


Part = Literal["attention", "recurrent", "dense", "shared_experts", "experts", "lm_head", "q_a_proj", "q_b_proj", "kv_a_proj", "kv_b_proj"]
PartFormat = Literal["16bit", "8bit", "scheme"]  # 8bit has one scale a tensor


@dataclass(frozen=True, slots=True)
class WeightScheme:
    """How a vLLM scheme stores a quantised linear weight, and which arithmetic it can use.

    `parts` are those that a publisher stores otherwise than the scheme's rule says, with their format.
    """

    __pydantic_config__ = STRICT
    weight_bits: float
    group_size: int | None = None  # weights per scale; None: one scale a row or tensor
    scale_bits: int = 0
    zero_bits: int = 0
    keeps_16bit: tuple[str, ...] = ("token_embedding", "lm_head", "norms", "router")  # besides vectors, which always do
    experts_only: bool = False
    scale_per: Literal["group", "row", "tensor", "none"] = "group"
    group_rows: int = 1  # rows that share a group's scale: 128 for DeepSeek's square blocks
    attention_bytes: int = 0  # per attention layer: the cache scales that the method creates beside the weights
    parts: tuple[tuple[Part, PartFormat], ...] = ()
    expert_width_multiple: int = 1  # the inner width of experts is padded to this at load time


@dataclass(frozen=True, slots=True)
class Quantization:
    """A weight format by its catalog id. `loss` is the band of quality lost against 16 bits, from measured tables."""

    __pydantic_config__ = STRICT
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
    config_json: dict[str, Any] = field(default_factory=dict)  # what a config.json says of it; empty: no such file can be written
