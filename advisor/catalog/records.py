"""Reads the catalog's files: one YAML a thing (the path is its id) and one CSV a source, with every fault at file:line:column."""

import csv
import io
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar, cast

from pydantic import BeforeValidator, Field, WithJsonSchema

from advisor import documents
from advisor.catalog.layers import Layers, Root, layers_of
from advisor.domain.position import Path_, Position
from advisor.errors import DataError, Fault
from advisor.units import parse_quantity

T = TypeVar("T")
_ROW = re.compile(r"^\[\d+\]\.?")


def _in(unit: str) -> BeforeValidator:
    return BeforeValidator(lambda text: parse_quantity(str(text), unit))


def _written(unit: str, example: str) -> WithJsonSchema:
    """What an editor is told: text, not the number that it becomes."""
    return WithJsonSchema({"type": "string", "pattern": rf"^[0-9.,]+ ?[A-Za-zµ]*{unit}$", "examples": [example]})


# Datasheet quantities, read strictly with their unit: "80 GiB" -> 85899345920.0
Bytes = Annotated[float, _in("B"), Field(gt=0), _written("B", "80 GiB")]
BytesPerSecond = Annotated[float, _in("B/s"), Field(gt=0), _written("B/s", "3.35 TB/s")]
FlopsPerSecond = Annotated[float, _in("FLOP/s"), Field(gt=0), _written("FLOP/s", "989 TFLOP/s")]
OpsPerSecond = Annotated[float, _in("OP/s"), Field(gt=0), _written("OP/s", "1979 TOP/s")]
Watts = Annotated[float, _in("W"), Field(gt=0), _written("W", "700 W")]


def yaml_records(root: Root, folder: str, kind: type[T]) -> Iterator[tuple[str, T, documents.Document]]:
    """Each thing of a folder as (id, record, document), in order of its id. Raises DataError at the first faulty file."""
    for name, path in yaml_files(root, folder).items():
        yield name, *yaml_record(root, path, kind)


def yaml_files(root: Root, folder: str) -> dict[str, Path]:
    """The file of each thing of a folder, in order of their ids."""
    return {name.removesuffix(".yaml"): path for name, path in _by_path(layers_of(root).files(folder, ".yaml"))}


def yaml_record(root: Root, path: Path, kind: type[T]) -> tuple[T, documents.Document]:
    """One thing and its document. Raises DataError with every fault of the file."""
    document = _yaml_file(layers_of(root), path)
    return documents.typed(document, kind), document


def yaml_faults(root: Root, folder: str, kind: type) -> Iterator[Fault]:
    """Every fault of every YAML file of a folder, each file read on its own."""
    layers = layers_of(root)
    for _, path in _by_path(layers.files(folder, ".yaml")):
        try:
            documents.typed(_yaml_file(layers, path), kind)
        except DataError as error:
            yield from error.faults


def csv_faults(root: Root, folder: str, kind: type) -> Iterator[Fault]:
    """Every fault of every table of a folder."""
    layers = layers_of(root)
    for path in layers.files(folder, ".csv").values():
        try:
            _rows(_table(documents.read_text(path), layers.shown(path)), kind)
        except DataError as error:
            yield from error.faults


def csv_records(root: Root, folder: str, kind: type[T]) -> Iterator[tuple[T, Position]]:
    """Each row of each table of a folder with the place of its first cell, those of overlays last.

    Raises DataError with every fault of the first faulty table.
    """
    layers = layers_of(root)
    for path in layers.files(folder, ".csv").values():
        yield from csv_table(layers, path, kind)


def csv_table(root: Root, path: Path, kind: type[T]) -> Iterator[tuple[T, Position]]:
    """Each row of one table with the place of its first cell. Raises DataError with every fault of the table."""
    document = _table(documents.read_text(path), layers_of(root).shown(path))
    return ((row, document.position((index,))) for index, row in enumerate(_rows(document, kind)))


