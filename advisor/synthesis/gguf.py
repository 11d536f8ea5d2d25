"""A GGUF file of a real architecture in a real quantisation, with random weights: the engine computes with it as with the original.

Shapes, storage types and bytes are those that llama-quantize would write; only the answers mean nothing. So weights, memory and speed
can be proved without a download, and with `sparse` the engine can be asked for the memory of any model on any machine.
"""

from pathlib import Path
from typing import Final

from advisor.architectures.tensors import gguf_tensors
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.quantization import Quantization
from advisor.estimate.gguf_mixing import tensor_types
from advisor.synthesis.gguf_encoding import StoredTensor, Value
from advisor.synthesis.gguf_metadata import gguf_metadata
from advisor.synthesis.gguf_writer import write_tensors
from advisor.synthesis.tokenizer import byte_tokenizer, no_tokenizer
from advisor.synthesis.whole_file import Progress

_QUANTIZATION_VERSION: Final = 2  # ggml's version of the quantised formats


def write_gguf(
    path: Path,
    architecture: ModelArchitecture,
    quantization: Quantization,
    *,
    imatrix: bool = False,
    seed: int = 0,
    sparse: bool = False,
    tokenizer: bool | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the file and return its bytes. `sparse` writes no weights and takes a few kilobytes of disk, whatever the model.

    A `tokenizer` is what a server needs to speak; not said, a sparse file has none.

    Raises UserInputError for an architecture or quantisation that llama.cpp has no file of, and for a full disk.
    """
    types = tensor_types(architecture, quantization, imatrix=imatrix)
    tensors = [StoredTensor(tensor.name, tensor.shape, types[tensor.name]) for tensor in gguf_tensors(architecture)]
    speaks = not sparse if tokenizer is None else tokenizer
    words = byte_tokenizer(architecture.vocab_size) if speaks else no_tokenizer()
    metadata = gguf_metadata(architecture) | _file_type(quantization) | words
    return write_tensors(path, metadata, tensors, seed=seed, sparse=sparse, progress=progress)


def _file_type(quantization: Quantization) -> dict[str, Value]:
    """What the file calls its quantisation; without it llama.cpp guesses from the commonest storage type."""
    number = quantization.mix.file_type if quantization.mix else None
    return {} if number is None else {"general.file_type": number, "general.quantization_version": _QUANTIZATION_VERSION}
