"""A Hugging Face folder of a real architecture in a real quantisation: what vLLM serves, without a download.

With `--load-format dummy` the engine draws the weights itself and needs none of the folder's; where its loader must work, as for
formats whose random bits would be no numbers, real tensors are written.
"""

import json
from pathlib import Path
from typing import Any, Literal

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.quantization import Quantization
from advisor.errors import UserInputError
from advisor.synthesis.hf_config import hf_config
from advisor.synthesis.hf_quantized import stored_tensors
from advisor.synthesis.hf_tensors import hf_tensors
from advisor.synthesis.hf_tokenizer import tokenizer_config, tokenizer_json
from advisor.synthesis.safetensors_writer import write_safetensors
from advisor.synthesis.tokenizer import BOS_ID, EOS_ID
from advisor.synthesis.whole_file import Progress

FolderWeights = Literal["none", "random", "sparse"]


def write_hf_folder(
    path: Path,
    architecture: ModelArchitecture,
    *,
    quantization: Quantization,
    weights: FolderWeights = "none",
    seed: int = 0,
    progress: Progress | None = None,
) -> int:
    """Make the folder and write config, tokenizer and weights; the bytes written (of sparse weights: their length).

    `random` weights are real tensors in the format's own layout; `sparse` ones take no disk and read as zeros: the engine's work is
    the same, but every answer is one token and routers choose the same experts. Raises UserInputError for an architecture or
    quantisation that cannot be written, and where the disk has no room.
    """
    documents = folder_documents(architecture, quantization)
    tensors = tuple(stored_tensors(hf_tensors(architecture), quantization)) if weights != "none" else ()
    try:
        path.mkdir(parents=True, exist_ok=True)
        written_bytes = sum((path / name).write_bytes(_encoded(document)) for name, document in documents.items())
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
    if tensors:
        file = path / "model.safetensors"
        written_bytes += write_safetensors(file, tensors, seed=seed, sparse=weights == "sparse", progress=progress)
    return written_bytes


def folder_documents(architecture: ModelArchitecture, quantization: Quantization) -> dict[str, dict[str, Any]]:
    """The folder's JSON files by name."""
    if not quantization.config_json:
        raise UserInputError(f"{quantization.id}: the catalog does not say how a config.json states it, so no folder in it can be written")
    return {
        "config.json": hf_config(architecture) | quantization.config_json,
        "generation_config.json": {"bos_token_id": BOS_ID, "eos_token_id": EOS_ID},
        "tokenizer.json": tokenizer_json(architecture.vocab_size),
        "tokenizer_config.json": tokenizer_config(architecture.max_context_tokens),
    }


def _encoded(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
