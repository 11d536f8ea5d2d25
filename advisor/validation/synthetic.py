"""A model with the planned tensors and made-up numbers: same bytes, same memory, same speed, no download. Its text is nonsense.

A GGUF file for llama.cpp, a Hugging Face folder for vLLM; made once and kept.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.quantization import Quantization
from advisor.engines.install import whole_or_nothing
from advisor.engines.places import models_folder
from advisor.synthesis.gguf import write_gguf
from advisor.synthesis.hf_folder import FolderWeights, write_hf_folder

_SEED: Final = 1


def synthetic_path(architecture: ModelArchitecture, quantization: Quantization) -> Path:
    """Where the file of these tensors lies or will lie."""
    return models_folder() / f"{_name(architecture, quantization)}.gguf"


def synthetic_folder(architecture: ModelArchitecture, quantization: Quantization, *, weights: FolderWeights = "none") -> Path:
    """Where the Hugging Face folder of this model lies or will lie."""
    return models_folder() / f"{_name(architecture, quantization)}-{weights}"


def _name(architecture: ModelArchitecture, quantization: Quantization) -> str:
    described = json.dumps([asdict(architecture), asdict(quantization), _SEED], sort_keys=True, default=str)
    digest = hashlib.sha256(described.encode()).hexdigest()[:12]
    return f"{architecture.name}-{quantization.id}-{digest}"


def make_synthetic(
    architecture: ModelArchitecture, quantization: Quantization, *, progress: Callable[[int, int], None] | None = None
) -> Path:
    """The file, written now or before. Raises UserInputError when the disk has no room; a failure or Ctrl-C leaves nothing."""
    path = synthetic_path(architecture, quantization)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_gguf(path, architecture, quantization, seed=_SEED, progress=progress)
    return path


def make_synthetic_folder(
    architecture: ModelArchitecture,
    quantization: Quantization,
    *,
    weights: FolderWeights = "none",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The folder, written now or before; without weights it is for `--load-format dummy`.

    Raises UserInputError when the disk has no room or this model cannot be written; a failure or Ctrl-C leaves nothing.
    """
    folder = synthetic_folder(architecture, quantization, weights=weights)
    if not folder.exists():
        with whole_or_nothing(folder) as partial:
            write_hf_folder(partial, architecture, quantization=quantization, weights=weights, seed=_SEED, progress=progress)
    return folder
