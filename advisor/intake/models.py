"""A model by whatever the user has: a catalog id or alias, a config.json, a folder with one, or a GGUF file."""

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
from advisor.intake.gguf_file import GgufHeader
from advisor.intake.gguf_shards import read_gguf_model
from advisor.intake.quantization import quantization_of_config
from advisor.intake.safetensors_files import tensor_bytes

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
        return _from_config(config, catalog, weights=tuple(sorted(folder.glob("*.safetensors"))))
    files = sorted(folder.glob("*.gguf"))
    if len(files) == 1:
        return _from_gguf(files[0], catalog)
    found = f"{len(files)} .gguf files: name one of them" if files else "neither config.json nor a .gguf file"
    raise UserInputError(f"{folder}: {found}")


def _from_config(path: Path, catalog: Catalog, weights: tuple[Path, ...] = ()) -> Model:
    config = _json_object(path)
    architecture = from_config(config, str(path))
    name = path.resolve().parent.name if path.name == "config.json" else path.stem
    quantization = quantization_of_config(config, catalog)
    checkpoints: tuple[Checkpoint, ...] = ()
    if quantization is not None:
        known_bytes = tensor_bytes(weights) if weights else None
        files = tuple(file.name for file in weights)
        source = "headers of the safetensors files" if weights else "config.json"
        checkpoints = (Checkpoint(name, "safetensors", quantization, weights_bytes=known_bytes, files=files, source=source),)
    return Model(name, architecture, _LICENCE, checkpoints, source=path.name)


def _json_object(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserInputError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise UserInputError(f"{path}: not a JSON object, so not a config.json")
    return config


def _from_gguf(path: Path, catalog: Catalog) -> Model:
    header = read_gguf_model(path)
    if not header.tensors:
        raise UserInputError(f"{path}: holds no tensors: a vocabulary or a cut-off file, not a model")
    names = {tensor.name for tensor in header.tensors}
    architecture = from_gguf(header.metadata, str(path), tensor_names=names)
    quantization, imatrix = _nearest_file_type(header, architecture, catalog)
    checkpoint = Checkpoint(
        path.stem,
        "gguf",
        quantization,
        weights_bytes=header.tensor_bytes,
        files=(path.name,),
        imatrix=imatrix,
        source="tensor table of the file",
    )
    licence = header.metadata.get("general.license")
    return Model(path.stem, architecture, str(licence) if isinstance(licence, str) else _LICENCE, (checkpoint,), source=path.name)


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