def newest_rows(root: Root, folder: str, kind: type[T], key: Callable[[T], Hashable]) -> list[tuple[T, Position]]:
    """The rows of csv_records; of those with one key in several folders only the one of the strongest folder."""
    layers = layers_of(root)
    rows = list(csv_records(layers, folder, kind))
    if len(layers.folders) == 1:
        return rows
    strongest = {key(row): _folder(layers, at) for row, at in rows}
    return [(row, at) for row, at in rows if _folder(layers, at) == strongest[key(row)]]


def table_records(text: str, where: str, kind: type[T]) -> tuple[T, ...]:
    """The rows of one table's text. Raises DataError with every fault."""
    return _rows(_table(text, where), kind)


def table_rows(root: Root, folder: str) -> list[dict[str, str]]:
    """The rows of a folder's tables as they stand, for a look at them: whatever their columns; `table` is the file's name."""
    layers = layers_of(root)
    found = []
    for name, path in layers.files(folder, ".csv").items():
        document = _table(documents.read_text(path), layers.shown(path))
        found += [{"table": name.removesuffix(".csv")} | row for row in document.raw]
    return found


def _folder(layers: Layers, at: Position) -> int:
    return max((n for n, root in enumerate(layers.folders) if n and Path(at.file).is_relative_to(root)), default=0)


def _by_path(files: Mapping[str, Path]) -> list[tuple[str, Path]]:
    return sorted(files.items(), key=lambda item: PurePosixPath(item[0]))


def _rows(document: documents.Document, kind: type[T]) -> tuple[T, ...]:
    try:
        return cast(tuple[T, ...], documents.typed(document, cast(type[Any], tuple[kind, ...])))  # type: ignore[valid-type]
    except DataError as error:  # the place says which row; its index would only repeat it
        raise DataError([Fault(fault.place, _ROW.sub("", fault.message)) for fault in error.faults]) from None


def _yaml_file(layers: Layers, path: Path) -> documents.Document:
    return documents.parse(documents.read_text(path), layers.shown(path))


def _lines(text: str, file: str) -> list[tuple[list[str], int]]:
    """The cells of each row, and the line it ends on."""
    reader = csv.reader(io.StringIO(text))
    try:
        return [(cells, reader.line_num) for cells in reader]
    except csv.Error as error:
        raise DataError.at(Position(file, reader.line_num, 1), f"not a table: {error}") from None


def _table(text: str, file: str) -> documents.Document:
    """A CSV as a document of rows; an empty cell is an absent value."""
    (header, _), *rows = _lines(text, file) or [([], 1)]
    for cells, line in rows:
        if len(cells) != len(header):
            raise DataError.at(Position(file, line, 1), f"{len(cells)} cells, but the header has {len(header)} columns")
    raw = [{name: cell for name, cell in zip(header, cells, strict=True) if cell} for cells, _ in rows]
    return documents.Document(file, raw, _Cells(file, header, rows))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where the rows and cells of a table stand: a path is a row's index, then a column's name."""

    file: str
    header: list[str]
    rows: list[tuple[list[str], int]]

    def value_at(self, path: Path_) -> Position | None:
        """The row's first character, or the cell's."""
        row = path[0] if path else None
        if not isinstance(row, int) or row >= len(self.rows):
            return None
        cells, line = self.rows[row]
        return Position(self.file, line, 1) if len(path) == 1 else self._cell(cells, line, str(path[1]))

    def key_at(self, path: Path_) -> Position | None:
        """The column's name in the first line."""
        if len(path) < 2 or path[1] not in self.header:
            return None
        return Position(self.file, 1, 1 + len(",".join(self.header[: self.header.index(str(path[1]))])))

    def _cell(self, cells: list[str], line: int, name: str) -> Position | None:
        if name not in self.header:
            return None
        return Position(self.file, line, 1 + sum(_width(cell) for cell in cells[: self.header.index(name)]))


def _width(cell: str) -> int:
    """Columns that a cell takes with its comma and its quotes."""
    quoted = any(c in cell for c in ',"\n')
    return len(cell) + 1 + (2 + cell.count('"') if quoted else 0)
