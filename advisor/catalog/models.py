"""catalog/models/<org>/<repo>.yaml -> Model: the structural keys of its config.json, and the files it is published as."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from advisor.architectures import from_config
from advisor.catalog.json_values import json_value
from advisor.catalog.layers import Root
from advisor.catalog.records import yaml_files, yaml_record
from advisor.documents import Document
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.model import Checkpoint, LossBand, Model
from advisor.domain.quantization import Part, PartFormat, Quantization
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
    parts: dict[Part, PartFormat] = field(default_factory=dict)
    group_size: int | None = None
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


class Models(Mapping[str, Model]):
    """Every model by its id, each file read when it is first asked for: a plan names a few of them.

    Asking raises DataError when its file, config or checkpoint cannot be understood; `advisor catalog check` asks for all.
    """

    def __init__(self, root: Root, quantizations: Mapping[str, Quantization]) -> None:
        self._root = root
        self._files = yaml_files(root, "models")
        self._quantizations = quantizations
        self._built: dict[str, Model] = {}

    def __getitem__(self, model_id: str) -> Model:
        """The model of exactly this id. Raises KeyError."""
        if model_id not in self._built:
            record, document = yaml_record(self._root, self._files[model_id], ModelRecord)
            architecture = _architecture(model_id, record, document) if record.like is None else self._alike(record.like, document)
            self._built[model_id] = _model(model_id, record, document, architecture, self._quantizations)
        return self._built[model_id]

    def __iter__(self) -> Iterator[str]:
        """Ids in their order."""
        return iter(self._files)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._files)

    def _alike(self, like: str, document: Document) -> ModelArchitecture:
        """The architecture of a model that has a config of its own: one that is alike itself may not be named, so that no ring is."""
        if like in self._files:
            record, own = yaml_record(self._root, self._files[like], ModelRecord)
            if record.like is None:
                return _architecture(like, record, own)
        reason = f"like: no model {like!r} with a config of its own in the catalog{did_you_mean(like, self._files)}"
        raise DataError.at(document.position(("like",)), reason)


def _architecture(name: str, record: ModelRecord, document: Document) -> ModelArchitecture:
    try:
        return from_config(json_value(record.config), name)
    except UserInputError as error:
        raise DataError.at(document.position(("config",)), str(error)) from None


def _model(
    name: str, record: ModelRecord, document: Document, architecture: ModelArchitecture, quantizations: Mapping[str, Quantization]
) -> Model:
    checkpoints = [_checkpoint(entry, document, index, quantizations) for index, entry in enumerate(record.checkpoints)]
    checkpoints += [_made(name, quantization, document, quantizations) for quantization in record.made]
    return Model(name, architecture, record.licence, tuple(checkpoints), record.aliases, record.support, record.source)


def _checkpoint(entry: CheckpointRecord, document: Document, index: int, quantizations: Mapping[str, Quantization]) -> Checkpoint:
    format_ = _known(entry.quantization, quantizations, document, ("checkpoints", index, "quantization")).format
    if format_ == "gguf" and (entry.parts or entry.group_size):
        raise DataError.at(document.position(("checkpoints", index)), "parts and group_size are for safetensors: GGUF types have their own")
    return Checkpoint(
        repo_id=entry.repo,
        format=format_,
        quantization=entry.quantization,
        revision=entry.revision,
        weights_bytes=entry.weights_bytes,
        files=entry.files,
        imatrix=entry.imatrix,
        source=entry.source,
        parts=tuple(entry.parts.items()),
        group_size=entry.group_size,
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
