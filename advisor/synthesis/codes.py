"""Random stored weights of every ggml type that decode to small finite numbers, so that an engine computes with them normally.

A block of a quantised type is scales plus packed codes. Any code is valid; a random scale would be infinite or not a number.
So the codes are drawn at random and each 16-bit scale is set such that the decoded weights have the wanted standard deviation.
Block structures: ggml-common.h, decoding: ggml-quants.c (llama.cpp commit 0c1e570).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from gguf.constants import GGMLQuantizationType as T
from numpy.typing import NDArray

from advisor.domain.ggml_types import GGML_TYPES
from advisor.errors import UserInputError
from advisor.synthesis.gguf_encoding import StoredTensor

Bytes = NDArray[np.uint8]

_STD: Final = 0.02  # what initialised transformers use; keeps activations and logits finite at any depth
_POOL_BYTES: Final = 8 * 1024 * 1024
_Q2_0_ID: Final = 42  # newer than the gguf library


@dataclass(frozen=True, slots=True)
class _Block:
    """Where a block holds 16-bit scales (byte offset -> multiple of the standard deviation) and which bytes are fixed."""

    scales: tuple[tuple[int, float], ...] = ()
    fixed: tuple[tuple[int, int], ...] = ()


# The multiples are 1 / (standard deviation of the decoded codes at scale 1), from the moments of uniform codes; where a block
# also holds minima, their scale centres the weights on zero.
_BLOCKS: Final = {
    T.Q1_0.value: _Block(((0, 1.0),)),
    _Q2_0_ID: _Block(((0, 1 / 1.2),)),
    T.Q4_0.value: _Block(((0, 1 / 4.6),)),
    T.Q4_1.value: _Block(((0, 1 / 4.6), (2, -7.5 / 4.6))),
    T.Q5_0.value: _Block(((0, 1 / 9.2),)),
    T.Q5_1.value: _Block(((0, 1 / 9.2), (2, -15.5 / 9.2))),
    T.Q8_0.value: _Block(((0, 1 / 74),)),
    T.Q2_K.value: _Block(((80, 1 / 14), (82, 1.5 / 14))),
    T.Q3_K.value: _Block(((108, 1 / 43),)),
    T.Q4_K.value: _Block(((0, 1 / 258), (2, 7.5 / 258))),
    T.Q5_K.value: _Block(((0, 1 / 527), (2, 15.5 / 527))),
    T.Q6_K.value: _Block(((208, 1 / 1365),)),
    T.IQ1_S.value: _Block(((0, 1 / 8),)),
    T.IQ2_XXS.value: _Block(((0, 1 / 60),)),
    T.IQ2_XS.value: _Block(((0, 1 / 60),)),
    T.IQ2_S.value: _Block(((0, 1 / 60),)),
    T.IQ3_XXS.value: _Block(((0, 1 / 120),)),
    T.IQ3_S.value: _Block(((0, 1 / 140),)),
    T.IQ4_NL.value: _Block(((0, 1 / 72),)),
    T.IQ4_XS.value: _Block(((0, 1 / 1330),)),
    T.TQ1_0.value: _Block(((52, 1.0),)),
    T.TQ2_0.value: _Block(((64, 1.0),)),
    T.MXFP4.value: _Block(fixed=((0, 120),)),  # a shared exponent; 120 stands for 2^-8
    T.NVFP4.value: _Block(fixed=((0, 4), (1, 4), (2, 4), (3, 4))),  # four unsigned 8-bit floats; 4 stands for 2^-8
    T.IQ1_M.value: _Block(),  # its scale is spread over four half bytes, see _spread_scale
}


class RandomCodes:
    """Stored weights drawn once per type from `seed` and repeated: as fast as memory, and different types differ."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pools: dict[str, Bytes] = {}

    def weights(self, tensor: StoredTensor) -> Iterator[memoryview]:
        """The bytes of a tensor in pieces of a few MiB: neutral where a random value would break the model, random elsewhere."""
        neutral = _neutral(tensor)
        if neutral is not None:
            yield neutral.astype(np.float32).data
            return
        if tensor.type not in self._pools:
            self._pools[tensor.type] = _pool(tensor.type, self._seed)
        pool = self._pools[tensor.type].data
        for start in range(0, tensor.size_bytes, len(pool)):
            yield pool[: min(len(pool), tensor.size_bytes - start)]


def _neutral(tensor: StoredTensor) -> NDArray[np.float64] | None:
    """Norms and other gains are 1, biases 0, decay rates negative; None for a matrix of weights."""
    count = math.prod(tensor.shape)
    if GGML_TYPES[tensor.type].id != T.F32.value:
        return None
    if tensor.name.endswith(".ssm_a"):
        return np.linspace(-1.0, -8.0, count)
    if tensor.name.endswith(".bias"):
        return np.zeros(count)
    is_gain = len(tensor.shape) == 1 or tensor.name.endswith((".ssm_d", "norm.weight"))
    return np.ones(count) if is_gain else None


def _pool(type_name: str, seed: int) -> Bytes:
    kind = GGML_TYPES[type_name]
    random = np.random.default_rng([seed, kind.id])
    blocks = _POOL_BYTES // kind.bytes_per_block
    if kind.block == 1:
        return _unquantized(type_name, random.normal(0.0, _STD, blocks).astype(np.float32))
    if kind.id not in _BLOCKS:
        raise UserInputError(f"no random weights can be made for storage type {type_name}")
    pool = random.integers(0, 256, (blocks, kind.bytes_per_block), dtype=np.uint8)
    for offset, multiple in _BLOCKS[kind.id].scales:
        pool[:, offset : offset + 2] = _half(multiple * _STD)
    for offset, value in _BLOCKS[kind.id].fixed:
        pool[:, offset] = value
    if kind.id == T.IQ1_M.value:
        _spread_scale(pool, first_byte=49, scale=_STD / 7)
    return pool.reshape(-1)


def _unquantized(type_name: str, weights: NDArray[np.float32]) -> Bytes:
    kind = GGML_TYPES[type_name].id
    if kind == T.F32.value:
        return weights.view(np.uint8)
    if kind == T.F16.value:
        return weights.astype(np.float16).view(np.uint8)
    if kind == T.BF16.value:  # the upper half of a 32-bit float
        return (weights.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    raise UserInputError(f"no random weights can be made for storage type {type_name}")


def _half(value: float) -> Bytes:
    return np.array([value], np.float16).view(np.uint8)


def _spread_scale(pool: Bytes, *, first_byte: int, scale: float) -> None:
    """Put the four half bytes of a 16-bit scale into the upper halves of every second byte."""
    bits = int(np.array([scale], np.float16).view(np.uint16)[0])
    for index in range(4):
        column = first_byte + 2 * index
        pool[:, column] = (pool[:, column] & 0x0F) | ((bits >> (4 * index)) & 0xF) << 4
