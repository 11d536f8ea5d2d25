"""The tensors of one layer in a GGUF file, without the `blk.N.` before their names."""

from typing import Final, assert_never

from advisor.domain.architecture import (
    DenseFfn,
    GatedDeltaNet,
    GroupedAttention,
    LatentAttention,
    LayerGroup,
    Mamba2,
    MoeFfn,
    ShortConvolution,
)

LayerTensor = tuple[str, tuple[int, ...], str]
"""Name, ne shape, role."""

_POST_NORMED: Final = ("post_attention_norm", "post_ffw_norm")
_SANDWICHED: Final = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
_NORMS: Final = {
    **dict.fromkeys(("gemma2", "gemma3", "glm4"), _SANDWICHED),
    "gemma4": (*_SANDWICHED, "pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"),
    **dict.fromkeys(("olmo2", "exaone4"), _POST_NORMED),
    **dict.fromkeys(("gpt-oss", "qwen3next", "qwen35", "qwen35moe", "seed_oss", "glm4moe"), ("attn_norm", "post_attention_norm")),
    **dict.fromkeys(("nemotron_h", "nemotron_h_moe"), ("attn_norm",)),
}
"""Names of the hidden-size norms of a layer, in order; a layer takes as many as it has."""
_FUSED_QKV: Final = frozenset({"phi3"})
_FUSED_GATE: Final = frozenset({"phi3", "glm4"})  # gate and up are one ffn_up of twice the width


def layer_tensors(group: LayerGroup, hidden: int, gguf_name: str) -> list[LayerTensor]:
    """The tensors of one layer of the group."""
    found: list[LayerTensor] = [(f"{name}.weight", (hidden,), "norm") for name in _norms(group, gguf_name)]
    found += [*_mixer(group, hidden, gguf_name), *_ffn(group, hidden, gguf_name)]
    if group.layer_scalar:
        found.append(("layer_output_scale.weight", (1,), "scale"))
    if group.token_width:
        found += [("inp_gate.weight", (hidden, group.token_width), "other"), ("proj.weight", (group.token_width, hidden), "other")]
        found.append(("post_norm.weight", (hidden,), "norm"))
    return found


def _norms(group: LayerGroup, gguf_name: str) -> tuple[str, ...]:
    names = _NORMS.get(gguf_name, ("attn_norm", "ffn_norm"))
    return names[-group.norms :] if group.mixer is None and group.norms else names[: group.norms]


def _mixer(group: LayerGroup, hidden: int, gguf_name: str) -> list[LayerTensor]:
    found: list[LayerTensor] = []
    match group.mixer:
        case GroupedAttention():
            found += _grouped(group.mixer, hidden, fused=gguf_name in _FUSED_QKV)
        case LatentAttention():
            found += _latent(group.mixer, hidden)
        case GatedDeltaNet():
            found += _delta_net(group.mixer, hidden, fused_gates=gguf_name == "qwen3next")
        case Mamba2():
            found += _mamba2(group.mixer, hidden)
        case ShortConvolution():
            found += [
                ("shortconv.conv.weight", (group.mixer.kernel, hidden), "conv"),
                ("shortconv.in_proj.weight", (hidden, 3 * hidden), "other"),
                ("shortconv.out_proj.weight", (hidden, hidden), "other"),
            ]
    return found


def _ffn(group: LayerGroup, hidden: int, gguf_name: str) -> list[LayerTensor]:
    match group.ffn:
        case DenseFfn(width=width) if gguf_name in _FUSED_GATE:
            return [("ffn_up.weight", (hidden, 2 * width), "ffn_up"), ("ffn_down.weight", (width, hidden), "ffn_down")]
        case DenseFfn():
            return _dense(group.ffn.width, hidden, gated=group.ffn.gated, bias=group.ffn.bias)
        case MoeFfn():
            return _moe(group.ffn, hidden, fused_gate_up=gguf_name == "gemma4")
        case None:
            return []
        case _:
            assert_never(group.ffn)


