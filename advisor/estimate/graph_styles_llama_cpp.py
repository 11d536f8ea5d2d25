"""How the compute graphs of llama.cpp's architectures differ, by the name in the file: src/models/<name>.cpp of b11549."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class GraphStyle:
    """What a layer's graph has beside or instead of norm, attention, norm, gated feed-forward block."""

    attention_norm: bool = True  # before attention
    ffn_norm: bool = True  # before the feed-forward block
    post_norms: bool = False  # after each of the two
    parallel: bool = False  # both read the same norm
    single_block: bool = False  # a layer is a norm and one of the two, not both
    early_norm: bool = False  # the first norm is computed before anything that reads it
    attention_residual_first: bool = False  # in sums, whose memory is taken over: the first's
    ffn_residual_first: bool = False
    norm_takes_over: bool = True  # root-mean-square norms may work in place, layer norms do not
    fused_qkv: bool = False
    fused_gate: bool = False  # gate and up are one matrix
    value_norm: bool = False
    positions: Literal["all", "none", "windows", "not_every_fourth"] = "all"  # the layers that rotate queries and keys by position
    position_numbers: int = 1  # of a token: four where positions are of images and text (src/llama-hparams.cpp, n_pos_per_embd)
    scales_the_others: bool = False  # queries that are not rotated are scaled by position
    scaled_queries: bool = False  # after their rotation
    embedding_scale: bool = False
    last_rows: Literal["in_layer", "before_norm", "after_norm"] = "in_layer"  # where rows without logits are dropped
    weights_sum_to_one: bool = False  # experts' weights are divided by their sum
    weights_scaled: bool = False
    weights_first: bool = False  # experts' inputs are weighted instead of their outputs
    softmax_after_choice: bool = False
    fused_experts: bool = False  # the experts' gate and up are one tensor
    packed_gates: bool = False  # the two small gates of a delta net are one matrix
    repeated_heads: bool = False  # a delta net repeats its keys for every value head


_PLAIN: Final = GraphStyle()
_EXPERTS: Final = GraphStyle(weights_sum_to_one=True)
_SCALED_EXPERTS: Final = GraphStyle(weights_sum_to_one=True, weights_scaled=True)
_DELTA_NET: Final = GraphStyle(early_norm=True, last_rows="after_norm", weights_sum_to_one=True, position_numbers=4)

STYLES: Final[Mapping[str, GraphStyle]] = MappingProxyType(
    {
        **dict.fromkeys(("deci", "ernie4_5", "gemma", "granite", "internlm2", "mistral3", "qwen2", "qwen3", "seed_oss"), _PLAIN),
        **dict.fromkeys(("olmoe", "qwen2moe"), _PLAIN),
        **dict.fromkeys(("ernie4_5-moe", "granitehybrid", "granitemoe", "llama", "mimo2", "minimax-m2", "qwen3moe"), _EXPERTS),
        **dict.fromkeys(("deepseek2", "deepseek32", "glm-dsa", "glm4moe", "mistral4"), _SCALED_EXPERTS),
        **dict.fromkeys(("exaone4", "olmo2"), GraphStyle(attention_norm=False, ffn_norm=False, post_norms=True)),
        **dict.fromkeys(("gemma2", "gemma3"), GraphStyle(post_norms=True, embedding_scale=True)),
        **dict.fromkeys(("lfm2", "lfm2moe"), GraphStyle(attention_residual_first=True, ffn_residual_first=True, weights_sum_to_one=True)),
        **dict.fromkeys(("qwen35", "qwen35moe"), _DELTA_NET),
        "qwen3next": GraphStyle(early_norm=True, last_rows="after_norm", weights_sum_to_one=True, packed_gates=True, repeated_heads=True),
        "qwen3vl": GraphStyle(position_numbers=4),
        "qwen3vlmoe": GraphStyle(weights_sum_to_one=True, position_numbers=4),
        "command-r": GraphStyle(parallel=True, norm_takes_over=False),
        "cohere2": GraphStyle(parallel=True, norm_takes_over=False, positions="windows"),
        "gemma4": GraphStyle(
            post_norms=True, embedding_scale=True, value_norm=True, last_rows="after_norm", weights_sum_to_one=True, fused_experts=True
        ),
        "glm4": GraphStyle(post_norms=True, fused_gate=True),
        "gpt-oss": GraphStyle(last_rows="before_norm", softmax_after_choice=True),
        "llama4": GraphStyle(positions="not_every_fourth", scales_the_others=True, weights_first=True),
        "nemotron_h": GraphStyle(single_block=True, positions="none", last_rows="after_norm"),
        "nemotron_h_moe": GraphStyle(
            single_block=True, positions="none", last_rows="after_norm", weights_sum_to_one=True, weights_scaled=True
        ),
        "phi3": GraphStyle(fused_qkv=True, fused_gate=True, scaled_queries=True, ffn_residual_first=True),
        "smollm3": GraphStyle(positions="not_every_fourth"),
    }
)
