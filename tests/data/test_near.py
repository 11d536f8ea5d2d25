"""The tables of near measurements: made of rows that a fit may see, of things that the catalog knows, and honest about themselves."""

import json

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.layers import over
from advisor.catalog.measurements import load_published
from advisor.catalog.records import csv_table
from advisor.domain.near import NearSeries, generation
from advisor.errors import DataError
from advisor.resources import folder
from tests.unit.cli.command_line import advisor

CATALOG = load_catalog()
ROOT = folder("catalog")
SERIES = [row for row, _ in csv_table(ROOT, ROOT / "calibration" / "near.csv", NearSeries)]
RULES = CATALOG.near.rules


def test_every_series_is_of_something_that_the_catalog_knows():
    assert len(SERIES) > 100
    for row in SERIES:
        assert row.device in CATALOG.devices
        assert row.model in CATALOG.models
        assert row.quantization in CATALOG.quantizations
        assert row.backend in CATALOG.devices[row.device].backends or row.backend == "cpu"
        assert row.source.startswith(("http", "github")) or "/" in row.source, row


def test_no_row_that_only_judges_went_into_the_table():
    """A group of source, device and model is wholly on one side, so its source and model never stand in the table from the other."""
    published = load_published(ROOT)
    names = published.names
    sides = {}
    for row in (*published.vllm, *published.llama_cpp):
        sides.setdefault((row.source, names.device_id(row), names.model_id(row)), set()).add(row.split)
    for row in SERIES:
        assert "fit" in sides[row.source, row.device, row.model], row


def test_scales_are_of_this_world():
    for row in SERIES:
        assert row.decode_scale or row.prefill_scale
        assert all(scale is None or 0.02 < scale < 50 for scale in (row.decode_scale, row.prefill_scale)), row


def test_own_measurements_are_believed_whole_where_the_device_is_not_known():
    bands = [band for band in RULES.bands if not band.known_device]
    assert {band.engine for band in bands} == {"llama.cpp", "vllm"}
    assert {(band.origin, band.shrink) for band in bands} == {("own", 1.0)}


@pytest.mark.parametrize(
    "band", RULES.bands, ids=lambda band: f"{band.engine} {band.origin} {band.grade} {band.metric} {band.known_device}"
)
def test_each_class_says_how_it_was_held_out(band):
    assert "groups held out" in band.note and "coverage" in band.note


def test_the_table_is_read_when_it_is_needed_and_its_faults_have_a_place(tmp_path):
    (tmp_path / "calibration").mkdir()
    head = (ROOT / "calibration" / "near.csv").read_text().splitlines()[0]
    (tmp_path / "calibration" / "near.csv").write_text(f"{head}\n{',' * head.count(',')}\n")
    with over([tmp_path]):
        catalog = load_catalog()
        with pytest.raises(DataError, match=r"near\.csv:2:1: "):
            catalog.near.scales("vllm", "h100-sxm")


def test_an_estimate_names_the_nearest_measurement_and_that_it_scaled_nothing():
    newest = RULES.generations["vllm"]
    row = next(
        row for row in SERIES if row.engine == "vllm" and row.devices == row.tensor and generation(row.version, newest) == len(newest)
    )
    setup = ("--engine", "vllm", "--device", row.device, "--quantization", row.quantization)
    load = ("--tensor-parallel", str(row.tensor), "--input-tokens", "1000", "--output-tokens", "100", "--max-model-len", "2048")
    ended = advisor("estimate", row.model, *setup, *load, "--format", "json")
    assert ended.code == 0, ended.err
    performance = json.loads(ended.out)["performance"]
    nearest = performance["nearest_measurement"]
    assert (nearest["grade"], nearest["applied"]) == ("same", False)
    assert nearest["source"].startswith("http")
    assert performance["tpot_s"]["p50"]["basis"] == "modelled"
