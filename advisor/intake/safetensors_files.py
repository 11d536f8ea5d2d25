"""Tensor bytes of local safetensors files, from their headers alone. Files are treated as untrusted.

Layout: 8 bytes little-endian length, a JSON object of that length, then the data (https://github.com/huggingface/safetensors).
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from advisor.errors import UserInputError

_MOST_HEADER_BYTES: Final = 100_000_000  # the format's own limit


def tensor_bytes(paths: Iterable[Path]) -> int:
    """The sum over all tensors of the files. Raises UserInputError for a file that is truncated, hostile or not safetensors."""
    return sum(_file_bytes(path) for path in paths)


def _file_bytes(path: Path) -> int:
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(size_bytes - 8, _MOST_HEADER_BYTES):
                raise UserInputError(f"{path}: a header of {length:,} bytes cannot be in a file of {size_bytes:,}; truncated or hostile")
            header = json.loads(file.read(length))
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UserInputError(f"{path}: the header is not JSON: not a safetensors file") from None
    return _sum(header, size_bytes - 8 - length, path)


def _sum(header: object, data_bytes: int, path: Path) -> int:
    total = 0
    entries = header.items() if isinstance(header, dict) else ()
    for name, entry in entries:
        if name == "__metadata__":
            continue
        offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
        if not (isinstance(offsets, list) and len(offsets) == 2 and all(isinstance(at, int) for at in offsets)):
            raise UserInputError(f"{path}: tensor {name[:80]!r} has no data_offsets: not a safetensors file")
        if not 0 <= offsets[0] <= offsets[1] <= data_bytes:
            raise UserInputError(f"{path}: tensor {name[:80]!r} ends at {offsets[1]:,} of {data_bytes:,} bytes; truncated or hostile")
        total += offsets[1] - offsets[0]
    return total
