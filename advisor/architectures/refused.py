"""Families that are known by name and not read: what each would need to have described. Engines run most of them.

From transformers' modules and llama.cpp's src/models of the same names.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_BIASED_NORMS: Final = "norms that have biases"
_MAMBA1: Final = "a Mamba-1 mixer"
_KDA: Final = "Kimi delta attention"
_STEP: Final = "attention with gates and heads of its own in sliding layers, and a shared expert of its own width"

NEEDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "gemma3n": "embeddings for each layer, alternating updates of four streams and layers that share a cache",
        "gemma3n_text": "embeddings for each layer, alternating updates of four streams and layers that share a cache",
        "deepseek": "plain attention in front of shared and routed experts under the first release's field names",
        "deepseek_v4": "caches compressed by two ratios beside a window, hash-routed experts and hyper-connections",
        "deepseek_ref": "caches compressed by two ratios beside a window, hash-routed experts and hyper-connections",
        "kimi_linear": _KDA,
        "kimi_k3": f"{_KDA}, and experts that work at a width of their own",
        "minimax": "lightning attention beside full attention",
        "minimax_m3": "block-sparse attention with a cache of index keys",
        "minimax_m3_vl": "block-sparse attention with a cache of index keys",
        "falcon": "attention and feed-forward block side by side in one layer",
        "falcon_h1": "attention and a Mamba-2 mixer in one layer",
        "bamba": "Mamba-2 layers beside attention under its own field names",
        "jamba": f"{_MAMBA1} beside attention",
        "mamba": _MAMBA1,
        "falcon_mamba": _MAMBA1,
        "zamba2": "attention blocks that several Mamba-2 layers share",
        "phi": f"{_BIASED_NORMS}, and attention and feed-forward block side by side in one layer",
        "phi-msft": f"{_BIASED_NORMS}, and attention and feed-forward block side by side in one layer",
        "phimoe": f"{_BIASED_NORMS}, and a head with a bias",
        "nemotron": _BIASED_NORMS,
        "starcoder2": _BIASED_NORMS,
        "stablelm": _BIASED_NORMS,
        "minicpm": "scaled embeddings and residuals under its own field names",
        "dbrx": "attention and experts under nested field names of their own",
        "longcat_flash": "two attention blocks a layer, and experts that do nothing",
        "hunyuan_v1_moe": "shared experts whose number and width vary from layer to layer",
        "hunyuan_v1_dense": "normalised queries and keys under its own field names",
        "dots1": "normalised queries and keys in front of routed and shared experts",
        "cohere2_moe": "attention and experts side by side in one layer",
        "exaone_moe": "experts in the layers that a list names",
        "granitemoeshared": "a shared block beside the experts of plain attention layers",
        "olmo": "norms without weights",
        "step3_text": _STEP,
        "step3p5": _STEP,
        "step3p7": _STEP,
        "glm": "two norms a layer and fused gates under GLM 4's first names",
        "chatglm": "the field names of ChatGLM",
        "bert": "an encoder that generates no text",
    }
)
"""model_type -> what has to be described in advisor/architectures before it can be planned."""
