"""The planned weights from the hub: the files of the planned quantisation at one commit, fetched once and kept."""

import re
from collections.abc import Callable
from pathlib import Path

from advisor.domain.plan import PlannedModel
from advisor.engines.places import models_folder
from advisor.errors import UserInputError
from advisor.intake.hub import HubRepository, download, list_files


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


def fetch(model: PlannedModel, *, agree: Callable[[str, int], None], progress: Callable[[int, int], None] | None = None) -> Path:
    """The first planned file, fetched where it is not there yet. `agree` is told what comes, and its bytes, before anything is fetched.

    Raises UserInputError when the hub is not reachable or refuses, and when the disk has no room.
    """
    repo_id = model.repo_id or model.id
    repository = list_files(repo_id, revision=model.revision)
    names = planned_files(repository, model)
    size_bytes = sum(file.size_bytes for file in repository.files if file.name in names)
    destination = models_folder() / repo_id.replace("/", "--") / repository.commit
    agree(f"{', '.join(names)} of {repo_id} at commit {repository.commit[:12]}", size_bytes)
    _, paths = download(repo_id, names, revision=repository.commit, destination=destination, progress=progress)
    return paths[0]
