"""What vLLM reserves for LoRA adapters: for every linear layer A and B of the largest rank, once for each slot, filled or not.

vllm/lora/layers/ of 0.32: `create_lora_weights` of column, row, replicated, vocabulary and expert layers. Which layers a model's class lets
adapters change, and which of them its checkpoint holds joined, is data: `_STYLES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from advisor.architectures.parameters import Matrix, layer_matrices
from advisor.domain.architecture import LayerGroup, ModelArchitecture
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.errors import NotCounted, UserInputError
from advisor.estimate.safetensors_bytes import pipeline_stages, rank_shape

_ELEMENT_BYTES: Final = 2  # --lora-dtype auto, float16, bfloat16
_MOST_WORDS: Final = 258_048  # lora/layers/logits_processor.py


@dataclass(frozen=True, slots=True)
class LoraStyle:
    """How adapters lie on a class of models: on which tables, and where one A serves several projections that the checkpoint joins."""

    tables: Literal["none", "embedding", "both"] = "none"
    joined_attention: bool = False
    joined_ffn: bool = False
    joined_experts: bool = False


_NO_TABLES: Final = LoraStyle()
_EMBEDDING: Final = LoraStyle("embedding")
_BOTH: Final = LoraStyle("both")
_STYLES: Final[Mapping[str, LoraStyle]] = MappingProxyType(
    {
        **dict.fromkeys(("gemma", "gemma2", "glm4", "ministral3", "mistral", "qwen2"), _NO_TABLES),
        **dict.fromkeys(("deepseek_v2", "deepseek_v3", "ernie4_5_moe", "glm4_moe", "glm4_moe_lite", "kimi_k2"), _NO_TABLES),
        **dict.fromkeys(("minimax_m2", "olmoe", "qwen2_moe"), _NO_TABLES),
        **dict.fromkeys(("cohere", "cohere2", "mistral4", "olmo2", "olmo3", "seed_oss", "smollm3"), _EMBEDDING),
        **dict.fromkeys(("ernie4_5", "exaone4", "granite", "granitemoe", "llama", "mixtral", "qwen3", "qwen3_moe"), _BOTH),
        "gpt_oss": LoraStyle(joined_experts=True),
        "phi3": LoraStyle("both", joined_attention=True, joined_ffn=True),
    }
)


def check_lora(architecture: ModelArchitecture, settings: VllmSettings, parallelism: Parallelism) -> None:
    """Raises UserInputError for adapters on a model whose wrapped layers were not compared, or that vLLM refuses."""
    if not settings.enable_lora:
        return
    style = _STYLES.get(architecture.name)
    if style is None:
        known = ", ".join(sorted(_STYLES))
        raise NotCounted(
            f"--enable-lora on {architecture.name}: which of its layers vLLM gives adapter slots was not compared; known: {known}"
        )
    if settings.fully_sharded_loras and parallelism.expert:
        raise UserInputError("--fully-sharded-loras: vLLM does not take it with --enable-expert-parallel")
    if style.tables == "both" and architecture.vocab_size > _MOST_WORDS:
        raise UserInputError(f"--enable-lora: vLLM takes vocabularies up to {_MOST_WORDS:,}, this one has {architecture.vocab_size:,}")


def lora_bytes(architecture: ModelArchitecture, settings: VllmSettings, parallelism: Parallelism) -> int:
    """Bytes of all slots on one rank, of the stage that holds most; 0 without --enable-lora."""
    if not settings.enable_lora:
        return 0
    style = _STYLES[architecture.name]
    of_layer = {
        index: _layer_elements(group, architecture, settings, parallelism, style)
        for group in architecture.layer_groups
        for index in group.layers
    }
    stages = pipeline_stages(architecture.layers, parallelism.pipeline)
    sizes = [sum(of_layer[index] for index in stage) for stage in stages]
    rank, width, words = settings.max_lora_rank, architecture.hidden_size, architecture.vocab_size
    table = rank * (width + words)  # not divided, whatever the tensor parallelism
    sizes[0] += table if style.tables != "none" else 0
    sizes[-1] += table if style.tables == "both" else 0
    return _ELEMENT_BYTES * settings.max_loras * max(sizes)


def _layer_elements(
    group: LayerGroup, architecture: ModelArchitecture, settings: VllmSettings, parallelism: Parallelism, style: LoraStyle
) -> int:
    """A and B of everything linear in one layer."""
    found = 0
    seen: set[str] = set()
    for matrix in layer_matrices(group, architecture.hidden_size):
        if matrix.role in ("linear", "router", "fixed_router") and not matrix.unused:
            first, second = _pair(matrix, settings, parallelism)
            joined = _joined(matrix, style)
            found += second + (0 if joined in seen else first)
            seen |= {joined} if joined else set()
    return found


def _joined(matrix: Matrix, style: LoraStyle) -> str:
    """The name of the projection that this one is part of, where one A serves all its parts."""
    if style.joined_attention and matrix.name in ("q_proj", "k_proj", "v_proj"):
        return "qkv"
    side = matrix.name.endswith(("gate_proj", "up_proj"))
    if side and (style.joined_experts if matrix.experts else style.joined_ffn):
        return "experts" if matrix.experts else "mlp"
    return ""


def _pair(matrix: Matrix, settings: VllmSettings, parallelism: Parallelism) -> tuple[int, int]:
    """Elements of A and of B on one rank; fully sharded, A of column layers and B of row layers are divided too."""
    inputs, outputs, copies = rank_shape(matrix, parallelism)
    rank, tensor = settings.max_lora_rank, parallelism.tensor if settings.fully_sharded_loras else 1
    first, second = rank * inputs, rank * outputs
    if matrix.split == "inputs":
        return copies * first, copies * second // tensor
    return copies * first // (1 if matrix.split == "whole" else tensor), copies * second
