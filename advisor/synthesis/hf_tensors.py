"""The tensors of a model's safetensors checkpoint: names and shapes as transformers' modules have them, before any quantisation.

transformers: models/ of the names in WRITTEN.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from advisor.architectures.fields import names
from advisor.domain.architecture import (
    DenseFfn,
    GatedDeltaNet,
    GroupedAttention,
    LatentAttention,
    LayerGroup,
    Mamba2,
    ModelArchitecture,
    MoeFfn,
)
from advisor.errors import UserInputError
from advisor.synthesis.hf_config_parts import layers_in_order

Dtype = Literal["BF16", "F16", "F32", "I8", "I32", "I64", "F8_E4M3"]
Content = Literal["random", "groups", "decay"] | float | tuple[int, ...]
"""What a tensor holds: random codes of its type; each input's group of 128; logarithms of decay rates; one number; these numbers."""

_GAIN_IS_ONE_PLUS: Final = frozenset({"gemma", "gemma2", "gemma3_text", "qwen3_next"})  # their norms multiply with 1 + weight
WRITTEN: Final = names(
    """
    llama mistral ministral3 mixtral qwen2 qwen3 qwen3_moe gemma gemma2 gemma3_text granite smollm3 seed_oss ernie4_5
    deepseek_v2 deepseek_v3 kimi_k2 qwen3_next granitemoehybrid
    """
)
"""Families whose checkpoint is written; of the others only the folder for --load-format dummy."""
_NORMS: Final = {
    2: ("input_layernorm", "post_attention_layernorm"),
    4: ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"),
}


@dataclass(frozen=True, slots=True)
class HfTensor:
    """One tensor of the file; `linear` ones are what a quantisation stores in its own way."""

    name: str
    shape: tuple[int, ...]
    content: Content = "random"
    dtype: Dtype = "BF16"
    linear: bool = False


def hf_tensors(architecture: ModelArchitecture) -> tuple[HfTensor, ...]:
    """Every tensor of the 16-bit checkpoint. Raises UserInputError for a family whose weights are not written."""
    if architecture.name not in WRITTEN:
        known = ", ".join(sorted(WRITTEN))
        raise UserInputError(
            f"{architecture.name}: weights of this family are not written; a folder for --load-format dummy needs none. Known: {known}"
        )
    width, rows = architecture.hidden_size, architecture.vocab_size
    found = [HfTensor("model.embed_tokens.weight", (rows, width)), HfTensor("model.norm.weight", (width,), _gain(architecture))]
    if not architecture.tied_embeddings:
        found.append(HfTensor("lm_head.weight", (rows, width)))
    for index, group in enumerate(layers_in_order(architecture)):
        found += (_placed(tensor, f"model.layers.{index}.") for tensor in _layer(group, architecture))
    return tuple(found)


def _placed(tensor: HfTensor, prefix: str) -> HfTensor:
    return HfTensor(prefix + tensor.name, tensor.shape, tensor.content, tensor.dtype, tensor.linear)


def _gain(architecture: ModelArchitecture) -> float:
    return 0.0 if architecture.name in _GAIN_IS_ONE_PLUS else 1.0


def _layer(group: LayerGroup, architecture: ModelArchitecture) -> Iterator[HfTensor]:
    width, gain = architecture.hidden_size, _gain(architecture)
    yield from (HfTensor(f"{name}.weight", (width,), gain) for name in _NORMS[group.norms])
    match group.mixer:
        case GroupedAttention():
            yield from _grouped(group.mixer, width, gain)
        case LatentAttention():
            yield from _latent(group.mixer, width)
        case GatedDeltaNet():
            yield from _delta_net(group.mixer, width)
        case Mamba2():
            yield from _mamba2(group.mixer, width)
    match group.ffn:
        case DenseFfn():
            yield from _dense(group.ffn, width, fused=architecture.name == "granitemoehybrid")
        case MoeFfn():
            yield from _EXPERTS.get(architecture.name, _qwen_experts)(group.ffn, width)


def _linear(name: str, outputs: int, inputs: int) -> HfTensor:
    return HfTensor(f"{name}.weight", (outputs, inputs), linear=True)


# ---- mixers


def _grouped(mixer: GroupedAttention, width: int, gain: float) -> Iterator[HfTensor]:
    sizes = {
        "q": mixer.heads * mixer.key_dim * (2 if mixer.output_gate else 1),
        "k": mixer.kv_heads * mixer.key_dim,
        "v": mixer.kv_heads * mixer.value_dim,
    }
    for side, size in sizes.items():
        yield _linear(f"self_attn.{side}_proj", size, width)
        if mixer.qkv_bias:
            yield HfTensor(f"self_attn.{side}_proj.bias", (size,), 0.0)
    yield _linear("self_attn.o_proj", width, mixer.heads * mixer.value_dim)
    if mixer.output_bias:
        yield HfTensor("self_attn.o_proj.bias", (width,), 0.0)
    if mixer.qk_norm == "head":
        yield from (HfTensor(f"self_attn.{side}_norm.weight", (mixer.key_dim,), gain) for side in "qk")


