"""The config.json of the families with first dense layers and then experts, and of pruned ones (hf_config.py has the entry)."""

from advisor.domain.architecture import (
    ChunkedCache,
    DenseFfn,
    FullCache,
    GroupedAttention,
    LatentAttention,
    LayerGroup,
    ModelArchitecture,
    MoeFfn,
    SlidingCache,
)
from advisor.errors import UserInputError
from advisor.synthesis.hf_config_parts import (
    Config,
    dense_width,
    ffns,
    heads,
    layer_kinds,
    layers_in_order,
    llama3_rope,
    mixer_of,
    routed,
    window,
)


def leading_dense(architecture: ModelArchitecture) -> int:
    """Layers before the first one with experts."""
    return next(index for index, layer in enumerate(layers_in_order(architecture)) if isinstance(layer.ffn, MoeFfn))


def _experts(architecture: ModelArchitecture) -> MoeFfn:
    _, experts = ffns(architecture)
    if experts is None:
        raise UserInputError(f"{architecture.name}: no layer with experts, which every model of this family has")
    return experts


def deepseek(architecture: ModelArchitecture) -> Config:
    """Latent attention: first layers dense, then experts beside shared ones."""
    mixer = mixer_of(LatentAttention, architecture)
    dense, experts = ffns(architecture)[0], _experts(architecture)
    corrected = experts.correction_bias
    return {
        **_indexers(architecture),
        "num_attention_heads": mixer.heads,
        "num_key_value_heads": mixer.heads,
        "q_lora_rank": mixer.q_lora_rank,
        "kv_lora_rank": mixer.kv_lora_rank,
        "qk_nope_head_dim": mixer.qk_nope_dim,
        "qk_rope_head_dim": mixer.qk_rope_dim,
        "v_head_dim": mixer.value_dim,
        "attention_bias": False,
        "intermediate_size": dense_width(dense, experts),
        **routed(experts, count_key="n_routed_experts"),
        "n_shared_experts": experts.shared_width // experts.expert_width or None,
        "first_k_dense_replace": leading_dense(architecture),
        "moe_layer_freq": 1,
        "n_group": 1,
        "topk_group": 1,
        "topk_method": "noaux_tc" if corrected else "greedy",
        "scoring_func": "sigmoid" if corrected else "softmax",
        "norm_topk_prob": corrected,
        "routed_scaling_factor": 1.0,
    }


def _indexers(architecture: ModelArchitecture) -> Config:
    """Their size, and which layers own one."""
    mixers = [layer.mixer for layer in layers_in_order(architecture) if isinstance(layer.mixer, LatentAttention)]
    owner = next((mixer for mixer in mixers if mixer.indexer_heads), None)
    if owner is None:
        return {}
    kinds = ["full" if mixer.indexer_heads else "shared" for mixer in mixers]
    return {"index_n_heads": owner.indexer_heads, "index_head_dim": owner.indexer_dim, "index_topk": 2048, "indexer_types": kinds}


def glm4_moe(architecture: ModelArchitecture) -> Config:
    """Biases on queries, keys and values only."""
    mixer, experts = mixer_of(GroupedAttention, architecture), _experts(architecture)
    return {
        **heads(mixer),
        **routed(experts, count_key="n_routed_experts"),
        "attention_bias": mixer.qkv_bias,
        "use_qk_norm": mixer.qk_norm == "head",
        "intermediate_size": dense_width(ffns(architecture)[0], experts),
        "n_shared_experts": experts.shared_width // experts.expert_width or None,
        "first_k_dense_replace": leading_dense(architecture),
        "partial_rotary_factor": 0.5,
    }


