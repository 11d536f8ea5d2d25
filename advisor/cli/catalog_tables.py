"""What `advisor catalog` prints: records of the catalog as flat rows, and one record as indented lines."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Final

from advisor.catalog import Catalog, lookup
from advisor.catalog.layers import layers_in_use
from advisor.catalog.records import table_rows
from advisor.cli.output import printable
from advisor.domain.hardware import Device, Offer
from advisor.domain.money import ApiPrice
from advisor.domain.preset import Preset
from advisor.domain.quality import QualityMeasurement
from advisor.errors import UserInputError, did_you_mean, near_names
from advisor.units import gib

Row = dict[str, Any]
_ALSO: Final = {"workloads": "presets"}  # the name of their folder
_RATES: Final = {"_bytes_per_s": "B/s", "_flops_per_s": "FLOP/s", "_ops_per_s": "OP/s"}


def rows(catalog: Catalog, kind: str) -> list[Row]:
    """One row for each thing of a kind. Raises UserInputError for a kind that there is not, with the one that may be meant."""
    kind = _ALSO.get(kind, kind)
    if kind not in _ROWS:
        raise UserInputError(f"kind {kind[:40]!r}: known are {', '.join(_ROWS)}{did_you_mean(kind, _ROWS)}")
    return [dict(row) for row in _ROWS[kind](catalog)]


def counts(catalog: Catalog) -> list[Row]:
    """How much of each kind there is."""
    return [{"kind": kind, "count": len(rows(catalog, kind))} for kind in _ROWS]


def near(table: list[Row], text: str) -> str:
    """What a search that found nothing may have meant."""
    return did_you_mean(text, [str(cell) for row in table for cell in list(row.values())[:2]], most=3)


def records(catalog: Catalog, name: str) -> list[Row]:
    """Everything that the name means: one record, or those of a family such as `h100`. Raises UserInputError when it means nothing."""
    found: list[Any] = []
    for find in (catalog.device, catalog.model, catalog.quantization, catalog.engine, catalog.preset, catalog.licence):
        try:
            found.append(find(name))
        except UserInputError:
            continue
    found = found or [offer for offer in catalog.offers if lookup.plain(offer.instance) == lookup.plain(name)]
    found = found or [catalog.devices[device_id] for device_id in lookup.family(catalog.devices, name)]
    if not found:
        catalog.refuse_listed_device(name)
        things = (catalog.devices, catalog.models, catalog.quantizations, catalog.engines, catalog.presets, catalog.licences)
        spellings = [thing for kind in things for thing in kind]
        if not near_names(name, spellings):
            spellings += sorted({offer.instance for offer in catalog.offers})
        raise lookup.unknown("id", name, lookup.by_name(spellings), "advisor catalog list")
    return [_record(catalog, thing) for thing in found]


def as_text(table: list[Row]) -> str:
    """Aligned columns under a header; an empty table is an empty string."""
    if not table:
        return ""
    lines = [list(table[0]), *([_cell(cell) for cell in row.values()] for row in table)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def as_lines(record: Row, indent: str = "") -> str:
    """One `key: value` a line; nested records indented."""
    lines: list[str] = []
    for key, value in record.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{key}:", as_lines(value, indent + "  ")]
        elif isinstance(value, list | tuple) and any(isinstance(part, dict) for part in value):
            lines += [f"{indent}{key}:", *(f"{indent}- {as_lines(part, indent + '  ').lstrip()}" for part in value)]
        elif value not in (None, "", (), [], {}):
            lines.append(f"{indent}{key}: {_quantity(key, value)}")
    return "\n".join(line for line in lines if line)


def _quantity(key: str, value: object) -> str:
    """A size or a rate in the unit that people say: bytes in GiB, bytes and operations a second in G or T."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return _cell(value)
    if key.endswith("_bytes"):
        return f"{gib(value):,.4g} GiB"
    for suffix, unit in _RATES.items():
        if key.endswith(suffix):
            return f"{value / 1e12:,.4g} T{unit}" if value >= 1e12 else f"{value / 1e9:,.4g} G{unit}"
    return _cell(value)


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return f"{value:,.0f}"
        case int() | float():
            return f"{value:,}"
        case [int(first), *_, int(last)] if list(value) == list(range(first, last + 1)):
            return f"{first}-{last}"
        case list() | tuple():
            return ", ".join(_cell(part) for part in value)
        case _:
            return printable(str(value))


def _device(device: Device) -> Row:
    return {
        "id": device.id,
        "name": device.name,
        "class": device.device_class,
        "memory_gib": round(gib(device.memory_bytes), 1),
        "bandwidth_gb_per_s": round(device.memory_bandwidth_bytes_per_s / 1e9, 1),
        "bf16_tflop_per_s": round(device.bf16_flops_per_s / 1e12, 1) if device.bf16_flops_per_s else None,
        "backends": list(device.backends),
    }


def _without_source(row: Offer | ApiPrice | QualityMeasurement) -> Row:
    return {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name != "source"}


def _preset(preset: Preset) -> Row:
    return {
        "task": preset.task,
        "name": preset.name,
        "input_p50": preset.input_tokens.p50,
        "output_p50": preset.output_tokens.p50,
        "pause_s": preset.pause_s,
        "ttft_p95_s": preset.service_level.ttft_p95_s,
        "tpot_p95_s": preset.service_level.tpot_p95_s,
    }


_ROWS: Final[dict[str, Callable[[Catalog], Iterable[Row]]]] = {
    "devices": lambda catalog: map(_device, catalog.devices.values()),
    "models": lambda catalog: (
        {"id": m.id, "parameters": m.architecture.parameters_total, "licence": m.licence, "support": m.support}
        for m in catalog.models.values()
    ),
    "quantizations": lambda catalog: ({"id": q.id, "format": q.format, "loss": q.loss} for q in catalog.quantizations.values()),
    "engines": lambda catalog: (
        {"id": e.id, "title": e.title, "formats": list(e.formats), "runtimes": list(e.runtimes)} for e in catalog.engines.values()
    ),
    "offers": lambda catalog: map(_without_source, catalog.offers),
    "presets": lambda catalog: map(_preset, catalog.presets.values()),
    "licences": lambda catalog: (
        {"id": one.id, "name": one.name, "models": sum(m.licence == one.id for m in catalog.models.values())}
        for one in catalog.licences.values()
    ),
    "api-prices": lambda catalog: map(_without_source, catalog.api_prices),
    "quality": lambda catalog: map(_without_source, catalog.quality),
    "measurements": lambda _: table_rows(layers_in_use(), "measurements"),
}


def _record(catalog: Catalog, thing: Any) -> Row:  # noqa: ANN401 - any dataclass of the catalog
    record: Row = dataclasses.asdict(thing)
    if isinstance(thing, Device):
        purchase = catalog.purchase(thing)
        record["purchase"] = dataclasses.asdict(purchase) if purchase else None
        record["assumed_host"] = dataclasses.asdict(catalog.node(thing.id).host)
        record["offers"] = sum(offer.device == thing.id for offer in catalog.offers)
    return record
