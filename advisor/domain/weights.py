"""Weight bytes by what they are used for: the one shape that memory, step time and placement share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from advisor.domain.kernels import Matrices
from advisor.domain.quantity import Basis


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer: `experts_bytes` are all routed experts, `dense_bytes` the rest (attention, norms, router, shared experts)."""

    dense_bytes: int
    experts_bytes: int


@dataclass(frozen=True, slots=True)
class WeightBytes:
    """All weights of a checkpoint as the engine holds them (vLLM: of one rank).

    `token_embedding_bytes` are the lookup tables, `output_bytes` the head that is read for each step; when `tied` it is one of the
    tables, counted once in `total_bytes`. `other_bytes` is what is in neither a layer nor a table (final norm, per-layer tables).
    """

    layers: tuple[LayerWeights, ...]
    token_embedding_bytes: int
    output_bytes: int
    other_bytes: int
    tied: bool
    basis: Basis
    source: str
    repackable_bytes: int = 0  # of the layers' tensors, those that llama.cpp copies into a CPU layout (Q4_0, Q4_K, IQ4_NL on AVX2)
    matrices: tuple[Matrices, ...] = ()  # of a GGUF file: what a step multiplies by, layers and head
    adapters: tuple[int, ...] = ()  # bytes of LoRA adapters that llama.cpp loads beside each layer; empty without any
    dense_until: tuple[int, ...] = field(init=False, repr=False, compare=False)  # dense bytes of the first 0, 1, 2 … layers
    experts_until: tuple[int, ...] = field(init=False, repr=False, compare=False)  # the experts' likewise

    def __post_init__(self) -> None:
        object.__setattr__(self, "dense_until", _running(layer.dense_bytes for layer in self.layers))
        object.__setattr__(self, "experts_until", _running(layer.experts_bytes for layer in self.layers))

    @property
    def total_bytes(self) -> int:
        """Every tensor once."""
        tables = self.token_embedding_bytes + (0 if self.tied else self.output_bytes)
        return tables + self.other_bytes + self.layers_bytes

    @property
    def layers_bytes(self) -> int:
        """What is in layers."""
        return self.dense_until[-1] + self.experts_until[-1]


def _running(sizes: Iterable[int]) -> tuple[int, ...]:
    return tuple(accumulate(sizes, initial=0))
