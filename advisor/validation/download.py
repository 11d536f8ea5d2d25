"""The planned weights from the hub: a GGUF file, or the folder that vLLM loads, at one commit, fetched once and kept.

Of a folder come its safetensors, and the small files beside them that configure model and tokenizer. No code is fetched, and no pickle.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from advisor.domain.plan import PlannedModel
from advisor.engines.places import models_folder
from advisor.errors import UserInputError
from advisor.intake.hub import HubFile, HubRepository, download, list_files

_BESIDE_WEIGHTS: Final = frozenset({".json", ".jinja", ".txt", ".model", ".tiktoken"})
_WEIGHTS: Final = ".safetensors"
_SECOND_COPY: Final = "consolidated"  # the same weights once more, in the layout of Mistral's own programs
_CONFIG: Final = "config.json"
Agree = Callable[[str, int, int], None]
Progress = Callable[[int, int], None]


def planned_files(repository: HubRepository, model: PlannedModel) -> tuple[str, ...]:
    """The files that the plan names, else the GGUF of its quantisation with all its parts. Raises UserInputError when there is none."""
    if model.files:
        return model.files
    word = re.compile(rf"(^|[-._/]){re.escape(model.quantization)}([-./]|$)", re.IGNORECASE)
    held = sorted(file.name for file in repository.files if file.name.endswith(".gguf"))
    found = tuple(name for name in held if word.search(name))
    if not found:
        others = f"; it holds {', '.join(held[:5])}" if held else ""
        raise UserInputError(
            f"{repository.repo_id}: no GGUF of {model.quantization} at commit {repository.commit[:12]}{others}. Make one with "
            "llama-quantize and give --model FILE, or take --synthetic"
        )
    return found


def folder_files(repository: HubRepository, model: PlannedModel) -> tuple[str, ...]:
    """What vLLM loads: the safetensors that the plan names, else all of the top folder, and what configures them.

    Raises UserInputError where there are no safetensors, or no config.json.
    """
    top = [file.name for file in repository.files if "/" not in file.name]
    weights = model.files or tuple(_weights(top))
    if not weights or _CONFIG not in top:
        lacking = _CONFIG if weights else "safetensors"
        raise UserInputError(
            f"{repository.repo_id}: no {lacking} at commit {repository.commit[:12]}: give --model FOLDER, or take --synthetic"
        )
    return (*weights, *sorted(name for name in top if PurePosixPath(name).suffix in _BESIDE_WEIGHTS))


def _weights(names: Sequence[str]) -> Iterator[str]:
    held = sorted(name for name in names if name.endswith(_WEIGHTS))
    first = [name for name in held if not name.startswith(_SECOND_COPY)]
    yield from first or held


def fetch(model: PlannedModel, *, agree: Agree, progress: Progress | None = None) -> Path:
    """The first planned file of a GGUF, fetched where it is not there yet.

    `agree` is told what comes, its bytes, and how many of them are weights, before anything is fetched. Raises UserInputError when the
    hub is not reachable or refuses, and when the disk has no room.
    """
    return _fetch(model, planned_files, agree, progress)[0]


def fetch_folder(model: PlannedModel, *, agree: Agree, progress: Progress | None = None) -> Path:
    """The folder of safetensors that vLLM loads; as `fetch`."""
    return _fetch(model, folder_files, agree, progress)[0].parent


def _fetch(
    model: PlannedModel, choose: Callable[[HubRepository, PlannedModel], tuple[str, ...]], agree: Agree, progress: Progress | None
) -> tuple[Path, ...]:
    repo_id = model.repo_id or model.id
    repository = list_files(repo_id, revision=model.revision)
    names = choose(repository, model)
    wanted = [file for file in repository.files if file.name in names]
    weights = [file for file in wanted if PurePosixPath(file.name).suffix in (_WEIGHTS, ".gguf")]
    destination = models_folder() / repo_id.replace("/", "--") / repository.commit
    agree(_words(repository, weights, others=len(wanted) - len(weights)), _bytes(wanted), _bytes(weights))
    return download(repo_id, names, revision=repository.commit, destination=destination, progress=progress)[1]


def _words(repository: HubRepository, weights: Sequence[HubFile], *, others: int) -> str:
    """`a.safetensors and 6 small files of org/model at commit 0123456789ab`."""
    named = ", ".join(file.name for file in weights) if len(weights) <= 3 else f"{len(weights)} files from {weights[0].name} on"
    beside = f" and {others} small file{'s' if others > 1 else ''}" if others else ""
    return f"{named}{beside} of {repository.repo_id} at commit {repository.commit[:12]}"


def _bytes(files: Sequence[HubFile]) -> int:
    return sum(file.size_bytes for file in files)
