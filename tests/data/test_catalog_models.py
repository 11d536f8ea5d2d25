"""Catalog models against what was published of them: parameters of every one, sizes of the files where somebody lists them."""

import csv
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.estimate.weights import gguf_weights, safetensors_weights
from advisor.units import MIB

CATALOG = load_catalog()
HERE = Path(__file__).parent
PARAMETERS = list(csv.DictReader((HERE / "published_parameters.csv").open(encoding="utf-8")))
SIZES = list(csv.DictReader((HERE / "published_sizes.csv").open(encoding="utf-8")))
UNITS = {"M": 10**6, "B": 10**9, "T": 10**12}
HEADER_MIB = 12  # vocabulary and keys in front of the tensors


def published(text):
    """The number, and one unit of its last digit: names round as they please."""
    unit = UNITS.get(text[-1])
    if unit is None:
        return int(text), 0
    _, _, decimals = text[:-1].partition(".")
    return float(text[:-1]) * unit, unit / 10 ** len(decimals)


def test_every_model_has_a_published_count():
    assert sorted(row["model"] for row in PARAMETERS) == sorted(CATALOG.models)
    assert sum(row["parameters"].isdigit() for row in PARAMETERS) >= 100


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row["model"])
def test_the_parameters_are_the_published_ones(row):
    architecture = CATALOG.models[row["model"]].architecture
    tower = architecture.encoder_parameters if row["counts"] == "with its tower" else 0
    count, tolerance = published(row["parameters"])
    assert abs(architecture.parameters_total + tower - count) <= tolerance


@pytest.mark.parametrize("row", [row for row in SIZES if row["bytes"]], ids=lambda row: f"{row['model']} {row['quantization']}")
def test_a_gguf_file_is_its_tensors_and_a_header(row):
    tensors = gguf_weights(CATALOG.models[row["model"]].architecture, CATALOG.quantizations[row["quantization"]]).total_bytes
    assert 0 < int(row["bytes"]) - tensors < HEADER_MIB * MIB


@pytest.mark.parametrize("row", [row for row in SIZES if row["quantization"] == "bf16"], ids=lambda row: row["model"])
def test_weights_in_16_bits_are_two_bytes_a_parameter(row):
    architecture, scheme = CATALOG.models[row["model"]].architecture, CATALOG.quantizations[row["quantization"]]
    weights = 2 * (architecture.parameters_total + architecture.encoder_parameters)
    loaded = safetensors_weights(architecture, scheme, parallelism=Parallelism()).total_bytes
    copies = 0.004 if row["reason"].startswith("values that vLLM copies") else 0.002  # tables padded to whole 64 rows
    assert loaded == pytest.approx(weights, rel=copies)


def test_the_catalog_covers_the_families():
    models = [model for model in CATALOG.models.values() if model.support == "planned"]
    assert len(models) >= 75
    assert len({model.architecture.name for model in models}) >= 35
