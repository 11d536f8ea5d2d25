"""The hyper-parameters of a model under the keys that llama.cpp reads them from (llama-model.cpp, models/*.cpp at commit 0c1e570).

Everything that decides memory or speed comes from the architecture. What decides only the answers (rotary base, epsilon, how experts
are weighted) takes a neutral value: the answers of a synthetic model mean nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from advisor.architectures.tensors import LONG_AND_SHORT
from advisor.domain.architecture import (
    ChunkedCache,
    DenseFfn,
    GatedDeltaNet,
    GroupedAttention,
    LatentAttention,
    LayerGroup,
    Mamba2,
    ModelArchitecture,
    MoeFfn,
    ShortConvolution,
    SlidingCache,
)
from advisor.errors import UserInputError
from advisor.synthesis.gguf_encoding import Value

_EPSILON: Final = 1e-5
_ROPE_BASE: Final = 10_000.0
_SIGMOID: Final = 2  # llama.cpp's expert_gating_func of routers with a correction bias
_WITH_ROPE_SECTIONS: Final = frozenset({"qwen35", "qwen35moe", "qwen3vl", "qwen3vlmoe"})
_NAME: Final = "synthetic"  # of no family: llama.cpp adds tokens to the vocabulary of what is named phi3 (llama-vocab.cpp)
_PRUNED: Final = frozenset({"deci"})  # a layer without attention has no heads either
_INTERLEAVED: Final = frozenset({"llama4", "ernie4_5-moe"})  # say in which step of layers experts come
_REQUIRED: Final[Mapping[str, dict[str, Value]]] = MappingProxyType(
    {
        **{key: {"logit_scale": 1.0} for key in ("granite", "granitemoe", "command-r", "cohere2")},
        **{key: {"attention.indexer.top_k": 2048} for key in ("glm-dsa", "deepseek32")},
    }
)
_WITH_OWN_EMBEDDINGS: Final = frozenset({"gemma4"})  # say how wide they are, and how many layers keep no cache, where there are none too
Part = TypeVar("Part")


def gguf_metadata(architecture: ModelArchitecture) -> dict[str, Value]:
    """Every key of the model but the tokenizer's. Raises UserInputError for a model that llama.cpp does not run."""
    name = architecture.gguf_name
    if name is None:
        raise UserInputError(f"{architecture.name}: llama.cpp does not run this architecture, so no GGUF of it can be made")
    layers = [group for _, group in sorted((index, group) for group in architecture.layer_groups for index in group.layers)]
    keys: dict[str, Value] = {
        "vocab_size": architecture.vocab_size,
        "context_length": architecture.max_context_tokens,
        "embedding_length": architecture.hidden_size,
        "block_count": len(layers),
        "attention.layer_norm_rms_epsilon": _EPSILON,
        "attention.layer_norm_epsilon": _EPSILON,
        "rope.freq_base": _ROPE_BASE,
        "feed_forward_length": _one_or_each(_widths(layers)),
        **_experts(layers, interleaved=name in _INTERLEAVED),
        **_heads(layers, pruned=name in _PRUNED),
        **_head_dimensions(layers, sections=name in _WITH_ROPE_SECTIONS),
        **_indexers(layers),
        **_windows(layers),
        **_recurrence(layers),
        **(_own_embeddings(layers) if name in _WITH_OWN_EMBEDDINGS else {}),
    }
    if name in LONG_AND_SHORT and architecture.rope_frequencies:  # the tables are as long as what is rotated
        keys["rope.dimension_count"] = architecture.rope_frequencies
    keys |= _REQUIRED.get(name, {})
    general: dict[str, Value] = {"general.architecture": name, "general.name": _NAME}
    return general | {f"{name}.{key}": value for key, value in keys.items()}


def _of(kind: type[Part], parts: Iterable[object]) -> list[Part]:
    return [part for part in parts if isinstance(part, kind)]


def _one_or_each(values: Sequence[int]) -> Value:
    """One number when all layers agree, else one a layer: llama.cpp reads either."""
    return values[0] if len(set(values)) == 1 else values


