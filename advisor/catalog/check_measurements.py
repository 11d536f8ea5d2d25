"""Checks the published measurements: rows are counted once, every word has a meaning or a reason, and no side of the split was redrawn."""

from collections import Counter
from collections.abc import Iterator

from advisor.catalog.layers import Root, layers_of
from advisor.catalog.measurements import NAME_TABLES, NAMES, PEER_ERRORS, PEERS, PUBLISHED, PublishedTables, load_published, name_table
from advisor.catalog.records import csv_faults
from advisor.domain.engine import EngineName
from advisor.domain.measurement import split_of
from advisor.domain.published import PeerAnswer, PeerError
from advisor.errors import DataError, Fault
from advisor.files.measurements import FOLDER

_TABLES = {**PUBLISHED, PEERS: PeerAnswer, PEER_ERRORS: PeerError}


def measurement_faults(root: Root) -> Iterator[Fault]:
    """Every fault of the tables on their own; where there is none, what the rows and the names say about each other."""
    tables = (fault for folder, kind in _TABLES.items() for fault in csv_faults(root, folder, kind))
    faults = [*_strays(root), *tables, *_faulty_names(root)]
    yield from faults
    if not faults:
        published = load_published(root)
        yield from [*_repeated(published), *_unnamed(published), *_unnamed_formats(published), *_redrawn(published)]


def _faulty_names(root: Root) -> Iterator[Fault]:
    for table, kind in NAME_TABLES.items():
        try:
            name_table(root, table, kind)
        except DataError as error:
            yield from error.faults


def _strays(root: Root) -> Iterator[Fault]:
    """Tables where nothing looks for them."""
    layers, known = layers_of(root), {NAMES: set(NAME_TABLES)}
    for name, path in layers.files(FOLDER, ".csv").items():
        folder = f"{FOLDER}/{name.rpartition('/')[0]}"
        if folder not in _TABLES and path.stem not in known.get(folder, ()):
            places = ", ".join([*sorted(_TABLES), *(f"{NAMES}/{table}.csv" for table in NAME_TABLES)])
            yield Fault(layers.shown(path), f"nothing reads this table; known: {places}")


def _repeated(tables: PublishedTables) -> Iterator[Fault]:
    for row_id, count in Counter(row.row_id for row in tables).items():
        if count > 1:
            yield Fault(f"catalog/{FOLDER}", f"row_id: {row_id} stands {count} times")


def _unnamed(tables: PublishedTables) -> Iterator[Fault]:
    for column, names, used in (
        ("gpu", tables.names.devices, {row.gpu for row in tables if row.gpu}),
        ("model", tables.names.models, {row.model for row in tables}),
    ):
        for spelling in sorted(used - names.keys()):
            yield Fault(f"catalog/{NAMES}", f"{column}: {spelling!r} is missing: give its id, or why it has none")
        for spelling in sorted(names.keys() - used):
            yield Fault(f"catalog/{NAMES}", f"{column}: no row uses {spelling!r}")


def _unnamed_formats(tables: PublishedTables) -> Iterator[Fault]:
    """The sources' own words for weight formats, and those of the name table that no row uses."""
    of_vllm = {(row.weight_quant, row.model) for row in tables.vllm if row.weight_quant}
    of_llama_cpp = {(row.quant, row.model) for row in tables.llama_cpp}
    words: dict[EngineName, set[tuple[str, str]]] = {"vllm": of_vllm, "llama.cpp": of_llama_cpp}
    for engine, used in words.items():
        for spelling, model in sorted(used):
            if tables.names.format(engine, spelling, model) is None:
                yield Fault(f"catalog/{NAMES}", f"format of {engine}: {spelling!r} is missing: give its id, or why it has none")
        for of, spelling, only in sorted(tables.names.formats, key=str):
            if of == engine and not any(spelling == word and only in (None, model) for word, model in used):
                with_model = f" with {only}" if only else ""
                yield Fault(f"catalog/{NAMES}", f"format: no row of {engine} uses {spelling!r}{with_model}")


def _redrawn(tables: PublishedTables) -> Iterator[Fault]:
    for row in tables:
        drawn = split_of(*tables.names.drawn_by(row))
        if row.split != drawn:
            reason = "a name that got its id later keeps its draw by `drawn_as`"
            yield Fault(f"catalog/{FOLDER}", f"split: {row.row_id} is {row.split}, drawn is {drawn}; {reason}")
