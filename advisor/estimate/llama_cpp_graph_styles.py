"""How the compute graphs of llama.cpp's architectures differ, by the name in the file: src/models/<name>.cpp of b11549."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from advisor.domain.architecture import GroupedAttention, LatentAttention, ModelArchitecture


@dataclass(frozen=True, slots=True)
class GraphStyle:
    """What a layer's graph has beside or instead of norm, attention, norm, gated feed-forward block."""

    attention_norm: bool = True  # before attention
    ffn_norm: bool = True  # before the feed-forward block
    post_norms: bool = False  # after each of the two
    parallel: bool = False  # both read the same norm
    fused_qkv: bool = False
    fused_gate: bool = False  # gate and up are one matrix
    value_norm: bool = False
    scaled_embedding: bool = False
    whole_last_layer: bool = False  # rows without logits are dropped after the last layer instead of within it
    residual_first: bool = False
    normed_weights: bool = False  # experts' weights are divided by their sum
    softmax_after_choice: bool = False


_PLAIN: Final = GraphStyle()
_EXPERTS: Final = GraphStyle(normed_weights=True)
_POST_NORMS: Final = GraphStyle(post_norms=True)
_ONLY_POST_NORMS: Final = GraphStyle(attention_norm=False, ffn_norm=False, post_norms=True)
_PARALLEL: Final = GraphStyle(parallel=True)

STYLES: Final[Mapping[str, GraphStyle]] = MappingProxyType(
    {
        **dict.fromkeys(("ernie4_5", "granite", "internlm2", "mistral3", "qwen2", "qwen3", "qwen3vl", "seed_oss", "smollm3", "deci", "gemma"), _PLAIN),
        **dict.fromkeys(("llama", "qwen3moe", "qwen3vlmoe", "granitemoe", "minimax-m2", "mimo2", "ernie4_5-moe", "glm4moe"), _EXPERTS),
        **dict.fromkeys(("olmo2", "exaone4"), _ONLY_POST_NORMS),
        **dict.fromkeys(("gemma2", "gemma3"), GraphStyle(post_norms=True, scaled_embedding=True)),
        **dict.fromkeys(("cohere2", "command-r"), _PARALLEL),
        **dict.fromkeys(("qwen2moe", "olmoe"), _PLAIN),
        "deepseek2": _EXPERTS,
        "mistral4": _EXPERTS,
        "llama4": _PLAIN,
        "phi3": GraphStyle(fused_qkv=True, fused_gate=True, residual_first=True),
        "glm4": GraphStyle(post_norms=True, fused_gate=True),
        "gpt-oss": GraphStyle(whole_last_layer=True, softmax_after_choice=True),
        "gemma4": GraphStyle(post_norms=True, scaled_embedding=True, whole_last_layer=True, value_norm=True),
    }
)


def style_of(architecture: ModelArchitecture) -> GraphStyle | None:
    """The style of this architecture; None when its graph is not restated."""
    known = all(isinstance(group.mixer, GroupedAttention | LatentAttention | None) for group in architecture.layer_groups)
    return STYLES.get(architecture.gguf_name or "") if known else None
