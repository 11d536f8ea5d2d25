"""The config.json of an architecture, as transformers' classes of the same model_type read it: what advisor.architectures reads, written.

Everything that decides memory or speed comes from the architecture. What decides only the answers (rotary base, epsilon, how experts
are weighted) takes a neutral value. Vision towers are left out: the language model alone is written.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from advisor.architectures.llama_families import FAMILIES
from advisor.domain.architecture import DenseFfn, FullCache, GroupedAttention, ModelArchitecture, MoeFfn, SlidingCache
from advisor.errors import UserInputError
from advisor.synthesis.hf_config_experts import deepseek, ernie_moe, glm4_moe, llama4, mimo_v2, nemotron_nas
from advisor.synthesis.hf_config_names import CLASS_NAMES
from advisor.synthesis.hf_config_parts import (
    Config,
    dense_width,
    ffns,
    heads,
    layers_in_order,
    llama3_rope,
    mixer_of,
    routed,
    sliding,
    window,
)
from advisor.synthesis.hf_config_stateful import granite, lfm2, mamba2, nemotron_h, qwen3_next
from advisor.synthesis.tokenizer import BOS_ID, EOS_ID

Family = Callable[[ModelArchitecture], Config]
_EXPERTS_AS_WIDE: Final = frozenset({"mixtral", "granitemoe", "olmoe", "minimax_m2"})


def hf_config(architecture: ModelArchitecture) -> Config:
    """Every key of the model but its quantisation. Raises UserInputError for a family that no config.json can be written of."""
    family = _FAMILIES.get(architecture.name)
    if family is None:
        raise UserInputError(f"{architecture.name}: no config.json of this family can be written; known: {', '.join(sorted(_FAMILIES))}")
    class_name, keys = family
    return {
        "architectures": [class_name],
        "model_type": architecture.name,
        "torch_dtype": "bfloat16",
        "hidden_size": architecture.hidden_size,
        "num_hidden_layers": architecture.layers,
        "vocab_size": architecture.vocab_size,
        "max_position_embeddings": architecture.max_context_tokens,
        "tie_word_embeddings": architecture.tied_embeddings,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        **keys(architecture),
    }


# ---- the families


def _llama(architecture: ModelArchitecture) -> Config:
    """Llama and its descendants: one kind of attention, whose row says what the file has to state."""
    family = FAMILIES[architecture.name]
    mixer = mixer_of(GroupedAttention, architecture)
    dense, experts = ffns(architecture)
    keys = heads(mixer) | {"intermediate_size": dense_width(dense, experts), "mlp_bias": bool(dense and dense.bias)}
    keys |= _rope(architecture, mixer)
    if family.output_bias != "as_queries" and not family.qkv_bias:
        keys |= {"attention_bias": mixer.qkv_bias, "attention_out_bias": mixer.output_bias}
    elif mixer.qkv_bias and not mixer.output_bias and not family.qkv_bias:
        keys["qkv_bias"] = True
    if experts:
        keys |= _routed_as_wide(experts) if architecture.name in _EXPERTS_AS_WIDE else _routed_apart(architecture, experts)
    return keys | _optional_window(architecture)


def _rope(architecture: ModelArchitecture, mixer: GroupedAttention) -> Config:
    """The scaling behind the rope tables that llama.cpp's converter writes."""
    elements = architecture.rope_frequencies
    if architecture.name == "phi3" and elements:
        factors = [1.0] * (elements // 2)
        scaling = {"rope_type": "longrope", "long_factor": factors, "short_factor": factors}
        return {"rope_scaling": scaling, "partial_rotary_factor": elements / mixer.key_dim, "original_max_position_embeddings": 4096}
    return llama3_rope(architecture)


def _routed_as_wide(experts: MoeFfn) -> Config:
    """Experts of the width that the file calls intermediate_size."""
    keys = routed(experts, width_key="intermediate_size", count_key="num_local_experts")
    return keys | ({"use_routing_bias": True} if experts.correction_bias else {})


def _minimax(architecture: ModelArchitecture) -> Config:
    """MiniMax M2: heads of which a part is rotated, and the scoring of its router, which vLLM wants to be told."""
    return _llama(architecture) | {"rotary_dim": mixer_of(GroupedAttention, architecture).key_dim // 2, "scoring_func": "sigmoid"}


def _routed_apart(architecture: ModelArchitecture, experts: MoeFfn) -> Config:
    only_dense = [index for index, layer in enumerate(layers_in_order(architecture)) if isinstance(layer.ffn, DenseFfn)]
    keys = {"decoder_sparse_step": 1, "mlp_only_layers": only_dense, "norm_topk_prob": True}
    return keys | routed(experts) | {"shared_expert_intermediate_size": experts.shared_width}


def _optional_window(architecture: ModelArchitecture) -> Config:
    """Families of full attention that may be windowed: wholly, or in the layers named."""
    if window(architecture) is None:
        return {"sliding_window": None}
    keys = sliding(architecture)
    keys["use_sliding_window"] = True
    return keys


def _gemma(architecture: ModelArchitecture) -> Config:
    mixer = mixer_of(GroupedAttention, architecture)
    dense, _ = ffns(architecture)
    keys = {
        **heads(mixer),
        **sliding(architecture),
        "intermediate_size": dense_width(dense, None),
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": mixer.key_dim,
        "rope_local_base_freq": 10_000.0,
    }
    if architecture.name == "gemma2":
        keys |= {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
    return keys


def _gemma4(architecture: ModelArchitecture) -> Config:
    narrow, wide = (mixer_of(GroupedAttention, architecture, cache) for cache in (SlidingCache, FullCache))
    dense, experts = ffns(architecture)
    keys = {
        **heads(narrow),
        **sliding(architecture),
        "num_global_key_value_heads": wide.kv_heads,
        "global_head_dim": wide.key_dim,
        "attention_k_eq_v": wide.shared_kv,
        "hidden_activation": "gelu_pytorch_tanh",
        "intermediate_size": experts.dense_width if experts else dense_width(dense, None),
        "enable_moe_block": experts is not None,
        **_own_embeddings(architecture),
    }
    if experts is None:
        return keys
    return keys | {
        "num_experts": experts.experts,
        "top_k_experts": experts.experts_per_token,
        "moe_intermediate_size": experts.expert_width,
    }


def _own_embeddings(architecture: ModelArchitecture) -> Config:
    """The layers' own embeddings, and the last layers that read the cache of earlier ones."""
    layers = layers_in_order(architecture)
    widths = [layer.ffn.width for layer in layers if isinstance(layer.ffn, DenseFfn)]
    return {
        "hidden_size_per_layer_input": max(layer.token_width for layer in layers),
        "vocab_size_per_layer_input": architecture.vocab_size,
        "num_kv_shared_layers": sum(layer.borrowed is not None for layer in layers),
        "use_double_wide_mlp": bool(widths) and widths[-1] == 2 * widths[0],
    }


def _gpt_oss(architecture: ModelArchitecture) -> Config:
    _, experts = ffns(architecture)
    keys = heads(mixer_of(GroupedAttention, architecture)) | sliding(architecture) | {"swiglu_limit": 7.0}
    return keys | (routed(experts, width_key="intermediate_size", count_key="num_local_experts") if experts else {})


_FAMILIES: Final[Mapping[str, tuple[str, Family]]] = MappingProxyType(
    {
        **{name: (class_name, _llama) for name, class_name in CLASS_NAMES.items()},
        "minimax_m2": (CLASS_NAMES["minimax_m2"], _minimax),
        "gemma2": ("Gemma2ForCausalLM", _gemma),
        "gemma3_text": ("Gemma3ForCausalLM", _gemma),
        "gemma4_text": ("Gemma4ForCausalLM", _gemma4),
        "gpt_oss": ("GptOssForCausalLM", _gpt_oss),
        "llama4_text": ("Llama4ForCausalLM", llama4),
        "glm4_moe": ("Glm4MoeForCausalLM", glm4_moe),
        "ernie4_5_moe": ("Ernie4_5_MoeForCausalLM", ernie_moe),
        "mimo_v2_flash": ("MiMoV2FlashForCausalLM", mimo_v2),
        "nemotron-nas": ("DeciLMForCausalLM", nemotron_nas),
        "deepseek_v2": ("DeepseekV2ForCausalLM", deepseek),
        "deepseek_v3": ("DeepseekV3ForCausalLM", deepseek),
        "kimi_k2": ("DeepseekV3ForCausalLM", deepseek),
        "glm4_moe_lite": ("Glm4MoeLiteForCausalLM", deepseek),
        "mistral4": ("Mistral4ForCausalLM", deepseek),
        "deepseek_v32": ("DeepseekV32ForCausalLM", deepseek),
        "glm_moe_dsa": ("GlmMoeDsaForCausalLM", deepseek),
        "qwen3_next": ("Qwen3NextForCausalLM", qwen3_next),
        "qwen3_5_text": ("Qwen3_5ForCausalLM", qwen3_next),
        "qwen3_5_moe_text": ("Qwen3_5MoeForCausalLM", qwen3_next),
        "granitemoehybrid": ("GraniteMoeHybridForCausalLM", granite),
        "mamba2": ("Mamba2ForCausalLM", mamba2),
        "nemotron_h": ("NemotronHForCausalLM", nemotron_h),
        "lfm2": ("Lfm2ForCausalLM", lfm2),
        "lfm2_moe": ("Lfm2MoeForCausalLM", lfm2),
    }
)