def ernie_moe(architecture: ModelArchitecture) -> Config:
    """Experts in all layers after the first dense ones."""
    experts = _experts(architecture)
    return {
        **heads(mixer_of(GroupedAttention, architecture)),
        "intermediate_size": dense_width(ffns(architecture)[0], experts),
        "moe_num_experts": experts.experts,
        "moe_k": experts.experts_per_token,
        "moe_intermediate_size": experts.expert_width,
        "moe_num_shared_experts": experts.shared_width // experts.expert_width,
        "moe_layer_start_index": leading_dense(architecture),
        "moe_layer_interval": 1,
        "moe_use_aux_free": experts.correction_bias,
    }


def llama4(architecture: ModelArchitecture) -> Config:
    """The experts' width is the one that the file calls intermediate_size."""
    dense, experts = ffns(architecture)[0], _experts(architecture)
    chunk = next(c.chunk_tokens for group in architecture.layer_groups for c in group.caches if isinstance(c, ChunkedCache))
    sparse = [index for index, layer in enumerate(layers_in_order(architecture)) if isinstance(layer.ffn, MoeFfn)]
    return {
        **heads(mixer_of(GroupedAttention, architecture)),
        **routed(experts, width_key="intermediate_size", count_key="num_local_experts"),
        "intermediate_size_mlp": dense.width if dense else experts.expert_width,
        "layer_types": layer_kinds(architecture, ChunkedCache, "chunked_attention"),
        "attention_chunk_size": chunk,
        "moe_layers": sparse,
        "interleave_moe_layer_step": sparse[0] + 1,
        "use_qk_norm": False,
        **llama3_rope(architecture),
    }


def mimo_v2(architecture: ModelArchitecture) -> Config:
    """Full layers and sliding ones with heads of their own."""
    full, narrow = (mixer_of(GroupedAttention, architecture, cache) for cache in (FullCache, SlidingCache))
    dense, experts = ffns(architecture)[0], _experts(architecture)
    layers = layers_in_order(architecture)
    return {
        **heads(full),
        **routed(experts, count_key="n_routed_experts"),
        "v_head_dim": full.value_dim,
        "swa_num_attention_heads": narrow.heads,
        "swa_num_key_value_heads": narrow.kv_heads,
        "swa_head_dim": narrow.key_dim,
        "swa_v_head_dim": narrow.value_dim,
        "add_full_attention_sink_bias": full.sinks,
        "add_swa_attention_sink_bias": narrow.sinks,
        "sliding_window": window(architecture),
        "hybrid_layer_pattern": [int(layer.mixer == narrow) for layer in layers],
        "moe_layer_freq": [int(isinstance(layer.ffn, MoeFfn)) for layer in layers],
        "intermediate_size": dense_width(dense, experts),
        "scoring_func": "sigmoid",
        "topk_method": "noaux_tc",
        "layernorm_epsilon": 1e-5,
        "sliding_window_size": window(architecture),
        "swa_rope_theta": 10_000.0,
    }


def nemotron_nas(architecture: ModelArchitecture) -> Config:
    """One entry a layer of heads and widths."""
    mixer = mixer_of(GroupedAttention, architecture)
    keys = {"num_attention_heads": mixer.heads, "num_key_value_heads": None, "intermediate_size": None, "attention_bias": False}
    return (
        keys
        | llama3_rope(architecture)
        | {"block_configs": [_block(layer, architecture.hidden_size) for layer in layers_in_order(architecture)]}
    )


def _block(layer: LayerGroup, hidden: int) -> Config:
    """ffn_mult as the release states it: the width is int(2 * ffn_mult * hidden / 3), rounded up to whole 256."""
    mixer, ffn = layer.mixer, layer.ffn
    group = mixer.heads // mixer.kv_heads if isinstance(mixer, GroupedAttention) else None
    width = ffn.width if isinstance(ffn, DenseFfn) else 0
    return {
        "attention": {"no_op": group is None, "n_heads_in_group": group, "replace_with_linear": False},
        "ffn": {"no_op": not width, "ffn_mult": 3 * width / hidden / 2 if width else None, "replace_with_linear": False},
    }
