"""ggml storage types: how many bytes a row of weights takes in a GGUF file and in memory. Format definitions, not catalog data.

Block sizes as in ggml-common.h (llama.cpp b11549, commit 0c1e570); identifiers as in ggml.h.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from advisor.errors import UserInputError


@dataclass(frozen=True, slots=True)
class GgmlType:
    """One storage type: `block` weights share `bytes_per_block` bytes; `id` is the number that GGUF headers hold."""

    name: str
    id: int
    block: int
    bytes_per_block: int


_ROWS: Final = (
    GgmlType("F32", 0, 1, 4),
    GgmlType("F16", 1, 1, 2),
    GgmlType("Q4_0", 2, 32, 18),
    GgmlType("Q4_1", 3, 32, 20),
    GgmlType("Q5_0", 6, 32, 22),
    GgmlType("Q5_1", 7, 32, 24),
    GgmlType("Q8_0", 8, 32, 34),
    GgmlType("Q2_K", 10, 256, 84),
    GgmlType("Q3_K", 11, 256, 110),
    GgmlType("Q4_K", 12, 256, 144),
    GgmlType("Q5_K", 13, 256, 176),
    GgmlType("Q6_K", 14, 256, 210),
    GgmlType("IQ2_XXS", 16, 256, 66),
    GgmlType("IQ2_XS", 17, 256, 74),
    GgmlType("IQ3_XXS", 18, 256, 98),
    GgmlType("IQ1_S", 19, 256, 50),
    GgmlType("IQ4_NL", 20, 32, 18),
    GgmlType("IQ3_S", 21, 256, 110),
    GgmlType("IQ2_S", 22, 256, 82),
    GgmlType("IQ4_XS", 23, 256, 136),
    GgmlType("I8", 24, 1, 1),
    GgmlType("I16", 25, 1, 2),
    GgmlType("I32", 26, 1, 4),
    GgmlType("I64", 27, 1, 8),
    GgmlType("F64", 28, 1, 8),
    GgmlType("IQ1_M", 29, 256, 56),
    GgmlType("BF16", 30, 1, 2),
    GgmlType("TQ1_0", 34, 256, 54),
    GgmlType("TQ2_0", 35, 256, 66),
    GgmlType("MXFP4", 39, 32, 17),
    GgmlType("NVFP4", 40, 64, 36),
    GgmlType("Q1_0", 41, 128, 18),
    GgmlType("Q2_0", 42, 64, 18),
)
GGML_TYPES: Final = MappingProxyType({row.name: row for row in _ROWS})
GGML_TYPES_BY_ID: Final = MappingProxyType({row.id: row for row in _ROWS})


def ggml_type(name: str) -> GgmlType:
    """The storage type of this name, whatever its case (`q8_0`, `Q8_0`). Raises UserInputError for an unknown one."""
    found = GGML_TYPES.get(name.upper())
    if found is None:
        raise UserInputError(f"{name}: not a ggml storage type; known: {', '.join(GGML_TYPES)}")
    return found


def row_bytes(name: str, elements: int) -> int:
    """Bytes of one row. Raises UserInputError when `elements` is not a multiple of the type's block."""
    storage = ggml_type(name)
    if elements % storage.block:
        raise UserInputError(f"a row of {elements} weights cannot be stored as {storage.name}: its blocks hold {storage.block}")
    return elements // storage.block * storage.bytes_per_block


def tensor_bytes(name: str, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor in ne order (`shape[0]` is the row length), without the padding to the file's alignment."""
    rows = 1
    for extent in shape[1:]:
        rows *= extent
    return row_bytes(name, shape[0]) * rows