def _latent(mixer: LatentAttention, width: int) -> Iterator[HfTensor]:
    query_dim, rank = mixer.qk_nope_dim + mixer.qk_rope_dim, mixer.q_lora_rank
    if rank is None:
        yield _linear("self_attn.q_proj", mixer.heads * query_dim, width)
    else:
        yield _linear("self_attn.q_a_proj", rank, width)
        yield HfTensor("self_attn.q_a_layernorm.weight", (rank,), 1.0)
        yield _linear("self_attn.q_b_proj", mixer.heads * query_dim, rank)
    yield _linear("self_attn.kv_a_proj_with_mqa", mixer.kv_lora_rank + mixer.qk_rope_dim, width)
    yield HfTensor("self_attn.kv_a_layernorm.weight", (mixer.kv_lora_rank,), 1.0)
    yield _linear("self_attn.kv_b_proj", mixer.heads * (mixer.qk_nope_dim + mixer.value_dim), mixer.kv_lora_rank)
    yield _linear("self_attn.o_proj", width, mixer.heads * mixer.value_dim)


def _delta_net(mixer: GatedDeltaNet, width: int) -> Iterator[HfTensor]:
    keys, values = mixer.key_heads * mixer.key_dim, mixer.value_heads * mixer.value_dim
    yield _linear("linear_attn.in_proj_qkvz", 2 * keys + 2 * values, width)
    yield _linear("linear_attn.in_proj_ba", 2 * mixer.value_heads, width)
    yield HfTensor("linear_attn.conv1d.weight", (2 * keys + values, 1, mixer.conv_kernel))
    yield HfTensor("linear_attn.A_log", (mixer.value_heads,), "decay")
    yield HfTensor("linear_attn.dt_bias", (mixer.value_heads,), 1.0)
    yield HfTensor("linear_attn.norm.weight", (mixer.value_dim,), 1.0)
    yield _linear("linear_attn.out_proj", width, values)


def _mamba2(mixer: Mamba2, width: int) -> Iterator[HfTensor]:
    inner = mixer.heads * mixer.head_dim
    convolved = inner + 2 * mixer.groups * mixer.state_dim
    yield _linear("mamba.in_proj", inner + convolved + mixer.heads, width)
    yield HfTensor("mamba.conv1d.weight", (convolved, 1, mixer.conv_kernel))
    if mixer.conv_bias:
        yield HfTensor("mamba.conv1d.bias", (convolved,), 0.0)
    yield HfTensor("mamba.A_log", (mixer.heads,), "decay")
    yield HfTensor("mamba.D", (mixer.heads,), 1.0)
    yield HfTensor("mamba.dt_bias", (mixer.heads,), 1.0)
    yield HfTensor("mamba.norm.weight", (inner,), 1.0)
    yield _linear("mamba.out_proj", width, inner)


# ---- feed-forward blocks


def _gated(name: str, size: int, width: int, sides: tuple[str, str, str] = ("gate_proj", "up_proj", "down_proj")) -> Iterator[HfTensor]:
    gate, up, down = sides
    yield _linear(f"{name}.{gate}", size, width)
    yield _linear(f"{name}.{up}", size, width)
    yield _linear(f"{name}.{down}", width, size)


def _fused(name: str, size: int, width: int) -> Iterator[HfTensor]:
    """Granite joins gate and up."""
    yield _linear(f"{name}.input_linear", 2 * size, width)
    yield _linear(f"{name}.output_linear", width, size)


def _dense(ffn: DenseFfn, width: int, *, fused: bool) -> Iterator[HfTensor]:
    yield from _fused("shared_mlp", ffn.width, width) if fused else _gated("mlp", ffn.width, width)
    if ffn.bias:
        sizes = {"gate_proj": ffn.width, "up_proj": ffn.width, "down_proj": width}
        yield from (HfTensor(f"mlp.{side}.bias", (size,), 0.0) for side, size in sizes.items())


def _qwen_experts(ffn: MoeFfn, width: int) -> Iterator[HfTensor]:
    yield HfTensor("mlp.gate.weight", (ffn.experts, width))
    for expert in range(ffn.experts):
        yield from _gated(f"mlp.experts.{expert}", ffn.expert_width, width)
    if ffn.shared_width:
        yield from _gated("mlp.shared_expert", ffn.shared_width, width)
    if ffn.shared_gate:
        yield HfTensor("mlp.shared_expert_gate.weight", (1, width))


def _mixtral_experts(ffn: MoeFfn, width: int) -> Iterator[HfTensor]:
    yield HfTensor("block_sparse_moe.gate.weight", (ffn.experts, width))
    for expert in range(ffn.experts):
        yield from _gated(f"block_sparse_moe.experts.{expert}", ffn.expert_width, width, ("w1", "w3", "w2"))


def _deepseek_experts(ffn: MoeFfn, width: int) -> Iterator[HfTensor]:
    yield HfTensor("mlp.gate.weight", (ffn.experts, width))
    if ffn.correction_bias:
        yield HfTensor("mlp.gate.e_score_correction_bias", (ffn.experts,), 0.0, "F32")
    for expert in range(ffn.experts):
        yield from _gated(f"mlp.experts.{expert}", ffn.expert_width, width)
    if ffn.shared_width:
        yield from _gated("mlp.shared_experts", ffn.shared_width, width)


def _granite_experts(ffn: MoeFfn, width: int) -> Iterator[HfTensor]:
    """All experts in one tensor a side."""
    yield HfTensor("block_sparse_moe.router.layer.weight", (ffn.experts, width))
    yield HfTensor("block_sparse_moe.input_linear.weight", (ffn.experts, 2 * ffn.expert_width, width))
    yield HfTensor("block_sparse_moe.output_linear.weight", (ffn.experts, width, ffn.expert_width))
    if ffn.shared_width:
        yield from _fused("shared_mlp", ffn.shared_width, width)


_EXPERTS: Final = {
    "mixtral": _mixtral_experts,
    "granitemoehybrid": _granite_experts,
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "kimi_k2"), _deepseek_experts),
}
