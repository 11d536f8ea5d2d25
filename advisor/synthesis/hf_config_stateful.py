"""The config.json of the families with recurrent layers (hf_config.py has the entry)."""

from advisor.domain.architecture import GatedDeltaNet, GroupedAttention, LayerGroup, Mamba2, ModelArchitecture, MoeFfn, ShortConvolution
from advisor.synthesis.hf_config_parts import Config, dense_width, ffns, heads, layer_kinds, layers_in_order, mixer_of, routed


def qwen3_next(architecture: ModelArchitecture) -> Config:
    """Qwen3-Next and Qwen3.5: gated delta nets with full attention in between."""
    delta = mixer_of(GatedDeltaNet, architecture)
    dense, experts = ffns(architecture)
    keys = {
        **heads(mixer_of(GroupedAttention, architecture)),
        "attn_output_gate": True,
        "partial_rotary_factor": 0.25,
        "layer_types": layer_kinds(architecture, GatedDeltaNet, "linear_attention"),
        "linear_num_key_heads": delta.key_heads,
        "linear_num_value_heads": delta.value_heads,
        "linear_key_head_dim": delta.key_dim,
        "linear_value_head_dim": delta.value_dim,
        "linear_conv_kernel_dim": delta.conv_kernel,
        "intermediate_size": dense_width(dense, experts),
    }
    if experts is None:
        return keys
    shared = {"shared_expert_intermediate_size": experts.shared_width, "norm_topk_prob": True}
    return keys | routed(experts) | shared | {"decoder_sparse_step": 1, "mlp_only_layers": []}


def granite(architecture: ModelArchitecture) -> Config:
    """Granite 4 hybrids: Mamba-2 layers with a few attention layers."""
    mamba = mixer_of(Mamba2, architecture)
    dense, experts = ffns(architecture)
    keys = {
        **heads(mixer_of(GroupedAttention, architecture)),
        "layer_types": layer_kinds(architecture, Mamba2, "mamba", "attention"),
        "mamba_n_heads": mamba.heads,
        "mamba_d_head": mamba.head_dim,
        "mamba_d_state": mamba.state_dim,
        "mamba_n_groups": mamba.groups,
        "mamba_d_conv": mamba.conv_kernel,
        "mamba_expand": mamba.heads * mamba.head_dim // architecture.hidden_size,
        "mamba_conv_bias": mamba.conv_bias,
        "mamba_proj_bias": False,
        "mamba_chunk_size": 256,
        "position_embedding_type": "nope",
        "embedding_multiplier": 1.0,
        "residual_multiplier": 1.0,
        "logits_scaling": 1.0,
        "attention_multiplier": 1.0 / mixer_of(GroupedAttention, architecture).key_dim,
        "intermediate_size": experts.expert_width if experts else dense_width(dense, None),
        "shared_intermediate_size": experts.shared_width if experts else dense_width(dense, None),
    }
    return keys | ({"num_local_experts": experts.experts, "num_experts_per_tok": experts.experts_per_token} if experts else {})


def mamba2(architecture: ModelArchitecture) -> Config:
    """Mamba-2 alone."""
    mixer = mixer_of(Mamba2, architecture)
    return {
        "num_heads": mixer.heads,
        "head_dim": mixer.head_dim,
        "state_size": mixer.state_dim,
        "n_groups": mixer.groups,
        "conv_kernel": mixer.conv_kernel,
        "expand": mixer.heads * mixer.head_dim // architecture.hidden_size,
        "use_conv_bias": mixer.conv_bias,
        "use_bias": False,
        "chunk_size": 256,
        "layer_norm_epsilon": 1e-5,
        "rms_norm": True,
        "residual_in_fp32": True,
    }


def nemotron_h(architecture: ModelArchitecture) -> Config:
    """One block a layer, none of them gated."""
    mamba = mixer_of(Mamba2, architecture)
    dense, experts = ffns(architecture)
    keys = {
        **heads(mixer_of(GroupedAttention, architecture)),
        "layers_block_type": [_block(layer) for layer in layers_in_order(architecture)],
        "mamba_num_heads": mamba.heads,
        "mamba_head_dim": mamba.head_dim,
        "ssm_state_size": mamba.state_dim,
        "n_groups": mamba.groups,
        "conv_kernel": mamba.conv_kernel,
        "use_conv_bias": mamba.conv_bias,
        "mamba_ssm_cache_dtype": "float32",
        "mlp_hidden_act": "relu2",
        "intermediate_size": dense.width if dense else architecture.hidden_size,  # no layer reads it then
    }
    if experts is None:
        return keys
    return {
        **keys,
        **routed(experts, count_key="n_routed_experts"),
        "n_shared_experts": 1,
        "moe_shared_expert_intermediate_size": experts.shared_width,
        "moe_latent_size": experts.latent_width or None,
    }


def _block(layer: LayerGroup) -> str:
    if layer.mixer is not None:
        return "mamba" if isinstance(layer.mixer, Mamba2) else "attention"
    return "moe" if isinstance(layer.ffn, MoeFfn) else "mlp"


def lfm2(architecture: ModelArchitecture) -> Config:
    """Gated short convolutions with attention in between."""
    dense, experts = ffns(architecture)
    layers = layers_in_order(architecture)
    keys = {
        **heads(mixer_of(GroupedAttention, architecture)),
        "layer_types": layer_kinds(architecture, ShortConvolution, "conv"),
        "conv_L_cache": mixer_of(ShortConvolution, architecture).kernel,
        "conv_bias": False,
        "block_dim": architecture.hidden_size,
        "conv_dim": architecture.hidden_size,
        "block_auto_adjust_ff_dim": False,
        "intermediate_size": dense_width(dense, experts),
        "norm_eps": 1e-5,
    }
    if experts is None:
        return keys
    leading = sum(not isinstance(layer.ffn, MoeFfn) for layer in layers)
    return {**keys, **routed(experts), "num_dense_layers": leading, "use_expert_bias": experts.correction_bias}
