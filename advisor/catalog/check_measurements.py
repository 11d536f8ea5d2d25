"""Checks the published measurements: rows are counted once, every word has a meaning or a reason, and no side of the split was redrawn."""

from collections import Counter
from collections.abc import Iterator

from advisor.catalog.layers import Root, layers_of
from advisor.catalog.measurements import NAMES, PEER_ERRORS, PEERS, PUBLISHED, PublishedTables, load_published
from advisor.catalog.records import csv_faults
from advisor.domain.measurement import split_of
from advisor.domain.published import FreeName, PeerAnswer, PeerError
from advisor.errors import Fault
from advisor.files.measurements import FOLDER

_KINDS = {**PUBLISHED, NAMES: FreeName, PEERS: PeerAnswer, PEER_ERRORS: PeerError}


def measurement_faults(root: Root) -> Iterator[Fault]:
    """Every fault of the tables on their own; where there is none, what the rows and the names say about each other."""
    faults = [*_strays(root), *(fault for folder, kind in _KINDS.items() for fault in csv_faults(root, folder, kind))]
    yield from faults
    if not faults:
        tables = load_published(root)
        yield from [*_repeated(tables), *_unnamed(tables), *_redrawn(tables)]


def _strays(root: Root) -> Iterator[Fault]:
    """Tables where nothing looks for them."""
    layers = layers_of(root)
    for name, path in layers.files(FOLDER, ".csv").items():
        if f"{FOLDER}/{name.rpartition('/')[0]}" not in _KINDS:
            yield Fault(layers.shown(path), f"nothing reads this table; known folders: {', '.join(sorted(_KINDS))}")


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


def _redrawn(tables: PublishedTables) -> Iterator[Fault]:
    for row in tables:
        drawn = split_of(*tables.names.drawn_by(row))
        if row.split != drawn:
            reason = "a name that got its id later keeps its draw by `drawn_as`"
            yield Fault(f"catalog/{FOLDER}", f"split: {row.row_id} is {row.split}, drawn is {drawn}; {reason}")
