"""Writes a safetensors file from a table of tensors: all of it with random weights, or sparse with none (zeros where it is read).

Layout: https://github.com/huggingface/safetensors#format: the header's length in 8 bytes, a JSON header, the data without gaps.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from advisor.synthesis.hf_tensors import HfTensor
from advisor.synthesis.whole_file import Progress, complete_or_absent

_BYTES: Final = {"BF16": 2, "F16": 2, "F32": 4, "I8": 1, "I32": 4, "I64": 8, "F8_E4M3": 1}
_ALIGNMENT: Final = 8


def size_bytes(tensor: HfTensor) -> int:
    """Bytes of its data."""
    return math.prod(tensor.shape) * _BYTES[tensor.dtype]


def write_safetensors(
    path: Path, tensors: Sequence[HfTensor], *, seed: int = 0, sparse: bool = False, progress: Progress | None = None
) -> int:
    """Write the file and return its bytes. Raises UserInputError when it cannot be written or the disk is too small."""
    header = _header(tensors)
    total_bytes = len(header) + sum(map(size_bytes, tensors))
    with complete_or_absent(path, needed_bytes=len(header) if sparse else total_bytes) as file:
        file.write(header)
        if sparse:
            file.truncate(total_bytes)
        else:
            _write_weights(file, tensors, seed=seed, report=lambda done: progress(done, total_bytes) if progress else None)
    return total_bytes


def _header(tensors: Sequence[HfTensor]) -> bytes:
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        end = offset + size_bytes(tensor)
        table[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _write_weights(file: BinaryIO, tensors: Sequence[HfTensor], *, seed: int, report: Callable[[int], None]) -> None:
    from advisor.synthesis.hf_codes import HfCodes  # numpy: only where weights are made

    codes = HfCodes(seed)
    for tensor in tensors:
        for chunk in codes.data(tensor):
            file.write(chunk)
            report(file.tell())
