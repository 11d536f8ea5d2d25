"""A model by its repository on a hub: `hf://org/repo`, `org/repo@revision`, or one file of it, `hf://org/repo@revision/file.gguf`.

Read at one commit, by a handful of requests: the listing, config.json, and headers. No weight is fetched, nothing is kept.
"""

import re
from typing import Any, Final, Literal

from advisor.catalog import Catalog
from advisor.domain.model import Checkpoint, Model
from advisor.errors import UserInputError, near_names
from advisor.intake.adapters import CONFIG as ADAPTER
from advisor.intake.adapters import adapter_of
from advisor.intake.gguf_shards import stem_of_parts
from advisor.intake.hub import HubRepository, list_files, read_part
from advisor.intake.hub_headers import hub_tensor_bytes, read_hub_gguf
from advisor.intake.models import json_object, model_of_config, model_of_gguf
from advisor.intake.stored_format import MODELOPT

_REFERENCE: Final = re.compile(r"(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>[^@:]+?))?(?:/(?P<file>[^@]+\.gguf))?")
_MOST_CONFIG_BYTES: Final = 20_000_000
_CONFIG: Final = "config.json"
_SHOWN: Final = 8


def find_hub_model(reference: str, catalog: Catalog) -> Model:
    """The model in a repository. Raises UserInputError as the hub's answers and the files give reason to."""
    named = _REFERENCE.fullmatch(reference)
    if named is None:
        raise UserInputError(f"{reference[:200]}: write hf://organisation/repository, then @revision and /file.gguf where you want them")
    repository = list_files(named["repo"], revision=named["revision"])
    names = {file.name for file in repository.files}
    if named["file"]:
        return _from_gguf(repository, named["file"], catalog)
    if _CONFIG in names:
        return _from_config(repository, names, catalog)
    if ADAPTER in names:
        adapter = adapter_of(hub_json(repository, ADAPTER), f"{repository.repo_id}/{ADAPTER}")
        raise UserInputError(f"{repository.repo_id} is {adapter}: {adapter.advice()}")
    return _from_gguf(repository, _only_gguf(repository, names), catalog)


def hub_json(repository: HubRepository, name: str) -> dict[str, Any]:
    """A small JSON file of the repository. Raises UserInputError for anything but an object."""
    return json_object(read_part(repository, name, start=None, most_bytes=_MOST_CONFIG_BYTES).text(), f"{repository.repo_id}/{name}")


def _from_config(repository: HubRepository, names: set[str], catalog: Catalog) -> Model:
    config = hub_json(repository, _CONFIG)
    modelopt = hub_json(repository, MODELOPT) if MODELOPT in names else None
    weights_bytes, files = hub_tensor_bytes(repository)
    read = "headers of the safetensors files" if weights_bytes else _CONFIG
    checkpoint = _checkpoint(repository, "safetensors", files, read, weights_bytes)
    return model_of_config(
        config,
        catalog,
        where=f"{repository.repo_id}/{_CONFIG}",
        modelopt=modelopt,
        checkpoint=checkpoint,
        source=f"{repository.repo_id} at {repository.commit[:12]}",
        licence=repository.licence,
    )


def _from_gguf(repository: HubRepository, name: str, catalog: Catalog) -> Model:
    names = [file.name for file in repository.files]
    if name not in names:
        near = near_names(name, names) or sorted(file for file in names if file.endswith(".gguf"))[:_SHOWN]
        raise UserInputError(f"{repository.repo_id}: no file {name!r} at {repository.commit[:12]}; it has {', '.join(near) or 'no .gguf'}")
    checkpoint = _checkpoint(repository, "gguf", (name,), "tensor table of the file")
    source = f"{repository.repo_id}/{name} at {repository.commit[:12]}"
    return model_of_gguf(
        read_hub_gguf(repository, name), catalog, where=f"{repository.repo_id}/{name}", checkpoint=checkpoint, source=source
    )


def _checkpoint(
    repository: HubRepository,
    kind: Literal["gguf", "safetensors"],
    files: tuple[str, ...],
    source: str,
    weights_bytes: int | None = None,
) -> Checkpoint:
    return Checkpoint(repository.repo_id, kind, "", revision=repository.commit, weights_bytes=weights_bytes, files=files, source=source)


def _only_gguf(repository: HubRepository, names: set[str]) -> str:
    """The repository's model where it has one; most have a file for each file type."""
    firsts = sorted({stem_of_parts(name): name for name in sorted((n for n in names if n.endswith(".gguf")), reverse=True)}.values())
    if len(firsts) == 1:
        return firsts[0]
    if not firsts:
        raise UserInputError(f"{repository.repo_id}: neither config.json nor a .gguf file: not a language model")
    more = f" and {len(firsts) - _SHOWN} more" if len(firsts) > _SHOWN else ""
    raise UserInputError(
        f"{repository.repo_id}: {len(firsts)} models in it; name one, as in hf://{repository.repo_id}/{firsts[0]}: "
        f"{', '.join(firsts[:_SHOWN])}{more}"
    )
