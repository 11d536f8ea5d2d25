"""catalog/models/<org>/<repo>.yaml -> Model: the structural keys of its config.json, and the files it is published as."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from advisor.architectures import from_config
from advisor.catalog.json_values import json_value
from advisor.catalog.layers import Root
from advisor.catalog.records import yaml_records
from advisor.documents import Document
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.model import Checkpoint, LossBand, Model
from advisor.domain.quantization import Quantization
from advisor.domain.strict import STRICT, IsoDate
from advisor.errors import DataError, UserInputError, did_you_mean


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """Published files of one quantisation; `weights_bytes` only where the files themselves say so."""

    __pydantic_config__ = STRICT
    repo: str
    quantization: str
    source: str
    revision: str | None = None
    weights_bytes: int | None = None
    files: tuple[str, ...] = ()
    imatrix: bool = False
    loss: LossBand | None = None


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model's file. `made` lists the file types that llama-quantize makes from the 16-bit release and nobody is named for.

    A private model or a fine-tune names in `like` the model whose architecture it has, in place of a `config`.
    """

    __pydantic_config__ = STRICT
    licence: str
    as_of: IsoDate
    source: str
    config: dict[str, Any] | None = None
    like: str | None = None
    checkpoints: tuple[CheckpointRecord, ...] = ()
    aliases: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    support: str = "planned"

    def __post_init__(self) -> None:
        if (self.config is None) == (self.like is None):
            raise ValueError("give exactly one of config (the structural keys of its config.json) and like (the id of a model built alike)")


def load_models(root: Root, quantizations: Mapping[str, Quantization]) -> dict[str, Model]:
    """Every model by its id. Raises DataError at the first config or checkpoint that cannot be understood."""
    records = {name: (record, document) for name, record, document in yaml_records(root, "models", ModelRecord)}
    built = {name: _architecture(name, *entry) for name, entry in records.items() if entry[0].like is None}
    return {
        name: _model(name, record, document, built.get(name) or _alike(record, document, built), quantizations)
        for name, (record, document) in records.items()
    }


def _architecture(name: str, record: ModelRecord, document: Document) -> ModelArchitecture:
    try:
        return from_config(json_value(record.config), name)
    except UserInputError as error:
        raise DataError.at(document.position(("config",)), str(error)) from None


def _alike(record: ModelRecord, document: Document, built: Mapping[str, ModelArchitecture]) -> ModelArchitecture:
    like = record.like or ""
    if like not in built:
        reason = f"like: no model {like!r} with a config of its own in the catalog{did_you_mean(like, built)}"
        raise DataError.at(document.position(("like",)), reason)
    return built[like]


def _model(
    name: str, record: ModelRecord, document: Document, architecture: ModelArchitecture, quantizations: Mapping[str, Quantization]
) -> Model:
    checkpoints = [_checkpoint(entry, document, index, quantizations) for index, entry in enumerate(record.checkpoints)]
    checkpoints += [_made(name, quantization, document, quantizations) for quantization in record.made]
    return Model(name, architecture, record.licence, tuple(checkpoints), record.aliases, record.support, record.source)


def _checkpoint(entry: CheckpointRecord, document: Document, index: int, quantizations: Mapping[str, Quantization]) -> Checkpoint:
    place = ("checkpoints", index, "quantization")
    return Checkpoint(
        repo_id=entry.repo,
        format=_known(entry.quantization, quantizations, document, place).format,
        quantization=entry.quantization,
        revision=entry.revision,
        weights_bytes=entry.weights_bytes,
        files=entry.files,
        imatrix=entry.imatrix,
        source=entry.source,
        loss=entry.loss,
    )


def _made(name: str, quantization: str, document: Document, quantizations: Mapping[str, Quantization]) -> Checkpoint:
    known = _known(quantization, quantizations, document, ("made",))
    needs_imatrix = known.mix is not None and known.mix.needs_imatrix
    source = f"llama-quantize of {name}"
    return Checkpoint(name, known.format, quantization, imatrix=needs_imatrix, published=False, source=source)


def _known(quantization: str, known: Mapping[str, Quantization], document: Document, place: tuple[int | str, ...]) -> Quantization:
    if quantization not in known:
        raise DataError.at(document.position(place), f"{quantization}: no such quantization; known: {', '.join(sorted(known))}")
    return known[quantization]
