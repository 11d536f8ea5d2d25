"""Tables of measurements: the published ones of `catalog/measurements`, and beside a plan what `advisor validate --record` kept.

No plan reads the published ones: they are loaded by whoever fits, judges or counts them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from advisor.catalog import lookup
from advisor.catalog.layers import Root, layers_of
from advisor.catalog.records import csv_records, csv_table
from advisor.domain.engine import EngineName
from advisor.domain.measurement import Measurement
from advisor.domain.published import FreeFormat, FreeName, LlamaCppRun, LlamaCppStart, PeerAnswer, PeerError, Published, VllmRun, VllmStart
from advisor.files.measurements import FOLDER

T = TypeVar("T")
# The kind of a table's rows is its folder; `names` says what the rows' own words for devices and models mean.
_VLLM, _VLLM_STARTS = f"{FOLDER}/vllm", f"{FOLDER}/vllm-memory"
_LLAMA_CPP, _LLAMA_CPP_STARTS = f"{FOLDER}/llama.cpp", f"{FOLDER}/llama.cpp-memory"
PUBLISHED: Final[Mapping[str, type[Published]]] = {
    _VLLM: VllmRun,
    _LLAMA_CPP: LlamaCppRun,
    _VLLM_STARTS: VllmStart,
    _LLAMA_CPP_STARTS: LlamaCppStart,
}
NAMES: Final = f"{FOLDER}/names"
PEERS: Final = f"{FOLDER}/peers"
PEER_ERRORS: Final = f"{FOLDER}/peer-errors"
NAME_TABLES: Final[Mapping[str, type[FreeName] | type[FreeFormat]]] = {"devices": FreeName, "models": FreeName, "quantizations": FreeFormat}


@dataclass(frozen=True, slots=True)
class Names:
    """What the words of the sources mean, by their exact spelling."""

    devices: Mapping[str, FreeName]
    models: Mapping[str, FreeName]
    formats: Mapping[tuple[EngineName, str, str | None], FreeFormat]  # by engine, spelling and, where it has one, model

    def device_id(self, row: Published) -> str | None:
        """The catalog id of a row's device; None where the words mean no one device."""
        return _id(self.devices, row.gpu)

    def model_id(self, row: Published) -> str | None:
        """The catalog id of the model whose layers the row's model has; None where that is not known."""
        return _id(self.models, row.model)

    def format(self, engine: EngineName, spelling: str, model: str) -> FreeFormat | None:
        """What a word for a weight format means of this model, as the source spells both; None where the table does not have it."""
        return self.formats.get((engine, spelling, model)) or self.formats.get((engine, spelling, None))

    def drawn_by(self, row: Published) -> tuple[str, str, str]:
        """Source, device and model by which a row's side of the split is drawn: ids, and the plain words where there is no id."""
        return row.source_id, _drawn_as(self.devices, row.gpu or ""), _drawn_as(self.models, row.model)


@dataclass(frozen=True, slots=True)
class PublishedTables:
    """Every published measurement: loads and starts of both engines, and the names in them."""

    vllm: tuple[VllmRun, ...]
    llama_cpp: tuple[LlamaCppRun, ...]
    vllm_starts: tuple[VllmStart, ...]
    llama_cpp_starts: tuple[LlamaCppStart, ...]
    names: Names

    @property
    def by_kind(self) -> Mapping[str, tuple[Published, ...]]:
        """The rows of each folder."""
        return dict(zip(PUBLISHED, (self.vllm, self.llama_cpp, self.vllm_starts, self.llama_cpp_starts), strict=True))

    def __iter__(self) -> Iterator[Published]:
        """Every row."""
        return (row for rows in self.by_kind.values() for row in rows)


def load_published(root: Root) -> PublishedTables:
    """The published measurements of a catalog folder. Raises DataError with every fault of the first faulty table."""
    return PublishedTables(
        vllm=_rows(root, _VLLM, VllmRun),
        llama_cpp=_rows(root, _LLAMA_CPP, LlamaCppRun),
        vllm_starts=_rows(root, _VLLM_STARTS, VllmStart),
        llama_cpp_starts=_rows(root, _LLAMA_CPP_STARTS, LlamaCppStart),
        names=Names(_names(root, "devices"), _names(root, "models"), _formats(root)),
    )


def load_peers(root: Root) -> tuple[tuple[PeerAnswer, ...], tuple[PeerError, ...]]:
    """What other estimators answer about published runs, and the errors that they publish themselves."""
    return _rows(root, PEERS, PeerAnswer), _rows(root, PEER_ERRORS, PeerError)


def load_measurements(root: Path) -> tuple[Measurement, ...]:
    """Every recorded row of every table in `root`/measurements. Raises DataError with every fault of the first faulty table."""
    return _rows(root, FOLDER, Measurement)


def _rows(root: Root, folder: str, kind: type[T]) -> tuple[T, ...]:
    return tuple(row for row, _ in csv_records(root, folder, kind))


def _names(root: Root, table: str) -> dict[str, FreeName]:
    return {name.spelling: name for name in name_table(root, table, FreeName)}


def _formats(root: Root) -> dict[tuple[EngineName, str, str | None], FreeFormat]:
    return {(name.engine, name.spelling, name.model): name for name in name_table(root, "quantizations", FreeFormat)}


def name_table(root: Root, table: str, kind: type[T]) -> tuple[T, ...]:
    """The rows of a table of `NAME_TABLES`; none where there is no such file. Raises DataError with every fault of it."""
    path = layers_of(root).file(f"{NAMES}/{table}.csv")
    return tuple(name for name, _ in csv_table(root, path, kind)) if path.exists() else ()


def _id(names: Mapping[str, FreeName], spelling: str | None) -> str | None:
    name = names.get(spelling or "")
    return name.id if name else None


def _drawn_as(names: Mapping[str, FreeName], spelling: str) -> str:
    name = names.get(spelling)
    return (name and (name.drawn_as or name.id)) or lookup.plain(spelling)
