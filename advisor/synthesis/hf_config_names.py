"""The class that a config.json of each of Llama's descendants names: transformers' and vLLM's registries find the model by it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CLASS_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "llama": "LlamaForCausalLM",
        "mistral": "MistralForCausalLM",
        "ministral3": "Ministral3ForCausalLM",
        "mixtral": "MixtralForCausalLM",
        "qwen2": "Qwen2ForCausalLM",
        "qwen2_moe": "Qwen2MoeForCausalLM",
        "qwen3": "Qwen3ForCausalLM",
        "qwen3_moe": "Qwen3MoeForCausalLM",
        "qwen3_vl_text": "Qwen3ForCausalLM",
        "qwen3_vl_moe_text": "Qwen3MoeForCausalLM",
        "mimo": "MiMoForCausalLM",
        "gemma": "GemmaForCausalLM",
        "phi3": "Phi3ForCausalLM",
        "granite": "GraniteForCausalLM",
        "granitemoe": "GraniteMoeForCausalLM",
        "smollm3": "SmolLM3ForCausalLM",
        "seed_oss": "SeedOssForCausalLM",
        "internlm2": "InternLM2ForCausalLM",
        "ernie4_5": "Ernie4_5ForCausalLM",
        "olmo2": "Olmo2ForCausalLM",
        "olmo3": "Olmo3ForCausalLM",
        "olmoe": "OlmoeForCausalLM",
        "exaone4": "Exaone4ForCausalLM",
        "cohere": "CohereForCausalLM",
        "cohere2": "Cohere2ForCausalLM",
        "glm4": "Glm4ForCausalLM",
        "minimax_m2": "MiniMaxM2ForCausalLM",
    }
)