def _grouped(mixer: GroupedAttention, hidden: int, *, fused: bool) -> list[LayerTensor]:
    queries = mixer.heads * mixer.key_dim
    sizes = {"q": queries * (2 if mixer.output_gate else 1), "k": mixer.kv_heads * mixer.key_dim, "v": mixer.kv_heads * mixer.value_dim}
    if mixer.shared_kv:
        del sizes["v"]
    if fused:
        sizes = {"qkv": sum(sizes.values())}
    found: list[LayerTensor] = [(f"attn_{side}.weight", (hidden, size), f"attn_{side}") for side, size in sizes.items()]
    found.append(("attn_output.weight", (mixer.heads * mixer.value_dim, hidden), "attn_output"))
    if mixer.qkv_bias:
        found += [(f"attn_{side}.bias", (size,), "bias") for side, size in sizes.items()]
    if mixer.output_bias:
        found.append(("attn_output.bias", (hidden,), "bias"))
    if mixer.qk_norm != "none":
        whole = mixer.qk_norm == "projection"
        widths = (("q", queries if whole else mixer.key_dim), ("k", sizes["k"] if whole else mixer.key_dim))
        found += [(f"attn_{side}_norm.weight", (width,), "norm") for side, width in widths]
    if mixer.sinks:
        found.append(("attn_sinks.weight", (mixer.heads,), "sinks"))
    return found


def _latent(mixer: LatentAttention, hidden: int) -> list[LayerTensor]:
    """kv_b is split in two and k_b transposed: the form that absorbed attention multiplies with."""
    query_dim, rank, heads = mixer.qk_nope_dim + mixer.qk_rope_dim, mixer.q_lora_rank, mixer.heads
    found: list[LayerTensor] = (
        [("attn_q.weight", (hidden, heads * query_dim), "attn_q")]
        if rank is None
        else [
            ("attn_q_a_norm.weight", (rank,), "norm"),
            ("attn_q_a.weight", (hidden, rank), "other"),
            ("attn_q_b.weight", (rank, heads * query_dim), "other"),
        ]
    )
    return [
        *found,
        ("attn_kv_a_norm.weight", (mixer.kv_lora_rank,), "norm"),
        ("attn_kv_a_mqa.weight", (hidden, mixer.kv_lora_rank + mixer.qk_rope_dim), "other"),
        ("attn_k_b.weight", (mixer.qk_nope_dim, mixer.kv_lora_rank, heads), "other"),
        ("attn_v_b.weight", (mixer.kv_lora_rank, mixer.value_dim, heads), "other"),
        ("attn_output.weight", (heads * mixer.value_dim, hidden), "attn_output"),
        *(_indexer(mixer, hidden, rank or hidden) if mixer.indexer_heads else ()),
    ]


def _indexer(mixer: LatentAttention, hidden: int, queries: int) -> list[LayerTensor]:
    return [
        ("indexer.k_norm.weight", (mixer.indexer_dim,), "norm"),
        ("indexer.k_norm.bias", (mixer.indexer_dim,), "bias"),
        ("indexer.proj.weight", (hidden, mixer.indexer_heads), "other"),
        ("indexer.attn_k.weight", (hidden, mixer.indexer_dim), "attn_k"),
        ("indexer.attn_q_b.weight", (queries, mixer.indexer_heads * mixer.indexer_dim), "other"),
    ]


def _delta_net(mixer: GatedDeltaNet, hidden: int, *, fused_gates: bool) -> list[LayerTensor]:
    keys, values = mixer.key_heads * mixer.key_dim, mixer.value_heads * mixer.value_dim
    gates = {"ssm_ba": 2 * mixer.value_heads} if fused_gates else {"ssm_alpha": mixer.value_heads, "ssm_beta": mixer.value_heads}
    return [
        ("attn_qkv.weight", (hidden, 2 * keys + values), "attn_qkv"),
        ("attn_gate.weight", (hidden, values), "other"),
        ("ssm_conv1d.weight", (mixer.conv_kernel, 2 * keys + values), "conv"),
        ("ssm_dt.bias", (mixer.value_heads,), "ssm_dt"),
        ("ssm_a", (mixer.value_heads,), "ssm_a"),
        *((f"{name}.weight", (hidden, size), "other") for name, size in gates.items()),
        ("ssm_norm.weight", (mixer.value_dim,), "norm"),
        ("ssm_out.weight", (values, hidden), "other"),
    ]


