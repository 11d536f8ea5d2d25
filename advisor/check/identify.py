"""Which model of the catalog a manifest serves, and in which format: from what is written, never from a likeness of names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from advisor.catalog.catalog import Catalog
from advisor.catalog.lookup import plain
from advisor.domain.model import Checkpoint, Model
from advisor.errors import UserInputError
from advisor.manifests.found import FoundDeployment

_NAME_FLAGS = ("served-model-name", "alias", "a")


@dataclass(frozen=True, slots=True)
class Identified:
    """The model and, where it could be told, its format."""

    model: Model
    quantization: str | None


def identify(found: FoundDeployment, catalog: Catalog) -> Identified | None:
    """The model that a manifest names by id, alias, repository, folder or file; None where the catalog knows none of them."""
    for name in _names(found):
        model, checkpoint = _known(name, catalog)
        if model is not None:
            stated = found.identity.get("quantization")
            return Identified(model, stated or (checkpoint.quantization if checkpoint else None) or _in_name(found, model, catalog))
    return None


def same_model(found: FoundDeployment, names: Iterator[str] | tuple[str, ...]) -> bool:
    """True when the path or id of the manifest ends in one of these names; an unreadable one is no contradiction."""
    if found.model is None:
        return True
    written = plain(PurePosixPath(found.model.text).name)
    return any(plain(PurePosixPath(name).name) == written for name in names)


def _names(found: FoundDeployment) -> Iterator[str]:
    if "model" in found.identity:
        yield found.identity["model"]
    if found.model is not None:
        repository = found.model.text.partition(":")[0]
        yield repository
        yield PurePosixPath(repository).name
    flag = found.flag(*_NAME_FLAGS)
    if flag is not None and isinstance(flag.value, str):
        yield flag.value


def _known(name: str, catalog: Catalog) -> tuple[Model | None, Checkpoint | None]:
    wanted = plain(name)
    for model in catalog.models.values():
        for checkpoint in model.checkpoints:
            repository = plain(checkpoint.repo_id)
            if wanted in (repository, repository.rsplit("/", 1)[-1], *(plain(PurePosixPath(file).name) for file in checkpoint.files)):
                return model, checkpoint
    try:
        return catalog.model(name), None
    except UserInputError:
        pass
    stem = wanted.removesuffix(".gguf").removesuffix("-gguf").rsplit("/", 1)[-1]
    for model in catalog.models.values():
        short = plain(model.id.rsplit("/", 1)[-1])
        if stem == short or (wanted != stem and _without_format(stem, catalog) == short):
            return model, None
    return None, None


def _without_format(stem: str, catalog: Catalog) -> str:
    for name in sorted(catalog.quantizations, key=len, reverse=True):
        for separator in ("-", "."):
            if stem.endswith(separator + plain(name)):
                return stem.removesuffix(separator + plain(name))
    return stem


def _in_name(found: FoundDeployment, model: Model, catalog: Catalog) -> str | None:
    """A GGUF file's or a repository suffix's format; for a folder or id the model's own release."""
    text = found.model.text if found.model else ""
    words = {plain(word) for word in re.split(r"[-.:/]", text)}
    for name, quantization in sorted(catalog.quantizations.items(), key=lambda item: -len(item[0])):
        if quantization.format == "gguf" and plain(name) in words:
            return name
    own = [c.quantization for c in model.checkpoints if c.repo_id == model.id and c.format == "safetensors"]
    return own[0] if own and found.engine == "vllm" else None
