"""How long a GGUF header takes beside the gguf package's reader. `python benchmarks/gguf_header.py`

The file is a made one: the vocabulary, scores and merges of a Llama-3-like tokenizer, and 292 small tensors.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter

from advisor.intake.gguf_file import read_gguf_header

VOCABULARY, MERGES, TENSORS = 128_256, 280_147, 292


def main() -> None:
    """Print both times and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write(path)
        ours, theirs = seconds(lambda: read_gguf_header(path), runs=3), seconds(lambda: GGUFReader(path), runs=1)
    print(f"header of {VOCABULARY:,} tokens and {MERGES:,} merges: ours {ours:.3f} s, gguf package {theirs:.2f} s, {theirs / ours:,.0f} x")


def write(path: Path) -> None:
    """A model file of the usual shape."""
    writer = GGUFWriter(path, "llama")
    writer.add_token_list([f"token-{index}" for index in range(VOCABULARY)])
    writer.add_token_types([1] * VOCABULARY)
    writer.add_token_merges([f"left{index} right{index}" for index in range(MERGES)])
    for index in range(TENSORS):
        writer.add_tensor(f"blk.{index}.weight", np.zeros(32, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def seconds(read: Callable[[], object], *, runs: int) -> float:
    """The fastest run."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        read()
        taken.append(time.perf_counter() - start)
    return min(taken)


if __name__ == "__main__":
    main()
