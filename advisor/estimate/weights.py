"""Weight bytes of a checkpoint as the engine holds them, by layer and use."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Final

from advisor.architectures.tensors import Tensor, gguf_tensors
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.engine import Parallelism
from advisor.domain.ggml_types import tensor_bytes
from advisor.domain.kernels import Matrices
from advisor.domain.model import Checkpoint
from advisor.domain.quantity import Basis
from advisor.domain.quantization import Quantization
from advisor.domain.weights import LayerWeights, WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.gguf_mixing import tensor_types
from advisor.estimate.safetensors_bytes import rank_weights

# llama.cpp copies layer tensors of these types into a layout of its own on CPUs with AVX2 (ggml/src/ggml-cpu/repack.cpp)
_REPACKED_TYPES: Final = frozenset({"Q4_0", "Q4_K", "IQ4_NL"})


def gguf_weights(architecture: ModelArchitecture, quantization: Quantization, *, imatrix: bool = False) -> WeightBytes:
    """Tensor bytes of the file that llama-quantize makes of this architecture, without the file's header and padding."""
    types = tensor_types(architecture, quantization, imatrix=imatrix)
    sized = [(tensor, tensor_bytes(types[tensor.name], tensor.shape)) for tensor in gguf_tensors(architecture)]
    by_name = {tensor.name: size for tensor, size in sized}
    output = by_name["token_embd.weight" if architecture.tied_embeddings else "output.weight"]
    layers = _layers(sized, architecture.layers)
    table = sum(size for tensor, size in sized if tensor.role == "token_embd")
    other = sum(size for tensor, size in sized if tensor.layer is None and tensor.role not in ("token_embd", "output"))
    source = f"llama-quantize's rules for {quantization.id}{' with an importance matrix' if imatrix else ''}, tensor by tensor"
    repacked = sum(size for tensor, size in sized if tensor.layer is not None and types[tensor.name] in _REPACKED_TYPES)
    matrices = _matrices(architecture, types)
    return WeightBytes(layers, table, output, other, architecture.tied_embeddings, Basis.EXACT, source, repacked, matrices)


def _matrices(architecture: ModelArchitecture, types: Mapping[str, str]) -> tuple[Matrices, ...]:
    """By storage type: the layers' and the head, which of tied models is the embedding table."""
    weights, rows = Counter[str](), Counter[str]()
    for tensor in gguf_tensors(architecture):
        if tensor.quantizable and (tensor.role != "token_embd" or architecture.tied_embeddings):
            weights[types[tensor.name]] += tensor.elements
            rows[types[tensor.name]] += tensor.elements // tensor.shape[0]
    return tuple(Matrices(name, count, rows[name]) for name, count in weights.items())


def _layers(sized: list[tuple[Tensor, int]], count: int) -> tuple[LayerWeights, ...]:
    dense, experts = [0] * count, [0] * count
    for tensor, size in sized:
        if tensor.layer is not None and tensor.layer < count:
            (experts if tensor.is_expert else dense)[tensor.layer] += size
    return tuple(LayerWeights(*pair) for pair in zip(dense, experts, strict=True))


def safetensors_weights(architecture: ModelArchitecture, quantization: Quantization, *, parallelism: Parallelism) -> WeightBytes:
    """Weights of one rank (of the heaviest pipeline stage) as vLLM creates them. Raises UserInputError when they cannot be divided."""
    if quantization.scheme is None:
        raise UserInputError(f"{quantization.id}: not a safetensors scheme: vLLM does not load it")
    return rank_weights(architecture, quantization.scheme, parallelism=parallelism, source=f"vLLM's parameter shapes for {quantization.id}")


def checkpoint_weights(
    architecture: ModelArchitecture, checkpoint: Checkpoint, quantization: Quantization, *, parallelism: Parallelism
) -> WeightBytes:
    """Weights of this checkpoint: computed, then scaled to the published bytes where those were read from the files."""
    if checkpoint.format == "gguf":
        computed = whole = gguf_weights(architecture, quantization, imatrix=checkpoint.imatrix)
    else:
        own = as_published(quantization, checkpoint)
        computed = safetensors_weights(architecture, own, parallelism=parallelism)
        whole = computed if checkpoint.weights_bytes is None else safetensors_weights(architecture, own, parallelism=Parallelism())
    if checkpoint.weights_bytes is None or checkpoint.weights_bytes == whole.total_bytes:
        return computed
    return _scaled(computed, checkpoint.weights_bytes, whole.total_bytes, source=checkpoint.source or checkpoint.repo_id)


def as_published(quantization: Quantization, checkpoint: Checkpoint) -> Quantization:
    """The quantisation as this checkpoint's publisher applied it."""
    if quantization.scheme is None or not (checkpoint.parts or checkpoint.group_size):
        return quantization
    group_size = checkpoint.group_size or quantization.scheme.group_size
    scheme = dataclasses.replace(quantization.scheme, parts=checkpoint.parts, group_size=group_size)
    return dataclasses.replace(quantization, scheme=scheme)


def _scaled(weights: WeightBytes, published_bytes: int, computed_bytes: int, *, source: str) -> WeightBytes:
    """Every part in the proportion of published to computed bytes; what rounding leaves goes to the parts outside layers."""
    total = round(weights.total_bytes * published_bytes / computed_bytes)

    def part(size: int) -> int:
        return size * published_bytes // computed_bytes

    layers = tuple(LayerWeights(part(layer.dense_bytes), part(layer.experts_bytes)) for layer in weights.layers)
    draft = dataclasses.replace(
        weights,
        layers=layers,
        token_embedding_bytes=part(weights.token_embedding_bytes),
        output_bytes=part(weights.output_bytes),
        other_bytes=part(weights.other_bytes),
        repackable_bytes=part(weights.repackable_bytes),
        source=f"{source}: {published_bytes:,} bytes in the files, split as computed",
    )
    return dataclasses.replace(draft, other_bytes=draft.other_bytes + total - draft.total_bytes)
