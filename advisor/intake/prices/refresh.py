"""`advisor catalog refresh`: one source at a time into a table of the user's own folder, after a look at what would change.

A source that fails leaves nothing behind and does not hinder the others; what is written has been read back as the catalog reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from advisor.catalog import Catalog
from advisor.catalog.layers import Layers
from advisor.catalog.records import table_records
from advisor.documents import read_text
from advisor.domain.hardware import Offer
from advisor.domain.money import ApiPrice
from advisor.domain.price_source import PriceSource
from advisor.errors import UserInputError, did_you_mean
from advisor.files.writing import write_atomically
from advisor.intake import web
from advisor.intake.prices.formats import Published, read_prices
from advisor.intake.prices.tables import Differences, Row, api_rows, check_enough, differences, offer_rows, table_text

_MOST_BYTES: Final = 32 * 1024 * 1024  # the largest of the sources has 4 MB


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A table that is ready to be written: where it belongs, its text, and what it changes."""

    source: str
    table: str  # path in a catalog folder
    text: str
    rows: int
    as_of: str
    changes: Differences


def refresh(
    asked: str, sources: dict[str, PriceSource], catalog: Catalog, layers: Layers, *, regions: Sequence[str], today: str
) -> Refreshed:
    """The newest table of `asked`: a source's id, ID=ADDRESS for a mirror or a downloaded copy, or a CSV with the catalog's columns.

    Raises UserInputError for everything that goes wrong; nothing is written here.
    """
    name, _, elsewhere = asked.partition("=")
    if name not in sources:
        if Path(asked).suffix == ".csv":
            return _own_table(Path(asked).expanduser(), layers)
        raise UserInputError(f"--from {asked[:80]}: known are {', '.join(sources)}, hub, or a .csv file{did_you_mean(name, sources)}")
    source = sources[name]
    text, date = _fetched(elsewhere or source.address, today)
    published = read_prices(text, source.format, elsewhere or source.address)
    kind, rows = _rows(published, source, catalog, regions, date)
    changed = _table(name, f"{source.table}.csv", kind, rows, layers)
    check_enough(changed.changes, changed.changes.same + len(changed.changes.changed) + len(changed.changes.gone), name)
    return changed


def write(refreshed: Refreshed, folder: Path) -> Path:
    """Put the table into the folder, whole or not at all. Raises UserInputError rather than lose rows of another origin."""
    path = folder / refreshed.table
    kind = _kind(refreshed.table)
    if path.exists():
        known = {_origin(row) for row in table_records(refreshed.text, refreshed.table, kind)}
        strange = [row for row in table_records(read_text(path), str(path), kind) if _origin(row) not in known]
        if strange:
            others = f"{len(strange)} rows in it are not of this source ({strange[0].source[:60]})"
            raise UserInputError(f"{path}: {others}: move them to a table of their own first")
    write_atomically(path, refreshed.text)
    return path


def _origin(row: Row) -> str:
    """The source without what stands in brackets behind it, such as its name for the model."""
    return row.source.partition(" (")[0]


def _fetched(address: str, today: str) -> tuple[str, str]:
    """Text, and the day it is of as far as the transport knows."""
    if not address.startswith(("http://", "https://")):
        return read_text(Path(address).expanduser()), today
    web.refuse_offline(address)
    answer = web.get(address, most_bytes=_MOST_BYTES)
    try:
        return answer.text(), parsedate_to_datetime(answer.date).date().isoformat()
    except ValueError:
        return answer.text(), today


def _rows(
    published: Published, source: PriceSource, catalog: Catalog, regions: Sequence[str], as_of: str
) -> tuple[type[Row], tuple[Row, ...]]:
    if source.format == "litellm":
        return ApiPrice, api_rows(published, source, catalog, as_of)
    return Offer, offer_rows(published, source, catalog, regions, as_of)


def _table(name: str, table: str, kind: type[Row], rows: Sequence[Row], layers: Layers) -> Refreshed:
    text = table_text(rows, kind)
    checked = table_records(text, f"{name} as {table}", kind)
    at = layers.file(table)
    before: tuple[Row, ...] = table_records(read_text(at), str(at), kind) if at.exists() else ()
    as_of = max((row.as_of for row in checked), default="")
    return Refreshed(name, table, text, len(checked), as_of, differences(before, checked))


def _own_table(path: Path, layers: Layers) -> Refreshed:
    """A table that somebody made: its columns say which kind it is."""
    text = read_text(path)
    kind: type[Row] = Offer if "usd_per_hour" in text.partition("\n")[0].split(",") else ApiPrice
    rows = table_records(text, str(path), kind)
    if not rows:
        raise UserInputError(f"{path}: no rows in it")
    return _table(str(path), f"{'offers' if kind is Offer else 'api_prices'}/{path.stem}.csv", kind, rows, layers)


def _kind(table: str) -> type[Row]:
    return Offer if table.startswith("offers/") else ApiPrice