def _widths(layers: list[LayerGroup]) -> list[int]:
    """Dense widths; a layer of experts alone shows the model's dense width, or the experts' where nothing is dense (Mixtral)."""
    nominal = max((ffn.width for ffn in _of(DenseFfn, (layer.ffn for layer in layers))), default=0)
    widths = []
    for layer in layers:
        match layer.ffn:
            case DenseFfn(width=width):
                widths.append(width)
            case MoeFfn(dense_width=dense, expert_width=expert):
                widths.append(dense or nominal or expert)
            case None:
                widths.append(0)
    return widths


def _experts(layers: list[LayerGroup], *, interleaved: bool) -> dict[str, Value]:
    blocks = _of(MoeFfn, (layer.ffn for layer in layers))
    if not blocks:
        return {}
    first = blocks[0]
    keys: dict[str, Value] = {
        "expert_count": first.experts,
        "expert_used_count": first.experts_per_token,
        "expert_feed_forward_length": first.expert_width,
    }
    dense_first = next(index for index, layer in enumerate(layers) if isinstance(layer.ffn, MoeFfn))
    counts_shared = first.correction_bias or bool(_of(LatentAttention, (layer.mixer for layer in layers)))
    if counts_shared and first.gated:  # these families give a number of shared experts and of dense layers before the first router
        keys |= {"expert_shared_count": first.shared_width // first.expert_width, "leading_dense_block_count": dense_first}
    if first.shared_width and (interleaved or not (counts_shared and first.gated)):
        keys["expert_shared_feed_forward_length"] = first.shared_width
    if first.latent_width:
        keys["moe_latent_size"] = first.latent_width
    if first.correction_bias:
        keys |= {"expert_gating_func": _SIGMOID, "expert_weights_norm": True}
    if interleaved:
        keys["interleave_moe_layer_step"] = 1 if first.correction_bias else dense_first + 1
    return keys


def _heads(layers: list[LayerGroup], *, pruned: bool) -> dict[str, Value]:
    """Key-value heads are 0 where llama.cpp is to see a layer without attention, and 1 for latent attention (all heads share the row)."""
    mixers = [layer.mixer for layer in layers]
    grouped = _of(GroupedAttention, mixers)
    usual = max((mixer.kv_heads for mixer in grouped), default=0)
    kv_heads = []
    for mixer in mixers:
        match mixer:
            case GroupedAttention():
                kv_heads.append(mixer.kv_heads)
            case LatentAttention():
                kv_heads.append(1)
            case GatedDeltaNet():
                kv_heads.append(usual)
            case _:
                kv_heads.append(0)
    heads = max((mixer.heads for mixer in mixers if isinstance(mixer, GroupedAttention | LatentAttention)), default=0)
    if pruned and None in mixers:
        return {"attention.head_count": [heads if mixer else 0 for mixer in mixers], "attention.head_count_kv": kv_heads}
    return {"attention.head_count": heads, "attention.head_count_kv": _one_or_each(kv_heads)}


def _head_dimensions(layers: list[LayerGroup], *, sections: bool) -> dict[str, Value]:
    latent = _of(LatentAttention, (layer.mixer for layer in layers))
    if latent:
        return _latent(latent[0])
    sliding = [layer.mixer for layer in layers if _of(SlidingCache, layer.read_caches)]
    grouped = _of(GroupedAttention, (layer.mixer for layer in layers))
    if not grouped:
        return {}
    full = next((mixer for mixer in grouped if mixer not in sliding), grouped[0])
    rotated = full.key_dim // 4 if _of(GatedDeltaNet, (layer.mixer for layer in layers)) else full.key_dim
    keys: dict[str, Value] = {
        "attention.key_length": full.key_dim,
        "attention.value_length": full.value_dim,
        "rope.dimension_count": rotated,
    }
    narrow = next((mixer for mixer in _of(GroupedAttention, sliding) if mixer.key_dim != full.key_dim), None)
    if narrow:
        keys |= {"attention.key_length_swa": narrow.key_dim, "attention.value_length_swa": narrow.value_dim}
        keys["rope.dimension_count_swa"] = narrow.key_dim
    if sections:
        third = rotated // 6
        keys["rope.dimension_sections"] = [rotated // 2 - 2 * third, third, third, 0]
    return keys


def _latent(mixer: LatentAttention) -> dict[str, Value]:
    keys: dict[str, Value] = {
        "attention.kv_lora_rank": mixer.kv_lora_rank,
        "attention.key_length": mixer.kv_lora_rank + mixer.qk_rope_dim,
        "attention.value_length": mixer.kv_lora_rank,
        "attention.key_length_mla": mixer.qk_nope_dim + mixer.qk_rope_dim,
        "attention.value_length_mla": mixer.value_dim,
        "rope.dimension_count": mixer.qk_rope_dim,
    }
    if mixer.q_lora_rank is not None:
        keys["attention.q_lora_rank"] = mixer.q_lora_rank
    return keys


def _indexers(layers: list[LayerGroup]) -> dict[str, Value]:
    """Their size, and which layers own one where not all do."""
    mixers = _of(LatentAttention, (layer.mixer for layer in layers))
    owners = [mixer for mixer in mixers if mixer.indexer_heads]
    if not owners:
        return {}
    keys: dict[str, Value] = {
        "attention.indexer.head_count": owners[0].indexer_heads,
        "attention.indexer.key_length": owners[0].indexer_dim,
    }
    return keys if owners == mixers else keys | {"attention.indexer.types": [bool(mixer.indexer_heads) for mixer in mixers]}


def _windows(layers: list[LayerGroup]) -> dict[str, Value]:
    windowed = [bool(_of(SlidingCache, layer.read_caches) or _of(ChunkedCache, layer.read_caches)) for layer in layers]
    caches = [cache for layer in layers for cache in layer.read_caches]
    chunks = _of(ChunkedCache, caches)
    if chunks:
        return {"attention.chunk_size": chunks[0].chunk_tokens, "attention.sliding_window_pattern": windowed}
    windows = _of(SlidingCache, caches)
    if not windows:
        return {}
    return {"attention.sliding_window": windows[0].window_tokens, "attention.sliding_window_pattern": windowed}


def _own_embeddings(layers: list[LayerGroup]) -> dict[str, Value]:
    return {
        "embedding_length_per_layer_input": max(layer.token_width for layer in layers),
        "attention.shared_kv_layers": sum(layer.borrowed is not None for layer in layers),
    }


def _recurrence(layers: list[LayerGroup]) -> dict[str, Value]:
    mixers = [layer.mixer for layer in layers]
    for mixer in mixers:
        if isinstance(mixer, Mamba2):
            return _state(mixer.conv_kernel, mixer.heads * mixer.head_dim, mixer.state_dim, heads=mixer.heads, groups=mixer.groups)
        if isinstance(mixer, GatedDeltaNet):
            inner = mixer.value_heads * mixer.value_dim
            keys = _state(mixer.conv_kernel, inner, mixer.key_dim, heads=mixer.value_heads, groups=mixer.key_heads)
            return keys | _intervals([isinstance(mixer, GatedDeltaNet) for mixer in mixers])
        if isinstance(mixer, ShortConvolution):
            return {"shortconv.l_cache": mixer.kernel}
    return {}


def _state(conv_kernel: int, inner: int, state: int, *, heads: int, groups: int) -> dict[str, Value]:
    return {
        "ssm.conv_kernel": conv_kernel,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": heads,
        "ssm.group_count": groups,
    }


def _intervals(recurrent: list[bool]) -> dict[str, Value]:
    """Which layers are recurrent: every layer but each n-th where that says it all, else one flag a layer."""
    interval = recurrent.index(False) + 1 if False in recurrent else len(recurrent) + 1
    if recurrent == [(index + 1) % interval != 0 for index in range(len(recurrent))]:
        return {"full_attention_interval": interval}
    return {"attention.recurrent_layers": recurrent}
