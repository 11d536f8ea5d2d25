"""Every weight of a model as the Hugging Face checkpoint and vLLM hold it: its role, its shape, how tensor parallelism splits it.

Parameter counts and vLLM's bytes per rank are sums over this one list. Shapes follow engines' source: transformers' modules for the
elements, vLLM 0.33's layers (`model_executor/layers/linear.py`, `vocab_parallel_embedding.py`, `fused_moe`) for the split.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never

from advisor.domain.architecture import (
    DenseFfn,
    GatedDeltaNet,
    GroupedAttention,
    LatentAttention,
    LayerGroup,
    Mamba2,
    Mixer,
    ModelArchitecture,
    MoeFfn,
    ShortConvolution,
)

Role = Literal["token_embedding", "lm_head", "norms", "router", "fixed_router", "linear", "vector"]
Split = Literal["whole", "outputs", "inputs", "kv_heads", "state_groups"]
_BLOCKS: Final = {"mlp": "dense", "shared_expert": "shared_experts", "experts": "experts", "latent_down": "experts", "latent_up": "experts"}
_OF_KEYS: Final = frozenset({"k_proj", "v_proj", "k_norm"})
_RECURRENT: Final = frozenset(
    {"in_proj", "in_proj_qkvz", "in_proj_ba", "in_proj_z", "in_proj_x", "in_proj_b", "in_proj_c", "in_proj_dt", "out_proj"}
)


@dataclass(frozen=True, slots=True)
class Matrix:
    """`outputs` rows of `inputs` weights, once or per expert. Vectors have one input; a fixed_router stays in 16 bits in any scheme.

    `split` says which side tensor parallelism divides: `kv_heads` and `state_groups` (of `heads` heads or groups) are divided as far
    as there are heads and then repeated. `fixed_bytes` is set where an element does not follow the checkpoint's 16 bits. `copied`
    weights are no parameters: vLLM makes them at load time from others (Gemma 4's keys in the place of values). `unused` ones are in
    the file alone: vLLM does not load them (Gemma 4's keys and values in layers that read another layer's cache).
    """

    name: str
    role: Role
    inputs: int
    outputs: int
    split: Split = "whole"
    experts: int = 0
    heads: int = 0
    fixed_bytes: int | None = None
    copied: bool = False
    unused: bool = False

    @property
    def part(self) -> str:
        """The part of a model that publishers quantise or leave as one."""
        if self.role == "lm_head":
            return "lm_head"
        block = self.name.partition(".")[0]
        if block in _BLOCKS:
            return _BLOCKS[block]
        return "recurrent" if self.name in _RECURRENT else "attention"

    @property
    def elements(self) -> int:
        """All weights, over all experts, copies included."""
        return self.inputs * self.outputs * max(self.experts, 1)


def _linear(name: str, inputs: int, outputs: int, split: Split = "whole", *, heads: int = 0) -> Matrix:
    return Matrix(name, "linear", inputs, outputs, split, heads=heads)


def _vector(name: str, elements: int, split: Split = "whole", *, heads: int = 0, fixed_bytes: int | None = None) -> Matrix:
    return Matrix(name, "vector", 1, elements, split, heads=heads, fixed_bytes=fixed_bytes)


def _norm(name: str, elements: int, split: Split = "whole", *, heads: int = 0) -> Matrix:
    return Matrix(name, "norms", 1, elements, split, heads=heads)


def _grouped(mixer: GroupedAttention, hidden: int) -> list[Matrix]:
    queries = mixer.heads * mixer.key_dim
    keys, values = mixer.kv_heads * mixer.key_dim, mixer.kv_heads * mixer.value_dim
    found = [
        _linear("q_proj", hidden, queries * (2 if mixer.output_gate else 1), "outputs"),
        _linear("k_proj", hidden, keys, "kv_heads", heads=mixer.kv_heads),
        _linear("o_proj", mixer.heads * mixer.value_dim, hidden, "inputs"),
    ]
    found.append(Matrix("v_proj", "linear", hidden, values, "kv_heads", heads=mixer.kv_heads, copied=mixer.shared_kv))
    if mixer.qkv_bias:
        found.append(_vector("q_bias", queries, "outputs"))
        found += [_vector(name, size, "kv_heads", heads=mixer.kv_heads) for name, size in (("k_bias", keys), ("v_bias", values))]
    if mixer.output_bias:
        found.append(_vector("o_bias", hidden))
    if mixer.qk_norm == "head":
        found += [_norm("q_norm", mixer.key_dim), _norm("k_norm", mixer.key_dim)]
    if mixer.qk_norm == "projection":
        found += [
            _norm("q_norm", queries, "outputs" if mixer.split_qk_norm else "whole"),
            _norm("k_norm", keys, "kv_heads" if mixer.split_qk_norm else "whole", heads=mixer.kv_heads),
        ]
    if mixer.sinks:
        found.append(_vector("sinks", mixer.heads, "outputs"))
    return [replace(one, unused=True) if one.name in _OF_KEYS else one for one in found] if mixer.queries_alone else found


def _latent(mixer: LatentAttention, hidden: int) -> list[Matrix]:
    query_dim = mixer.qk_nope_dim + mixer.qk_rope_dim
    rank = mixer.q_lora_rank
    queries = (
        [_linear("q_proj", hidden, mixer.heads * query_dim, "outputs")]
        if rank is None
        else [_linear("q_a_proj", hidden, rank), _norm("q_a_norm", rank), _linear("q_b_proj", rank, mixer.heads * query_dim, "outputs")]
    )
    return [
        *queries,
        _linear("kv_a_proj", hidden, mixer.kv_lora_rank + mixer.qk_rope_dim),
        _norm("kv_a_norm", mixer.kv_lora_rank),
        _linear("kv_b_proj", mixer.kv_lora_rank, mixer.heads * (mixer.qk_nope_dim + mixer.value_dim), "outputs"),
        _linear("o_proj", mixer.heads * mixer.value_dim, hidden, "inputs"),
        *(_indexer(mixer, hidden, rank or hidden) if mixer.indexer_heads else ()),
    ]


def _indexer(mixer: LatentAttention, hidden: int, queries: int) -> list[Matrix]:
    """The whole indexer is on every rank, its keys and weights in 16 bits (vllm/models/deepseek_v32); its key norm has a bias."""
    return [
        _linear("indexer.wq_b", queries, mixer.indexer_heads * mixer.indexer_dim),
        Matrix("indexer.wk", "fixed_router", hidden, mixer.indexer_dim),
        _norm("indexer.k_norm", 2 * mixer.indexer_dim),
        Matrix("indexer.weights_proj", "fixed_router", hidden, mixer.indexer_heads),
    ]


def _short_convolution(mixer: ShortConvolution, hidden: int) -> list[Matrix]:
    return [
        _linear("in_proj", hidden, 3 * hidden, "outputs"),
        _vector("conv", mixer.kernel * hidden, "outputs"),
        _linear("out_proj", hidden, hidden, "inputs"),
    ]


def _delta_net(mixer: GatedDeltaNet, hidden: int) -> list[Matrix]:
    keys, values = mixer.key_heads * mixer.key_dim, mixer.value_heads * mixer.value_dim
    return [
        _linear("in_proj_qkvz", hidden, 2 * keys + 2 * values, "outputs"),
        _linear("in_proj_ba", hidden, 2 * mixer.value_heads, "outputs"),
        _vector("conv1d", mixer.conv_kernel * (2 * keys + values), "outputs"),
        _vector("A_log", mixer.value_heads, "outputs", fixed_bytes=4),
        _vector("dt_bias", mixer.value_heads, "outputs"),
        _norm("norm", mixer.value_dim),
        _linear("out_proj", values, hidden, "inputs"),
    ]


def _mamba2(mixer: Mamba2, hidden: int) -> list[Matrix]:
    inner, grouped = mixer.heads * mixer.head_dim, mixer.groups * mixer.state_dim
    convolved = mixer.conv_kernel + (1 if mixer.conv_bias else 0)
    return [
        _linear("in_proj_z", hidden, inner, "outputs"),
        _linear("in_proj_x", hidden, inner, "outputs"),
        _linear("in_proj_b", hidden, grouped, "state_groups", heads=mixer.groups),
        _linear("in_proj_c", hidden, grouped, "state_groups", heads=mixer.groups),
        _linear("in_proj_dt", hidden, mixer.heads, "outputs"),
        _vector("conv1d", convolved * inner, "outputs"),
        _vector("conv1d_bc", convolved * 2 * grouped, "state_groups", heads=mixer.groups),
        _vector("A", mixer.heads, "outputs", fixed_bytes=4),
        _vector("D", mixer.heads, "outputs"),
        _vector("dt_bias", mixer.heads, "outputs"),
        _norm("norm", inner, "outputs"),
        _linear("out_proj", inner, hidden, "inputs"),
    ]


def _dense(width: int, hidden: int, *, gated: bool, bias: bool, name: str = "mlp") -> list[Matrix]:
    sides = ("gate_proj", "up_proj") if gated else ("up_proj",)
    found = [_linear(f"{name}.{side}", hidden, width, "outputs") for side in sides]
    found.append(_linear(f"{name}.down_proj", width, hidden, "inputs"))
    if bias:
        found += [_vector(f"{name}.{side}_bias", width, "outputs") for side in sides]
        found.append(_vector(f"{name}.down_bias", hidden))
    return found


def _experts(ffn: MoeFfn, hidden: int) -> list[Matrix]:
    sides = ("gate_proj", "up_proj") if ffn.gated else ("up_proj",)
    width = ffn.latent_width or hidden
    found = [Matrix(f"experts.{side}", "linear", width, ffn.expert_width, "outputs", ffn.experts) for side in sides]
    found.append(Matrix("experts.down_proj", "linear", ffn.expert_width, width, "inputs", ffn.experts))
    if ffn.latent_width:
        found += [_linear("latent_down", hidden, width), _linear("latent_up", width, hidden)]
    if ffn.expert_bias:
        found += [Matrix(f"experts.{side}_bias", "vector", 1, ffn.expert_width, "outputs", ffn.experts) for side in sides]
        found.append(Matrix("experts.down_bias", "vector", 1, hidden, "whole", ffn.experts))
    return found


def _moe(ffn: MoeFfn, hidden: int) -> list[Matrix]:
    role: Role = "router" if ffn.quantized_router else "fixed_router"
    router = Matrix("router", role, hidden, ffn.experts, fixed_bytes=4 if ffn.float32_router else None)
    found = [router, *_experts(ffn, hidden)]
    if ffn.router_bias:
        found.append(_vector("router_bias", ffn.experts, fixed_bytes=4 if ffn.correction_bias else None))
    if ffn.shared_width:
        found += _dense(ffn.shared_width, hidden, gated=ffn.gated, bias=False, name="shared_expert")
    if ffn.shared_gate:
        found.append(Matrix("shared_expert_gate", "fixed_router", hidden, 1))
    if ffn.dense_width:
        found += _dense(ffn.dense_width, hidden, gated=ffn.gated, bias=False)
    if ffn.scaled_router:
        found += [_vector("router_scale", hidden), _vector("per_expert_scale", ffn.experts)]
    return found


def layer_matrices(group: LayerGroup, hidden_size: int) -> tuple[Matrix, ...]:
    """The weights of one layer of the group."""
    found = [_norm(f"norm_{index}", hidden_size) for index in range(group.norms)]
    found += _mixer(group.mixer, hidden_size)
    match group.ffn:
        case DenseFfn():
            found += _dense(group.ffn.width, hidden_size, gated=group.ffn.gated, bias=group.ffn.bias)
        case MoeFfn():
            found += _moe(group.ffn, hidden_size)
    if group.layer_scalar:
        found.append(_vector("layer_scalar", 1))
    if group.token_width:
        found += [_linear("per_layer_input_gate", hidden_size, group.token_width), _norm("post_per_layer_input_norm", hidden_size)]
        found.append(_linear("per_layer_projection", group.token_width, hidden_size))
    return tuple(found)


def _mixer(mixer: Mixer | None, hidden: int) -> list[Matrix]:
    match mixer:
        case None:
            return []
        case GroupedAttention():
            return _grouped(mixer, hidden)
        case LatentAttention():
            return _latent(mixer, hidden)
        case GatedDeltaNet():
            return _delta_net(mixer, hidden)
        case Mamba2():
            return _mamba2(mixer, hidden)
        case ShortConvolution():
            return _short_convolution(mixer, hidden)
        case _:
            assert_never(mixer)


def table_matrices(architecture: ModelArchitecture) -> tuple[Matrix, ...]:
    """The lookup table, the head (absent when tied) and the final norm."""
    width, rows = architecture.hidden_size, architecture.vocab_size
    head = () if architecture.tied_embeddings else (Matrix("lm_head", "lm_head", width, rows, "outputs"),)
    return (Matrix("embed_tokens", "token_embedding", width, rows, "outputs"), *head, _norm("norm", width))


def token_table_matrices(architecture: ModelArchitecture) -> tuple[Matrix, ...]:
    """The table of the layers' own embeddings, the projection that adds to them before the first layer, and its norm; often none."""
    width = architecture.token_width
    if not width:
        return ()
    one = next(group.token_width for group in architecture.layer_groups if group.token_width)
    return (
        Matrix("embed_tokens_per_layer", "token_embedding", width, architecture.vocab_size, "outputs"),
        _linear("per_layer_model_projection", architecture.hidden_size, width, "outputs"),
        _norm("per_layer_projection_norm", one),
    )


def count_parameters(architecture: ModelArchitecture) -> tuple[int, int]:
    """All parameters of the language model, and those that one token uses: all but the experts that it is not routed to, what no engine
    loads, and the table of the layers' own embeddings."""
    total = sum(matrix.elements for matrix in (*table_matrices(architecture), *token_table_matrices(architecture)))
    active = total - architecture.lookup_parameters
    for group in architecture.layer_groups:
        for matrix in layer_matrices(group, architecture.hidden_size):
            if matrix.copied:
                continue
            total += matrix.elements * group.count
            if matrix.unused:
                continue
            used = matrix.elements
            if matrix.experts and isinstance(group.ffn, MoeFfn):
                used = matrix.elements // matrix.experts * group.ffn.experts_per_token
            active += used * group.count
    return total, active
