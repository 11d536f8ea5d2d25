"""The data of safetensors tensors: random codes of each type that decode to small finite numbers, and the constants beside them."""

import math
from collections.abc import Iterator
from typing import Final, assert_never

import numpy as np
from numpy.typing import NDArray

from advisor.synthesis.hf_quantized import GROUP, WEIGHT_SPREAD
from advisor.synthesis.hf_tensors import Content, Dtype, HfTensor

Bytes = NDArray[np.uint8]
_POOL_BYTES: Final = 8 * 1024 * 1024
_DTYPES: Final = {"F16": np.float16, "F32": np.float32, "I8": np.int8, "I32": np.int32, "I64": np.int64}


class HfCodes:
    """Random data drawn once per type from `seed` and repeated: as fast as memory, and different types differ."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pools: dict[Dtype, Bytes] = {}

    def data(self, tensor: HfTensor) -> Iterator[memoryview]:
        """The bytes of a tensor in pieces of a few MiB."""
        count = math.prod(tensor.shape)
        if tensor.content != "random":
            yield _encoded(tensor.dtype, _values(tensor.content, count)).data
            return
        if tensor.dtype not in self._pools:
            self._pools[tensor.dtype] = _pool(tensor.dtype, self._seed)
        pool = self._pools[tensor.dtype]
        width = len(_encoded(tensor.dtype, np.zeros(1)))
        for start in range(0, count * width, len(pool)):
            yield pool[: min(len(pool), count * width - start)].data


def _values(content: Content, count: int) -> NDArray[np.float64]:
    match content:
        case "groups":
            return np.array(np.arange(count) // GROUP, np.float64)
        case "decay":
            return np.array(np.log(np.linspace(1.0, 8.0, count)), np.float64)
        case tuple():
            return np.array(content, np.float64)
        case int() | float():
            return np.full(count, content, np.float64)
        case "random":
            raise AssertionError("random data comes from a pool")
        case _:
            assert_never(content)


def _encoded(dtype: Dtype, values: NDArray[np.float64]) -> Bytes:
    if dtype == "BF16":  # the upper half of a 32-bit float
        return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    if dtype == "F8_E4M3":
        return values.astype(np.uint8)
    return values.astype(_DTYPES[dtype]).view(np.uint8)


def _pool(dtype: Dtype, seed: int) -> Bytes:
    random = np.random.default_rng([seed, len(dtype), ord(dtype[-1])])
    if dtype in ("BF16", "F16", "F32"):
        return _encoded(dtype, random.normal(0.0, WEIGHT_SPREAD, _POOL_BYTES // 4))
    codes: Bytes = random.integers(0, 256, _POOL_BYTES, dtype=np.uint8)
    if dtype == "F8_E4M3":  # exponents of 2^-1 and 2^0: no infinity, no NaN
        np.bitwise_and(codes, 0x8F, out=codes)
        np.bitwise_or(codes, 0x30, out=codes)
    return codes
