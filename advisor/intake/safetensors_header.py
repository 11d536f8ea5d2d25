"""The header of a safetensors file: which tensors it holds, in which types, how many bytes. The file is treated as hostile.

Layout: 8 bytes little-endian length, a JSON object of that length, then the data, whole and without holes
(https://github.com/huggingface/safetensors, README "Format").
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from advisor.errors import UserInputError

LENGTH_BYTES: Final = 8
# The format's own limit is 100 MB, which as JSON objects would fill gigabytes; a header with 100,000 tensors has 12 MB.
MOST_HEADER_BYTES: Final = 25_000_000
# type -> bits of a value (safetensors/src/tensor.rs `Dtype::bitsize`)
_BITS: Final[Mapping[str, int]] = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """Bytes of all tensors by their type, and how many there are."""

    bytes_by_type: Mapping[str, int]
    tensors: int

    @property
    def tensor_bytes(self) -> int:
        """What an engine loads."""
        return sum(self.bytes_by_type.values())


def header_length(start: bytes, *, file_bytes: int, where: str) -> int:
    """Bytes of the JSON that follows the first eight. Raises UserInputError for a length that this file cannot hold."""
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if len(start) < LENGTH_BYTES or length > file_bytes - LENGTH_BYTES:
        raise UserInputError(f"{where}: a header of {length:,} bytes cannot be in a file of {file_bytes:,}; truncated or hostile")
    if length > MOST_HEADER_BYTES:
        raise UserInputError(f"{where}: a header of {length:,} bytes; at most {MOST_HEADER_BYTES:,} are read: hostile, or no model")
    return length


def parse_header(text: bytes, *, file_bytes: int, where: str) -> SafetensorsHeader:
    """What the JSON says, held against the file's size. Raises UserInputError for every header that cannot be true."""
    try:
        header = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        why = error.args[0] if isinstance(error, _Twice) else "the header is not JSON"
        raise UserInputError(f"{where}: {why}: not a safetensors file") from None
    if not isinstance(header, dict):
        raise UserInputError(f"{where}: the header is not a JSON object: not a safetensors file")
    entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
    placed = sorted((*_placed(name, entry, where), str(name)) for name, entry in entries)
    _check_placement(placed, file_bytes - LENGTH_BYTES - len(text), where)
    sizes: Counter[str] = Counter()
    for start, end, kind, _ in placed:
        sizes[kind] += end - start
    return SafetensorsHeader(dict(sorted(sizes.items())), len(placed))


class _Twice(ValueError):
    """A key that stands twice in one object: readers differ in which one they believe."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice("a key is given twice in the header")
    return found


def _placed(name: str, entry: object, where: str) -> tuple[int, int, str]:
    """Start, end and type of one tensor, which must agree with its shape."""
    what = f"{where}: tensor {name[:80]!r}"
    given = entry if isinstance(entry, dict) else {}
    offsets, kind, shape = given.get("data_offsets"), given.get("dtype"), given.get("shape")
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(at) is int for at in offsets)):
        raise UserInputError(f"{what} has no data_offsets: not a safetensors file")
    if not isinstance(kind, str) or kind not in _BITS:
        raise UserInputError(f"{what} has type {str(kind)[:40]!r}: refused, not guessed (known: {', '.join(_BITS)})")
    if not (isinstance(shape, list) and len(shape) <= 32 and all(type(size) is int and 0 <= size < 2**63 for size in shape)):
        raise UserInputError(f"{what} has no shape of whole numbers: damaged or hostile")
    start, end = offsets
    if not 0 <= start <= end or (end - start) * 8 != math.prod(shape) * _BITS[kind]:
        raise UserInputError(f"{what} has {end - start:,} bytes, which is not what its shape and {kind} say: damaged or hostile")
    return start, end, kind


def _check_placement(placed: list[tuple[int, int, str, str]], data_bytes: int, where: str) -> None:
    """The tensors follow each other without holes and fill the file."""
    at = 0
    for start, end, _, name in placed:
        if start != at:
            between = "overlaps the one before it" if start < at else f"leaves a hole of {start - at:,} bytes before it"
            raise UserInputError(f"{where}: tensor {name[:80]!r} {between}: damaged or hostile")
        at = end
    if at > data_bytes:
        raise UserInputError(f"{where}: its tensors end at {at:,} of {data_bytes:,} bytes; the file is cut off, download it again")
    if at < data_bytes:
        raise UserInputError(f"{where}: {data_bytes - at:,} bytes lie behind its last tensor: damaged or hostile")
