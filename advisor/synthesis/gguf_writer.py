"""Writes a GGUF file from a header and a table of tensors: all of it with random weights, or sparse with none.

A sparse file has its true header and length but occupies a few kilobytes: enough for an engine that sizes memory without loading.
Files appear under their name only when complete; an interrupted run leaves nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from advisor.synthesis.gguf_encoding import StoredTensor, Value, encode_header, padded
from advisor.synthesis.whole_file import Progress, complete_or_absent


def write_tensors(
    path: Path,
    metadata: Mapping[str, Value],
    tensors: Sequence[StoredTensor],
    *,
    seed: int = 0,
    sparse: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the file and return its bytes. Raises UserInputError when it cannot be written or the disk is too small."""
    header = encode_header(metadata, tensors)
    total_bytes = len(header) + sum(padded(tensor.size_bytes) for tensor in tensors)
    with complete_or_absent(path, needed_bytes=len(header) if sparse else total_bytes) as file:
        file.write(header)
        if sparse:
            file.truncate(total_bytes)
        else:
            _write_weights(file, tensors, seed=seed, report=lambda done: progress(done, total_bytes) if progress else None)
    return total_bytes


def _write_weights(file: BinaryIO, tensors: Sequence[StoredTensor], *, seed: int, report: Callable[[int], None]) -> None:
    from advisor.synthesis.codes import RandomCodes  # numpy: only where weights are made

    codes = RandomCodes(seed)
    for tensor in tensors:
        for chunk in codes.weights(tensor):
            file.write(chunk)
            report(file.tell())
        file.write(bytes(padded(tensor.size_bytes) - tensor.size_bytes))
