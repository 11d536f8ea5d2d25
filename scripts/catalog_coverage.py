"""docs/catalog-coverage.md: how much of each thing the catalog holds, how old it is, and what it leaves out and why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from advisor import resources
from advisor.catalog import Catalog, load_catalog
from advisor.catalog.coverage import coverage
from advisor.catalog.left_out import load_left_out
from advisor.catalog.measurements import PublishedTables, load_published

_HEAD = """# What the catalog covers

Written by `scripts/generate_docs.py` from the files of `catalog/`; the catalog is of {as_of}. `advisor catalog check` counts the
measurements anew."""


def page() -> str:
    """The whole page."""
    catalog, published = load_catalog(), load_published(resources.folder("catalog"))
    parts = [
        _HEAD.format(as_of=catalog.as_of),
        _devices(catalog),
        _models(catalog),
        _offers(catalog),
        _hosted(catalog),
        _quality(catalog),
        _measurements(catalog, published),
        _left_out(),
    ]
    return "\n\n".join(parts) + "\n"


def _devices(catalog: Catalog) -> str:
    classes = Counter(device.device_class for device in catalog.devices.values())
    priced = {device_id for device_id, purchase in catalog.purchases.items() if purchase.usd_per_device is not None}
    bought = Counter(catalog.devices[device_id].device_class for device_id in priced)
    offered = Counter(
        catalog.devices[device_id].device_class for device_id in {offer.device for offer in catalog.offers} & set(catalog.devices)
    )
    rows = [(name, count, bought[name], offered[name]) for name, count in sorted(classes.items())]
    title = (
        f"## Devices\n\n{len(catalog.devices)} devices, {len(catalog.slices)} slices of them, {len(catalog.listed_devices)} listed only."
    )
    return f"{title}\n\n{_table(('class', 'devices', 'with a price to buy', 'for rent'), rows)}"


def _models(catalog: Catalog) -> str:
    owners = Counter(model_id.split("/")[0] for model_id in catalog.models)
    checkpoints = Counter(model_id.split("/")[0] for model_id, model in catalog.models.items() for _ in model.checkpoints)
    rows = [(owner, count, checkpoints[owner]) for owner, count in sorted(owners.items(), key=lambda item: item[0].casefold())]
    return f"## Models\n\n{len(catalog.models)} models.\n\n{_table(('publisher', 'models', 'checkpoints'), rows)}"


def _offers(catalog: Catalog) -> str:
    by_provider = defaultdict(list)
    for offer in catalog.offers:
        by_provider[offer.provider].append(offer)
    rows = [
        (
            provider + (" (marketplace: only where it is named)" if offers[0].marketplace else ""),
            len(offers),
            len({offer.device for offer in offers}),
            len({offer.region for offer in offers if offer.region}) or "not stated",
            sum(offer.spot_usd_per_hour is not None for offer in offers),
            _dates(offer.as_of for offer in offers),
        )
        for provider, offers in sorted(by_provider.items())
    ]
    columns = ("provider", "offers", "devices", "regions", "with a spot price", "as of")
    return f"## Offers of instances\n\n{len(catalog.offers)} offers of whole instances.\n\n{_table(columns, rows)}"


def _hosted(catalog: Catalog) -> str:
    providers = Counter(price.provider for price in catalog.api_prices)
    known = Counter(price.provider for price in catalog.api_prices if price.model in catalog.models)
    models = {price.model for price in catalog.api_prices}
    title = (
        f"## Hosted prices\n\n{len(catalog.api_prices)} prices of {len(models)} open models, {len(models & set(catalog.models))} of them "
        f"with a record; as of {_dates(price.as_of for price in catalog.api_prices)}."
    )
    rows = [(provider, count, known[provider]) for provider, count in sorted(providers.items())]
    return f"{title}\n\n{_table(('provider', 'prices', 'of models with a record'), rows)}"


def _quality(catalog: Catalog) -> str:
    by_format = defaultdict(list)
    for row in catalog.quality:
        by_format[row.quantization].append(row)
    rows = [
        (name, len(found), ", ".join(sorted({row.model for row in found})), sum(row.delta is None for row in found))
        for name, found in sorted(by_format.items())
    ]
    columns = ("quantization", "figures", "measured on", "of them without a baseline")
    return f"## Quality by quantization\n\n{len(catalog.quality)} measured figures.\n\n{_table(columns, rows)}"


def _measurements(catalog: Catalog, published: PublishedTables) -> str:
    counted = coverage(published, published.names, catalog)
    reasons = [(count, reason) for reason, count in counted.reasons.items()]
    share = f"{counted.mapped:,} ({counted.mapped / counted.rows:.0%})"
    text = (
        f"## Measurements\n\n{counted.rows:,} published rows; {share} are of a device and a model with a record. "
        "Rows of `fit` may be fitted, those of `report` only judge."
    )
    return f"{text}\n\n{_sources(catalog, published)}\n\nWhy not the others:\n\n{_table(('rows', 'reason'), reasons)}"


def _sources(catalog: Catalog, published: PublishedTables) -> str:
    rows = []
    for folder, found in published.by_kind.items():
        kind = folder.removeprefix("measurements/")
        by_source = defaultdict(list)
        for row in found:
            by_source[row.source_id].append(row)
        for source, own in sorted(by_source.items()):
            counted = coverage(own, published.names, catalog)
            fitted = sum(row.split == "fit" for row in own)
            rows.append((kind, source, counted.rows, fitted, counted.rows - fitted, counted.mapped, _dates(row.source_date for row in own)))
    return _table(("kind", "source", "rows", "fit", "report", "with a record", "dated"), rows)


def _left_out() -> str:
    rows = [(row.table, row.what, row.rows, row.reason) for row in load_left_out(resources.folder("catalog"))]
    return f"## Left out of the tables\n\n{_table(('table', 'what', 'rows', 'why'), rows)}"


def _dates(dates: Iterable[str]) -> str:
    found = sorted(dates)
    return found[0] if found[0] == found[-1] else f"{found[0]} to {found[-1]}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in line) + " |" for line in lines)
