"""How much of the published measurements the catalog can use: those whose device and model both have a record, and why not the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from advisor.catalog.catalog import Catalog, read_catalog
from advisor.catalog.layers import Root
from advisor.catalog.measurements import Names, load_published
from advisor.domain.published import FreeName, Published


@dataclass(frozen=True, slots=True)
class Coverage:
    """`mapped` of `rows` have a device and a model with a record; the others are counted once each, by their first reason."""

    rows: int
    mapped: int
    reasons: Mapping[str, int]


def coverage_of(root: Root) -> Coverage:
    """The coverage of a catalog folder's own measurements."""
    published = load_published(root)
    return coverage(published, published.names, read_catalog(root))


def coverage(rows: Iterable[Published], names: Names, catalog: Catalog) -> Coverage:
    """The rows counted by what the catalog knows about them."""
    counted = Counter(unmapped(row, names, catalog) for row in rows)
    mapped = counted.pop(None, 0)
    reasons = {reason: count for reason, count in counted.most_common() if reason is not None}
    return Coverage(mapped + sum(reasons.values()), mapped, reasons)


def unmapped(row: Published, names: Names, catalog: Catalog) -> str | None:
    """Why a row is of no use to a fit: the device's reason before the model's; None where both have a record."""
    device, model = names.devices.get(row.gpu or ""), names.models.get(row.model)
    return _reason("device", device, {**catalog.slices, **catalog.devices}) or _reason("model", model, catalog.models)


def _reason(kind: str, name: FreeName | None, things: Mapping[str, object]) -> str | None:
    if name is None:
        return f"{kind}: the source names none"
    if name.id is None:
        return f"{kind}: {name.why}"
    return None if name.id in things else f"{kind}: no record of {name.id}"
