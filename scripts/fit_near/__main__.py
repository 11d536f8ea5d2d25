"""Prints what near measurements do to the errors; with --write also keeps it."""

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from advisor.accuracy.case import Case  # noqa: E402
from advisor.accuracy.llama_cpp_cases import llama_cpp_cases  # noqa: E402
from advisor.accuracy.vllm_cases import vllm_cases  # noqa: E402
from advisor.catalog import Catalog, load_catalog  # noqa: E402
from advisor.catalog.measurements import load_published  # noqa: E402
from advisor.domain.near import NearBand, NearSeries  # noqa: E402
from advisor.files.yaml_text import flow  # noqa: E402
from fit_near.classes import fitted_bands, held_out, judge  # noqa: E402
from fit_near.series import Series, series_of  # noqa: E402

FOLDER = ROOT / "catalog" / "calibration"
_BANDS = "bands:"


def main(arguments: Sequence[str]) -> None:
    """Fit, judge, and keep it where asked to."""
    catalog = load_catalog()
    series = series_of(_cases(catalog), catalog)
    fit, report = ([one for one in series if one.split == split] for split in ("fit", "report"))
    generations = catalog.near.rules.generations
    kept: list[NearBand] = []
    for band, judged, worth in fitted_bands(fit, generations):
        name = f"{band.engine} {band.origin} {band.grade} {band.metric} on {'a known' if band.known_device else 'an unknown'} device"
        print(f"{'*' if worth else ' '} {name}: shrink {band.shrink}, {band.low}-{band.high}")
        print(f"    {judged.words}")
        of = (band.engine, band.origin, band.grade, band.metric)
        held = held_out(report, fit if band.origin == "published" else report, of, generations)
        if held:
            print(f"    report: {judge(held, band.shrink, ranges=dict.fromkeys({one.group for one in held}, (band.low, band.high))).words}")
        kept += [band] if worth else []
    if "--write" in arguments:
        _write(fit, kept)


def _cases(catalog: Catalog) -> Iterable[Case]:
    published = load_published(ROOT / "catalog")
    yield from llama_cpp_cases(published.llama_cpp, catalog, published.names)[0]
    yield from vllm_cases(published.vllm, catalog, published.names, catalog.memory_constants)[0]


def _write(series: Sequence[Series], bands: Sequence[NearBand]) -> None:
    rows = [one.row() for one in series]
    rows.sort(key=lambda row: (row.engine, row.device, row.model, row.quantization, row.tensor, row.devices, row.version, row.source))
    (FOLDER / "near.csv").write_text(_table(rows), encoding="utf-8")
    path = FOLDER / "near.yaml"
    head = path.read_text(encoding="utf-8").partition(_BANDS)[0]
    lines = [f"  - {flow({field.name: getattr(band, field.name) for field in fields(band)})}\n" for band in bands]
    path.write_text(head + f"{_BANDS}\n" + "".join(lines), encoding="utf-8")


def _table(rows: Iterable[NearSeries]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(NearSeries)])
    for row in rows:
        writer.writerow(["" if value is None else _plain(value) for value in astuple(row)])
    return out.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return int(value) if isinstance(value, float) and value.is_integer() else value


if __name__ == "__main__":
    main(sys.argv[1:])
