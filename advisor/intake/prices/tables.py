"""Published prices as the catalog's own rows, and what a refresh would change of the rows that are there."""

import csv
import dataclasses
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from advisor.catalog import Catalog
from advisor.domain.hardware import Offer
from advisor.domain.money import ApiPrice
from advisor.domain.price_source import PriceSource, Sold
from advisor.errors import UserInputError
from advisor.intake.prices.formats import ApiQuote, Published

Row = Offer | ApiPrice
_LEAST_FOUND: Final = 0.5  # of the rows that are there: fewer mean that the format has changed
_NAMES_SHOWN: Final = 5
_UNCHANGED_PCT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Change:
    """A price that moved."""

    what: str
    before_usd: float
    after_usd: float

    @property
    def pct(self) -> float:
        """By how much."""
        return (self.after_usd / self.before_usd - 1) * 100


@dataclass(frozen=True, slots=True)
class Differences:
    """A table beside the one in use."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[Change, ...]
    same: int

    def names(self) -> Iterator[str]:
        """A line for what is new and what is gone, the first few by name."""
        for word, names in (("new", self.new), ("gone", self.gone)):
            if names:
                more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
                yield f"{word}: {', '.join(names[:_NAMES_SHOWN])}{more}"

    def summary(self) -> str:
        """One line: `2 new, 1 gone, 3 changed (median +4.0 %, most p5.48xlarge us-east-1 55.04 -> 60.54 USD, +10.0 %), 39 the same`."""
        said = f"{len(self.new)} new, {len(self.gone)} gone, {len(self.changed)} changed"
        if self.changed:
            most = max(self.changed, key=lambda change: abs(change.pct))
            middle = median(change.pct for change in self.changed)
            said += f" (median {middle:+.1f} %, most {most.what} {most.before_usd:g} -> {most.after_usd:g} USD, {most.pct:+.1f} %)"
        return f"{said}, {self.same} the same"


def offer_rows(published: Published, source: PriceSource, catalog: Catalog, regions: Collection[str], as_of: str) -> tuple[Offer, ...]:
    """Offers of the instance types that the catalog knows, in the regions that it has and those that are asked for."""
    ours = [offer for offer in catalog.offers if offer.provider == source.provider]
    holds = {offer.instance: Sold(offer.device, offer.devices) for offer in ours} | dict(source.instances)
    wanted = {offer.region for offer in ours} | set(regions)
    return tuple(
        Offer(
            provider=source.provider,
            instance=quote.instance,
            device=holds[quote.instance].device,
            devices=holds[quote.instance].devices,
            usd_per_hour=quote.usd_per_hour,
            spot_usd_per_hour=quote.spot_usd_per_hour,
            region=quote.region,
            as_of=published.as_of or as_of,
            source=source.source,
        )
        for quote in sorted(published.quotes, key=lambda quote: (quote.region, _together(holds, quote.instance), quote.usd_per_hour))
        if quote.instance in holds and quote.region in wanted
    )


def api_rows(published: Published, source: PriceSource, catalog: Catalog, as_of: str) -> tuple[ApiPrice, ...]:
    """Prices of the models that the catalog knows by exactly that name, and of those that its rows name already.

    The cheapest where a provider sells one under two names.
    """
    named = {_name_at_source(row): row.model for row in catalog.api_prices}
    found: dict[tuple[str, str], ApiPrice] = {}
    for quote in sorted(published.api_quotes, key=lambda quote: (quote.input_usd_per_mtok + quote.output_usd_per_mtok, quote.name)):
        model = named.get(quote.name) or _model_of(quote, catalog)
        if model is not None:
            row = ApiPrice(
                provider=quote.provider,
                model=model,
                input_usd_per_mtok=quote.input_usd_per_mtok,
                output_usd_per_mtok=quote.output_usd_per_mtok,
                cached_input_usd_per_mtok=quote.cached_input_usd_per_mtok,
                as_of=published.as_of or as_of,
                source=f"{source.source} ({quote.name})",
            )
            found.setdefault((row.model, row.provider), row)
    return tuple(found[key] for key in sorted(found))


def _name_at_source(row: ApiPrice) -> str:
    return row.source.rpartition("(")[2].rstrip(")")


def _model_of(quote: ApiQuote, catalog: Catalog) -> str | None:
    """`deepinfra/Qwen/Qwen3-14B` by what follows the provider, `novita/qwen/qwen3-14b` by its last word, matched whole."""
    inside = quote.name.removeprefix(f"{quote.provider}/")
    for spelling in (inside, inside.rpartition("/")[2]):
        try:
            return catalog.model(spelling).id
        except UserInputError:
            continue
    return None


def differences(before: Sequence[Row], after: Sequence[Row]) -> Differences:
    """What changes for a plan: rows by provider, thing and region, and their first price."""
    old, new = ({_key(row): row for row in rows} for rows in (before, after))
    both = [(key, _price(old[key]), _price(new[key])) for key in old if key in new]
    changed = tuple(Change(key, *prices) for key, *prices in both if abs(prices[1] / prices[0] - 1) * 100 > _UNCHANGED_PCT)
    gone = tuple(key for key in old if key not in new)
    return Differences(tuple(key for key in new if key not in old), gone, changed, len(both) - len(changed))


def check_enough(found: Differences, before: int, where: str) -> None:
    """Raise UserInputError for a file in which most of the known rows are missing: it must not replace a good table."""
    if len(found.gone) > before * _LEAST_FOUND:
        raise UserInputError(f"{where}: {len(found.gone)} of {before} known prices are not in it: the file or its names have changed")


def _together(holds: Mapping[str, Sold], instance: str) -> tuple[str, int]:
    """Rows of one device stand together."""
    return (holds[instance].device, holds[instance].devices) if instance in holds else ("", 0)


def _key(row: Row) -> str:
    return " ".join(filter(None, (row.instance, row.region))) if isinstance(row, Offer) else f"{row.provider} {row.model}"


def _price(row: Row) -> float:
    return row.usd_per_hour if isinstance(row, Offer) else row.output_usd_per_mtok


def table_text(rows: Sequence[Row], kind: type[Row]) -> str:
    """The rows as the catalog's CSV."""
    names = [field.name for field in dataclasses.fields(kind)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(getattr(row, name)) for name in names} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401 - a field's value
    if isinstance(value, float):
        return f"{value:.9g}"
    return "" if value is None else str(value)
