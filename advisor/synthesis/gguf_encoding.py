"""The bytes of a GGUF header: metadata pairs and tensor table. Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from advisor.domain.ggml_types import GGML_TYPES, tensor_bytes
from advisor.units import round_up

ALIGNMENT_BYTES: Final = 32
_VERSION: Final = 3
_STRING: Final = 8
_ARRAY: Final = 9

Value = bool | int | float | str | Sequence[bool] | Sequence[int] | Sequence[float] | Sequence[str]


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor to write: shape in ne order (row length first) and the ggml type it is stored as."""

    name: str
    shape: tuple[int, ...]
    type: str

    @property
    def size_bytes(self) -> int:
        """Bytes of its data, without padding."""
        return tensor_bytes(self.type, self.shape)


def padded(size_bytes: int) -> int:
    """The size up to the next aligned byte."""
    return round_up(size_bytes, ALIGNMENT_BYTES)


def encode_header(metadata: Mapping[str, Value], tensors: Sequence[StoredTensor]) -> bytes:
    """Everything before the tensor data, padded to where the data starts."""
    parts = [b"GGUF", struct.pack("<IQQ", _VERSION, len(tensors), len(metadata))]
    for key, value in metadata.items():
        parts += (_text(key), _typed(value))
    offset = 0
    for tensor in tensors:
        dimensions = len(tensor.shape)
        location = struct.pack("<IQ", GGML_TYPES[tensor.type].id, offset)
        parts += (_text(tensor.name), struct.pack(f"<I{dimensions}Q", dimensions, *tensor.shape), location)
        offset += padded(tensor.size_bytes)
    header = b"".join(parts)
    return header.ljust(padded(len(header)), b"\0")


def _text(text: str) -> bytes:
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def _typed(value: Value) -> bytes:
    """A value behind the number of its type: bool 7, uint32 4, int32 5, float32 6, string 8, array 9."""
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    if isinstance(value, bool | int | float):
        kind, code = (4, "I") if type(value) is int and value >= 0 else _number_type([value])
        return struct.pack(f"<I{code}", kind, value)
    return struct.pack("<I", _ARRAY) + _items(value)


def _items(items: Sequence[bool] | Sequence[int] | Sequence[float] | Sequence[str]) -> bytes:
    texts = [item for item in items if isinstance(item, str)]
    if texts:
        return struct.pack("<IQ", _STRING, len(texts)) + b"".join(map(_text, texts))
    numbers = [item for item in items if not isinstance(item, str)]
    kind, code = _number_type(numbers)
    return struct.pack(f"<IQ{len(numbers)}{code}", kind, len(numbers), *numbers)


def _number_type(numbers: Iterable[bool | int | float]) -> tuple[int, str]:
    kinds = {type(number) for number in numbers}
    if kinds == {bool}:
        return 7, "?"
    return (6, "f") if float in kinds else (5, "i")  # llama.cpp reads whole numbers of an array as signed
