"""Reads the catalog's files: one YAML a thing (the path is its id) and one CSV a source, with every fault at file:line:column."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import BeforeValidator, Field

from advisor import documents
from advisor.domain.position import Path_, Position
from advisor.errors import DataError, Fault
from advisor.units import parse_quantity

T = TypeVar("T")
_ROW = re.compile(r"^\[\d+\]\.?")


def _in(unit: str) -> BeforeValidator:
    return BeforeValidator(lambda text: parse_quantity(str(text), unit))


# Datasheet quantities, read strictly with their unit: "80 GiB" -> 85899345920.0
Bytes = Annotated[float, _in("B"), Field(gt=0)]
BytesPerSecond = Annotated[float, _in("B/s"), Field(gt=0)]
FlopsPerSecond = Annotated[float, _in("FLOP/s"), Field(gt=0)]
OpsPerSecond = Annotated[float, _in("OP/s"), Field(gt=0)]
Watts = Annotated[float, _in("W"), Field(gt=0)]


def shown(root: Path, path: Path) -> str:
    """A file as messages name it: from the catalog's own folder on."""
    return f"{root.name}/{path.relative_to(root).as_posix()}"


def yaml_records(root: Path, folder: str, kind: type[T]) -> Iterator[tuple[str, T, documents.Document]]:
    """Each thing of a folder as (id, record, document), in order of its id. Raises DataError at the first faulty file."""
    base = root / folder
    for path in sorted(base.rglob("*.yaml")):
        document = _yaml_file(root, path)
        yield path.relative_to(base).with_suffix("").as_posix(), documents.typed(document, kind), document


def yaml_faults(root: Path, folder: str, kind: type) -> Iterator[Fault]:
    """Every fault of every YAML file of a folder, each file read on its own."""
    for path in sorted((root / folder).rglob("*.yaml")):
        try:
            documents.typed(_yaml_file(root, path), kind)
        except DataError as error:
            yield from error.faults


def csv_faults(root: Path, folder: str, kind: type) -> Iterator[Fault]:
    """Every fault of every table of a folder."""
    for path in sorted((root / folder).rglob("*.csv")):
        try:
            _rows(_table(documents.read_text(path), shown(root, path)), kind)
        except DataError as error:
            yield from error.faults


def csv_records(root: Path, folder: str, kind: type[T]) -> Iterator[tuple[T, Position]]:
    """Each row of each table of a folder with the place of its first cell. Raises DataError with every fault of the first faulty table."""
    for path in sorted((root / folder).glob("*.csv")):
        yield from csv_table(root, path, kind)


def csv_table(root: Path, path: Path, kind: type[T]) -> Iterator[tuple[T, Position]]:
    """Each row of one table with the place of its first cell. Raises DataError with every fault of the table."""
    document = _table(documents.read_text(path), shown(root, path))
    return ((row, document.position((index,))) for index, row in enumerate(_rows(document, kind)))


def _rows(document: documents.Document, kind: type[T]) -> tuple[T, ...]:
    try:
        return cast(tuple[T, ...], documents.typed(document, cast(type[Any], tuple[kind, ...])))  # type: ignore[valid-type]
    except DataError as error:  # the place says which row; its index would only repeat it
        raise DataError([Fault(fault.place, _ROW.sub("", fault.message)) for fault in error.faults]) from None


def _yaml_file(root: Path, path: Path) -> documents.Document:
    return documents.parse(documents.read_text(path), shown(root, path))


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
