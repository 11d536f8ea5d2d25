"""A Hugging Face folder of a real architecture in a real quantisation: what vLLM serves, without a download.

With `--load-format dummy` the engine draws the weights itself and needs none of the folder's.
"""

import json
from pathlib import Path
from typing import Any

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.quantization import Quantization
from advisor.errors import UserInputError
from advisor.synthesis.hf_config import hf_config
from advisor.synthesis.hf_tokenizer import tokenizer_config, tokenizer_json
from advisor.synthesis.tokenizer import BOS_ID, EOS_ID


def write_hf_folder(path: Path, architecture: ModelArchitecture, *, quantization: Quantization) -> int:
    """Make the folder and write config and tokenizer; the bytes written.

    Raises UserInputError for an architecture or quantisation that no config.json can be written of, and where it cannot be written.
    """
    documents = folder_documents(architecture, quantization)
    try:
        path.mkdir(parents=True, exist_ok=True)
        return sum((path / name).write_bytes(_encoded(document)) for name, document in documents.items())
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None


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
