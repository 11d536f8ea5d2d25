"""Raw configurations of released models: their parameters are as many as transformers makes of them, or as their files hold."""

import csv
import json
from pathlib import Path

import pytest

from advisor.architectures import from_config
from advisor.architectures.parameters import count_parameters

FOLDER = Path(__file__).parents[2] / "data" / "configs"
SOURCES = list(csv.DictReader((FOLDER / "SOURCES.csv").open(encoding="utf-8")))


def architecture_of(row):
    return from_config(json.loads((FOLDER / row["file"]).read_text(encoding="utf-8")), row["model"])


@pytest.mark.parametrize("row", SOURCES, ids=lambda row: row["model"])
def test_the_parameters_are_the_counted_ones(row):
    """`difference` is what we count beyond the count; where it is not 0 the reason stands beside it."""
    architecture = architecture_of(row)
    tower = architecture.encoder_parameters if row["counts"] == "with its tower" else 0
    assert architecture.parameters_total + tower - int(row["parameters"]) == int(row["difference"])
    assert bool(row["reason"]) == (row["difference"] != "0")
    assert count_parameters(architecture) == (architecture.parameters_total, architecture.parameters_active)


def test_most_are_exact():
    exact = [row for row in SOURCES if row["difference"] == "0"]
    assert len(exact) >= 70
    assert len({architecture_of(row).name for row in exact}) >= 25


def test_every_file_has_a_source_and_every_source_a_file():
    assert sorted(row["file"] for row in SOURCES) == sorted(path.name for path in FOLDER.glob("*.json"))
    assert all(row["source"] and row["counted_by"] for row in SOURCES)


ACTIVE_B = [  # engines' own counts with all tables, to the digits printed
    ("deepseek-ai/DeepSeek-V3.2", 38.40),
    ("deepseek-ai/DeepSeek-V3", 37.55),
    ("zai-org/GLM-5", 41.78),
    ("zai-org/GLM-5.2", 41.25),
    ("moonshotai/Kimi-K2-Instruct", 32.86),
    ("MiniMaxAI/MiniMax-M2.5", 11.03),
    ("RedHatAI/Llama-4-Scout-17B-16E-Instruct-FP8-dynamic", 17.17),
    ("meta-llama/Llama-4-Maverick-17B-128E-Instruct", 17.18),
    ("Qwen/Qwen3-30B-A3B", 3.35),
    ("Qwen/Qwen3-235B-A22B", 22.19),
    ("Qwen/Qwen3.5-122B-A10B", 9.77),
    ("Qwen/Qwen3.5-397B-A17B", 17.35),
    ("openai/gpt-oss-20b", 4.19),
    ("openai/gpt-oss-120b", 5.71),
    ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 3.58),
    ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", 12.77),
    ("nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16", 56.06),
    ("google/gemma-4-26B-A4B-it", 3.82),
]


@pytest.mark.parametrize(("model", "billions"), ACTIVE_B)
def test_active_parameters_are_those_of_one_token(model, billions):
    row = next(row for row in SOURCES if row["model"] == model)
    assert architecture_of(row).parameters_active / 1e9 == pytest.approx(billions, abs=0.0051)
