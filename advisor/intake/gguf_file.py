"""The header of a GGUF file: what it says about itself and which tensors it holds, without reading any weight.

Own reader: it knows storage types that libraries do not list yet, counts vocabularies instead of building them, and treats the
file as hostile. Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

from advisor.domain.ggml_types import GGML_TYPES, GGML_TYPES_BY_ID
from advisor.errors import UserInputError
from advisor.intake.gguf_cursor import Buffer, Cursor
from advisor.units import round_up

_MIN_PAIR_BYTES: Final = 13  # key length, type, one byte
_MIN_TENSOR_BYTES: Final = 24  # name length, dimension count, type, offset
_MAX_PAIRS: Final = 65_536
_MAX_TENSORS: Final = 262_144
_MAX_DIMENSIONS: Final = 4
_MAX_ELEMENTS: Final = 2**60
_MAX_ALIGNMENT_BYTES: Final = 65_536
_MAX_ARRAY_DEPTH: Final = 4
_KEPT_ITEMS: Final = 4_096  # longer arrays of numbers are token scores and types, never values per layer
_DEFAULT_ALIGNMENT_BYTES: Final = 32

_STRING: Final = 8
_ARRAY: Final = 9
# type id -> struct code: 8 to 64 bit integers, signed and not, 32 and 64 bit floats, bool
_NUMBERS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ArraySummary:
    """An array that was counted and not kept (a vocabulary, its scores, its merges); `len()` is its number of items."""

    count: int

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor as stored: shape in ne order (row length first), ggml type, offset into the data area, size in bytes."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says. `tensor_bytes` is what an engine loads; `file_bytes` also counts metadata and padding."""

    version: int
    alignment: int
    metadata: dict[str, Any]
    tensors: tuple[GgufTensor, ...]
    tensor_bytes: int
    file_bytes: int


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of a file. Raises UserInputError for a file that is missing, no GGUF, truncated or hostile."""
    try:
        file_bytes = path.stat().st_size
        with path.open("rb") as file:
            if file_bytes == 0:
                raise UserInputError(f"{path}: an empty file, not a GGUF")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return parse_gguf_header(data, file_bytes=file_bytes, where=str(path))
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None


def parse_gguf_header(data: Buffer, *, file_bytes: int, where: str) -> GgufHeader:
    """Read a header from the first bytes of a file of `file_bytes`. Raises UserInputError like read_gguf_header."""
    cursor = Cursor(data, file_bytes=file_bytes, where=where)
    version = _version(cursor)
    tensor_count = cursor.count("tensor count", item_bytes=_MIN_TENSOR_BYTES, most=_MAX_TENSORS)
    pair_count = cursor.count("key count", item_bytes=_MIN_PAIR_BYTES, most=_MAX_PAIRS)
    metadata = _by_name(cursor, pair_count, what="key", read=_value)
    alignment = _alignment(cursor, metadata)
    by_name = _by_name(cursor, tensor_count, what="tensor name", read=_tensor)
    tensors = tuple(GgufTensor(name, *fields) for name, fields in by_name.items())
    _check_placement(cursor, tensors, data_start=round_up(cursor.position, alignment))
    return GgufHeader(version, alignment, metadata, tensors, sum(tensor.bytes for tensor in tensors), file_bytes)


def _version(cursor: Cursor) -> int:
    if cursor.left_bytes < 4 or cursor.raw(4, "magic") != b"GGUF":
        raise UserInputError(f"{cursor.where}: does not begin with the letters GGUF: not a GGUF file")
    version = int(cursor.number("I", "version"))
    if version & 0xFFFF == 0:
        raise UserInputError(f"{cursor.where}: a big-endian GGUF: only little-endian ones are read (llama.cpp has gguf_convert_endian.py)")
    if version not in (2, 3):
        raise UserInputError(f"{cursor.where}: GGUF version {version:,} is not known (2 and 3 are): damaged, or newer than this program")
    return version


def _by_name(cursor: Cursor, count: int, *, what: str, read: Callable[[Cursor, str], T]) -> dict[str, T]:
    result: dict[str, T] = {}
    for _ in range(count):
        name = cursor.name(what)
        if name in result:
            raise UserInputError(f"{cursor.where}: {what} {name!r} is given twice: damaged or hostile")
        result[name] = read(cursor, name)
    return result


def _value(cursor: Cursor, key: str) -> Any:  # noqa: ANN401 - whatever the file holds
    kind = cursor.number("I", f"type of {key}")
    return _array(cursor, key, depth=1) if kind == _ARRAY else _single(cursor, key, kind)


def _single(cursor: Cursor, key: str, kind: int) -> Any:  # noqa: ANN401
    if kind == _STRING:
        return cursor.string(f"the text of {key}").decode("utf-8", errors="replace")
    return cursor.number(_number_code(cursor, key, kind), key)


def _number_code(cursor: Cursor, key: str, kind: int) -> str:
    if kind not in _NUMBERS:
        raise UserInputError(f"{cursor.where}: {key} has value type {kind:,}, which GGUF does not have: damaged or hostile")
    return _NUMBERS[kind]


def _array(cursor: Cursor, key: str, *, depth: int) -> Any:  # noqa: ANN401
    """Few numbers and nested arrays as tuples; strings and many numbers are counted only."""
    if depth > _MAX_ARRAY_DEPTH:
        raise UserInputError(f"{cursor.where}: {key} nests arrays deeper than {_MAX_ARRAY_DEPTH}: damaged or hostile")
    kind = cursor.number("I", f"type of {key}")
    count = int(cursor.number("Q", f"length of {key}"))
    if kind == _ARRAY:
        cursor.visit(count)
        return tuple(_array(cursor, key, depth=depth + 1) for _ in range(count))
    if kind == _STRING:
        cursor.skip_strings(count)
        return ArraySummary(count)
    code = _number_code(cursor, key, kind)
    if count <= _KEPT_ITEMS:
        return cursor.numbers(code, count)
    cursor.skip(struct.calcsize(f"<{code}") * count, f"the array {key}")
    return ArraySummary(count)


def _alignment(cursor: Cursor, metadata: dict[str, Any]) -> int:
    value = metadata.get("general.alignment", _DEFAULT_ALIGNMENT_BYTES)
    if not isinstance(value, int) or not 0 < value <= _MAX_ALIGNMENT_BYTES or value & (value - 1):
        raise UserInputError(f"{cursor.where}: general.alignment is {value!r}, expected a power of two: damaged or hostile")
    return value


def _tensor(cursor: Cursor, name: str) -> tuple[tuple[int, ...], str, int, int]:
    """Shape, type, offset and bytes of the tensor whose name was just read."""
    dimensions = int(cursor.number("I", f"dimensions of {name}"))
    if dimensions > _MAX_DIMENSIONS:
        raise cursor.hostile(f"tensor {name} with {dimensions:,} dimensions")
    shape = tuple(int(size) for size in cursor.numbers("Q", dimensions))
    type_id, offset = int(cursor.number("I", f"type of {name}")), int(cursor.number("Q", f"offset of {name}"))
    if not 0 < math.prod(shape) <= _MAX_ELEMENTS:
        raise cursor.hostile(f"tensor {name} of shape {' x '.join(f'{size:,}' for size in shape)}")
    kind = GGML_TYPES_BY_ID.get(type_id)
    if kind is None:
        known = ", ".join(GGML_TYPES)
        raise UserInputError(f"{cursor.where}: tensor {name} has storage type {type_id:,}: refused, not guessed (known: {known})")
    if (shape[0] if shape else 1) % kind.block:
        raise cursor.hostile(f"tensor {name}: a row of {shape[0] if shape else 1:,} values in {kind.name} blocks of {kind.block}")
    return shape, kind.name, offset, math.prod(shape) // kind.block * kind.bytes_per_block


def _check_placement(cursor: Cursor, tensors: tuple[GgufTensor, ...], *, data_start: int) -> None:
    """Every tensor lies inside the file and on none of its neighbours."""
    if not tensors:
        return
    placed = sorted(tensors, key=lambda tensor: tensor.offset)
    for tensor, following in pairwise(placed):
        if tensor.offset + tensor.bytes > following.offset:
            raise UserInputError(f"{cursor.where}: tensors {tensor.name} and {following.name} overlap: damaged or hostile")
    needed = data_start + placed[-1].offset + placed[-1].bytes
    if needed > cursor.file_bytes:
        raise UserInputError(
            f"{cursor.where}: {cursor.file_bytes:,} bytes, but its tensors end at byte {needed:,} "
            f"({placed[-1].name} is the last): the file is cut off, download it again"
        )
