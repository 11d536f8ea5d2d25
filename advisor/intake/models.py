"""A model by whatever the user has: a catalog id or alias, a config.json, a folder with one, or a GGUF file. Asks nobody."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

from advisor.architectures import from_config, from_gguf
from advisor.catalog import Catalog
from advisor.documents import read_text
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.model import Checkpoint, Model
from advisor.errors import UserInputError
from advisor.estimate.gguf_mixing import tensor_types
from advisor.intake.adapters import CONFIG as ADAPTER
from advisor.intake.adapters import read_adapter
from advisor.intake.gguf_file import GgufHeader
from advisor.intake.gguf_shards import read_gguf_model, stem_of_parts
from advisor.intake.safetensors_files import read_safetensors, shards_of
from advisor.intake.stored_format import MODELOPT, stored_format

_LOCAL: Final = (".", "/", "~", "\\")  # how a path starts that cannot be an id
_LICENCE: Final = "not stated in the file"


def find_model(reference: str, catalog: Catalog) -> Model:
    """The model that `reference` names. Ids and aliases win over files of the same name.

    Raises UserInputError for an unknown id (with near ones), a missing file, and an architecture that is not understood.
    """
    path = Path(reference).expanduser()
    named_as_path = reference.startswith(_LOCAL) or path.suffix in (".json", ".gguf")
    if not reference.strip():
        raise UserInputError("no model is named: give an id of the catalog, a config.json, a folder with one, or a .gguf file")
    if not named_as_path:
        try:
            return catalog.model(reference)
        except UserInputError:
            if not path.exists():
                raise
    if path.is_dir():
        return _from_folder(path, catalog)
    if not path.exists():
        raise UserInputError(f"{reference}: no such file. Give an id of the catalog, a config.json, a folder with one, or a .gguf file")
    return _from_gguf(path, catalog) if path.suffix == ".gguf" else _from_config(path, catalog)


def gguf_file_of(model: Model, reference: str) -> Path | None:
    """The GGUF file that find_model read `model` from, None for a model that came from elsewhere."""
    path = Path(reference).expanduser()
    for file in (path, *sorted(path.glob("*.gguf"))) if path.exists() else ():
        if file.suffix == ".gguf" and (model.id, model.source) == (file.stem, file.name):
            return file
    return None


def _from_folder(folder: Path, catalog: Catalog) -> Model:
    config = folder / "config.json"
    if config.exists():
        return _from_config(config, catalog, weights=shards_of(folder))
    if (folder / ADAPTER).exists():
        adapter = read_adapter(folder)
        raise UserInputError(f"{folder} is {adapter}: {adapter.advice()}")
    files = sorted({stem_of_parts(file.name): file for file in sorted(folder.glob("*.gguf"), reverse=True)}.values())
    if len(files) == 1:
        return _from_gguf(files[0], catalog)
    found = f"{len(files)} .gguf files: name one of them" if files else "neither config.json nor a .gguf file"
    raise UserInputError(f"{folder}: {found}")


def _from_config(path: Path, catalog: Catalog, weights: tuple[Path, ...] = ()) -> Model:
    modelopt = path.with_name(MODELOPT)
    name = path.resolve().parent.name if path.name == "config.json" else path.stem
    return model_of_config(
        _json_object(path),
        catalog,
        where=str(path),
        modelopt=_json_object(modelopt) if path.name == "config.json" and modelopt.exists() else None,
        checkpoint=Checkpoint(
            name,
            "safetensors",
            "",
            weights_bytes=read_safetensors(weights).tensor_bytes if weights else None,
            files=tuple(file.name for file in weights),
            source="headers of the safetensors files" if weights else "config.json",
        ),
        source=path.name,
    )


def model_of_config(
    config: dict[str, Any],
    catalog: Catalog,
    *,
    where: str,
    modelopt: dict[str, Any] | None,
    checkpoint: Checkpoint,
    source: str,
    licence: str | None = None,
) -> Model:
    """A model from what its config.json holds; `checkpoint` is what is known of its files but the format, which the config says.

    Where it says none that is planned, the model has no checkpoint and its source says why.
    """
    architecture = from_config(config, where)
    stored = stored_format(config, catalog, modelopt)
    said = f"{source}; its own weights are refused: {stored.refused}" if stored.refused else source
    known = () if stored.id is None else (dataclasses.replace(checkpoint, quantization=stored.id),)
    return Model(checkpoint.repo_id, architecture, licence or _LICENCE, known, source=said)


def _json_object(path: Path) -> dict[str, Any]:
    return json_object(read_text(path), str(path))


def json_object(text: str, where: str) -> dict[str, Any]:
    """A config.json's content. Raises UserInputError for anything but an object."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserInputError(f"{where}: not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise UserInputError(f"{where}: not a JSON object, so not a config.json")
    return config


def _from_gguf(path: Path, catalog: Catalog) -> Model:
    found = Checkpoint(path.stem, "gguf", "", files=(path.name,), source="tensor table of the file")
    return model_of_gguf(read_gguf_model(path), catalog, where=str(path), checkpoint=found, source=path.name)


def model_of_gguf(header: GgufHeader, catalog: Catalog, *, where: str, checkpoint: Checkpoint, source: str) -> Model:
    """A model from a GGUF header; `checkpoint` is what is known of its file but format and bytes, which the header says."""
    if not header.tensors:
        raise UserInputError(f"{where}: holds no tensors: a vocabulary or a cut-off file, not a model")
    names = {tensor.name for tensor in header.tensors}
    architecture = from_gguf(header.metadata, where, tensor_names=names)
    quantization, imatrix = _nearest_file_type(header, architecture, catalog)
    known = dataclasses.replace(checkpoint, quantization=quantization, weights_bytes=header.tensor_bytes, imatrix=imatrix)
    licence = header.metadata.get("general.license")
    return Model(known.repo_id, architecture, str(licence) if isinstance(licence, str) else _LICENCE, (known,), source=source)


def _nearest_file_type(header: GgufHeader, architecture: ModelArchitecture, catalog: Catalog) -> tuple[str, bool]:
    """The file type (and importance matrix or not) that stores most tensors as the file does: names of files prove nothing."""
    stored = {tensor.name: tensor.type for tensor in header.tensors}
    ranked: list[tuple[int, bool, bool, str]] = []
    for quantization in catalog.quantizations.values():
        mix = quantization.mix
        for imatrix in (False, True) if mix is not None else ():
            types = tensor_types(architecture, quantization, imatrix=imatrix)
            alike = sum(stored.get(name) == kind for name, kind in types.items())
            unused = mix is not None and mix.default_type not in stored.values()
            ranked.append((-alike, unused, imatrix, quantization.id))
    if not ranked:
        raise UserInputError("the catalog holds no GGUF file types; name the quantisation")
    _, _, imatrix, name = min(ranked)
    needs = catalog.quantizations[name].mix
    return name, imatrix or (needs is not None and needs.needs_imatrix)
