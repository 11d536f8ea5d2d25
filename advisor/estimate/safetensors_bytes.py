"""Bytes of one vLLM rank: each weight divided as vLLM divides it, in 16 bits or in the scheme's bits with its scales.

Division as in vLLM 0.33: model_executor/layers/linear.py (column, row, QKV), vocab_parallel_embedding.py, fused_moe, distributed/utils.py.
"""

import math
from collections import Counter

from advisor.architectures.parameters import Matrix, layer_matrices, table_matrices, token_table_matrices
from advisor.domain.architecture import GroupedAttention, LayerGroup, Mamba2, ModelArchitecture
from advisor.domain.engine import Parallelism
from advisor.domain.quantity import Basis
from advisor.domain.quantization import PartFormat, WeightScheme
from advisor.domain.weights import LayerWeights, WeightBytes
from advisor.errors import UserInputError
from advisor.units import round_up

_JOINED_SCALES = 4  # of five projections of Mamba-2 that ranks hold as one where its groups do not divide (mamba_mixer2.py)
_F32 = 4  # bytes of the scale of an 8-bit tensor
_VOCABULARY_MULTIPLE = 64  # rows of the tables are padded to this (DEFAULT_VOCAB_PADDING_SIZE)


def pipeline_stages(layers: int, stages: int) -> tuple[range, ...]:
    """The layers of each pipeline stage: even, the remainder to the stages before the last (distributed/utils.py get_pp_indices)."""
    if stages > layers:
        raise UserInputError(f"{stages} pipeline stages for {layers} layers: at most one stage a layer")
    sizes = [layers // stages] * stages
    for offset in range(layers % stages):
        sizes[-2 - offset if stages > 1 else 0] += 1
    starts = [sum(sizes[:index]) for index in range(stages)]
    return tuple(range(start, start + size) for start, size in zip(starts, sizes, strict=True))


def rank_weights(architecture: ModelArchitecture, scheme: WeightScheme, *, parallelism: Parallelism, source: str) -> WeightBytes:
    """The heaviest rank's weights. Raises UserInputError when heads or widths cannot be divided by the tensor parallelism."""
    _check_divisible(architecture, parallelism)
    layers = _all_layers(architecture, scheme, parallelism)
    stages = pipeline_stages(architecture.layers, parallelism.pipeline)
    table, head, other = _tables(architecture, scheme, parallelism)
    looked_up, layers[0] = _with_token_table(layers[0], architecture, scheme, parallelism)
    basis = _basis(architecture, scheme)
    candidates = []
    for stage in stages:
        first, last = stage.start == 0, stage.stop == architecture.layers
        tied = architecture.tied_embeddings and first and last
        candidates.append(
            WeightBytes(
                layers=tuple(layers[stage.start : stage.stop]),
                token_embedding_bytes=table + looked_up if first else 0,
                output_bytes=head if last else 0,
                other_bytes=(other if last else 0) + (2 * architecture.encoder_parameters if first else 0),
                tied=tied,
                basis=basis,
                source=source,
            )
        )
    return max(candidates, key=lambda weights: weights.total_bytes)


def _basis(architecture: ModelArchitecture, scheme: WeightScheme) -> Basis:
    """Exact in 16 bits and for plain dense models. Elsewhere publishers leave layers of their choice in 16 bits, kernels pad experts."""
    plain = not architecture.experts and not architecture.encoder_parameters and "hybrid" not in architecture.kinds
    return Basis.EXACT if scheme.weight_bits == 16 or plain else Basis.MODELLED


def _check_divisible(architecture: ModelArchitecture, parallelism: Parallelism) -> None:
    tensor = parallelism.tensor
    for group in architecture.layer_groups:
        mixer = group.mixer
        if mixer is None or not hasattr(mixer, "heads"):
            continue
        if mixer.heads % tensor:
            raise UserInputError(f"tensor parallel {tensor}: {architecture.name} has {mixer.heads} heads, which {tensor} does not divide")
        if isinstance(mixer, GroupedAttention) and mixer.kv_heads % tensor and tensor % mixer.kv_heads:
            raise UserInputError(f"tensor parallel {tensor}: neither divides nor is divided by the {mixer.kv_heads} key-value heads")


def _all_layers(architecture: ModelArchitecture, scheme: WeightScheme, parallelism: Parallelism) -> list[LayerWeights]:
    found: dict[int, LayerWeights] = {}
    for group in architecture.layer_groups:
        weights = _layer(group, architecture, scheme, parallelism)
        found.update(dict.fromkeys(group.layers, weights))
    return [found[index] for index in range(architecture.layers)]


def _layer(group: LayerGroup, architecture: ModelArchitecture, scheme: WeightScheme, parallelism: Parallelism) -> LayerWeights:
    dense = experts = 0
    for matrix in layer_matrices(group, architecture.hidden_size):
        size = 0 if matrix.unused else _matrix_bytes(matrix, scheme, parallelism)
        if matrix.experts:
            experts += size
        else:
            dense += size
    if isinstance(group.mixer, GroupedAttention):
        dense += scheme.attention_bytes
    if isinstance(group.mixer, Mamba2) and scheme.scale_per == "tensor" and group.mixer.groups % parallelism.tensor:
        dense -= _JOINED_SCALES * scheme.scale_bits // 8
    return LayerWeights(dense, experts)


def _tables(architecture: ModelArchitecture, scheme: WeightScheme, parallelism: Parallelism) -> tuple[int, int, int]:
    """Bytes of the embedding table, of the head (the same table when tied), and of what else is outside the layers."""
    sizes = {"token_embedding": 0, "lm_head": 0, "norms": 0}
    for matrix in table_matrices(architecture):
        sizes[matrix.role] += _matrix_bytes(matrix, scheme, parallelism)
    if architecture.tied_embeddings:
        sizes["lm_head"] = sizes["token_embedding"]
    return sizes["token_embedding"], sizes["lm_head"], sizes["norms"]


def _with_token_table(
    first: LayerWeights, architecture: ModelArchitecture, scheme: WeightScheme, parallelism: Parallelism
) -> tuple[int, LayerWeights]:
    """Bytes of the table of the layers' own embeddings, and the first layer with what every token is multiplied with before it."""
    sizes = Counter[str]()
    for matrix in token_table_matrices(architecture):
        sizes[matrix.role] += _matrix_bytes(matrix, scheme, parallelism)
    table = sizes.pop("token_embedding", 0)
    return table, LayerWeights(first.dense_bytes + sizes.total(), first.experts_bytes)


def _matrix_bytes(matrix: Matrix, scheme: WeightScheme, parallelism: Parallelism) -> int:
    """One rank's bytes of a weight over all its experts."""
    inputs, outputs, copies = rank_shape(matrix, parallelism)
    own = _own_format(matrix, scheme)
    if own == "16bit" or (own is None and not _quantised(matrix, scheme)):
        return inputs * outputs * copies * (matrix.fixed_bytes or 2)
    if own == "8bit":
        return (inputs * outputs + _F32) * copies
    if matrix.experts:
        inputs, outputs = _padded_expert(matrix, inputs, outputs, scheme.expert_width_multiple)
    weights = inputs * outputs * scheme.weight_bits / 8
    return round((weights + _scales(scheme, inputs, outputs) * (scheme.scale_bits + scheme.zero_bits) / 8) * copies)


def _own_format(matrix: Matrix, scheme: WeightScheme) -> PartFormat | None:
    """What the publisher stores this weight as, or its part of the model; None where the scheme's rule holds."""
    if matrix.role not in ("linear", "lm_head"):
        return None
    own: dict[str, PartFormat] = dict(scheme.parts)
    return own.get(matrix.name) or own.get(matrix.part)


def _padded_expert(matrix: Matrix, inputs: int, outputs: int, multiple: int) -> tuple[int, int]:
    """The inner width of an expert rounded up to what its kernel needs: outputs of gate and up, inputs of down."""
    if matrix.split == "inputs":
        return round_up(inputs, multiple), outputs
    return inputs, round_up(outputs, multiple)


def _quantised(matrix: Matrix, scheme: WeightScheme) -> bool:
    if matrix.role in ("vector", "fixed_router") or matrix.role in scheme.keeps_16bit or scheme.weight_bits == 16:
        return False
    return matrix.experts > 0 or not scheme.experts_only


def _scales(scheme: WeightScheme, inputs: int, outputs: int) -> int:
    """How many scales a matrix of this shape has."""
    match scheme.scale_per:
        case "none":
            return 0
        case "tensor":
            return 1
        case "row":
            return outputs
        case "group":
            return math.ceil(inputs / (scheme.group_size or inputs)) * math.ceil(outputs / scheme.group_rows)


def rank_shape(matrix: Matrix, parallelism: Parallelism) -> tuple[int, int, int]:
    """Inputs, outputs and copies on one rank."""
    tensor = parallelism.tensor
    inputs, outputs, copies = matrix.inputs, matrix.outputs, max(matrix.experts, 1)
    if matrix.experts and parallelism.expert:
        return inputs, outputs, math.ceil(copies / (tensor * parallelism.data))
    if matrix.role in ("token_embedding", "lm_head"):
        padded = round_up(outputs, _VOCABULARY_MULTIPLE)
        return inputs, math.ceil(padded / tensor), copies
    match matrix.split:
        case "outputs":
            return inputs, math.ceil(outputs / tensor), copies
        case "inputs":
            return math.ceil(inputs / tensor), outputs, copies
        case "kv_heads" | "state_groups":
            return inputs, outputs // matrix.heads * max(1, matrix.heads // tensor), copies
        case "whole":
            return inputs, outputs, copies