def _mamba2(mixer: Mamba2, hidden: int) -> list[LayerTensor]:
    inner, convolved = mixer.heads * mixer.head_dim, mixer.heads * mixer.head_dim + 2 * mixer.groups * mixer.state_dim
    bias: list[LayerTensor] = [("ssm_conv1d.bias", (convolved,), "bias")] if mixer.conv_bias else []
    return [
        ("ssm_in.weight", (hidden, inner + convolved + mixer.heads), "other"),
        ("ssm_conv1d.weight", (mixer.conv_kernel, convolved), "conv"),
        *bias,
        ("ssm_dt.bias", (mixer.heads,), "ssm_dt"),
        ("ssm_a", (1, mixer.heads), "ssm_a"),
        ("ssm_d", (1, mixer.heads), "ssm_d"),
        ("ssm_norm.weight", (inner // mixer.groups, mixer.groups), "norm"),
        ("ssm_out.weight", (inner, hidden), "other"),
    ]


def _dense(width: int, hidden: int, *, gated: bool, bias: bool, suffix: str = "") -> list[LayerTensor]:
    sides = ("gate", "up") if gated else ("up",)
    found: list[LayerTensor] = [(f"ffn_{side}{suffix}.weight", (hidden, width), f"ffn_{side}") for side in sides]
    found.append((f"ffn_down{suffix}.weight", (width, hidden), "ffn_down"))
    if bias:
        found += [(f"ffn_{side}{suffix}.bias", (width,), "bias") for side in sides]
        found.append((f"ffn_down{suffix}.bias", (hidden,), "bias"))
    return found


def _moe(ffn: MoeFfn, hidden: int, *, fused_gate_up: bool) -> list[LayerTensor]:
    found: list[LayerTensor] = [("ffn_gate_inp.weight", (hidden, ffn.experts), "router")]
    if ffn.router_bias:
        found.append(("exp_probs_b.bias" if ffn.correction_bias else "ffn_gate_inp.bias", (ffn.experts,), "bias"))
    found += _experts(ffn, hidden, fused_gate_up=fused_gate_up)
    if ffn.shared_gate:
        found.append(("ffn_gate_inp_shexp.weight", (hidden,), "router"))
    if ffn.shared_width:
        found += _dense(ffn.shared_width, hidden, gated=ffn.gated, bias=False, suffix="_shexp")
    if ffn.dense_width:
        found += _dense(ffn.dense_width, hidden, gated=ffn.gated, bias=False)
    if ffn.scaled_router:
        found += [("ffn_gate_inp.scale", (hidden,), "scale"), ("ffn_down_exps.scale", (ffn.experts,), "scale")]
    return found


def _experts(ffn: MoeFfn, hidden: int, *, fused_gate_up: bool) -> list[LayerTensor]:
    width, experts, inputs = ffn.expert_width, ffn.experts, ffn.latent_width or hidden
    sides = {"gate": width, "up": width} if ffn.gated else {"up": width}
    found: list[LayerTensor] = (
        [("ffn_gate_up_exps.weight", (inputs, 2 * width, experts), "ffn_gate")]
        if fused_gate_up
        else [(f"ffn_{side}_exps.weight", (inputs, size, experts), f"ffn_{side}") for side, size in sides.items()]
    )
    found.append(("ffn_down_exps.weight", (width, inputs, experts), "ffn_down"))
    if ffn.latent_width:
        found += [("ffn_latent_down.weight", (hidden, inputs), "other"), ("ffn_latent_up.weight", (inputs, hidden), "other")]
    if ffn.expert_bias:
        found += [(f"ffn_{side}_exps.bias", (size, experts), "bias") for side, size in {**sides, "down": hidden}.items()]
    return found
