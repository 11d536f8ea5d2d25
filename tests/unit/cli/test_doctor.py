"""`advisor doctor`: whole and valid whatever is missing, and without a name of this user."""

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from advisor.cli.app import app
from advisor.intake import machine
from advisor.intake.gpus import Gpu
from advisor.intake.machine import MachineFacts
from advisor.report import doctor
from advisor.report.schemas import schema_document


@pytest.fixture(autouse=True)
def no_engines(monkeypatch):
    """Interpreters are asked in their own tests."""
    monkeypatch.setattr(doctor, "survey", list)


def with_gpus(monkeypatch, *gpus):
    found = MachineFacts("AMD EPYC", 8, 32 * 2**30, 5e10, repacks_weights=True, gpus=gpus, memory_limit_bytes=32 * 2**30)
    monkeypatch.setattr(machine, "inspect_machine", lambda: found)
    monkeypatch.setattr(doctor, "inspect_machine", lambda: found)


def run(*arguments):
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_json_is_what_the_schema_says():
    result = run("--format", "json")
    document = json.loads(result.stdout)
    jsonschema.validate(document, schema_document("doctor"))
    assert result.exit_code == 0
    assert document["catalog"]["rules"] > 50 and document["machine"]["cores"] >= 1
    assert str(Path.home()) not in result.stdout


def test_a_known_gpu_has_its_id_and_an_unknown_one_is_refused_by_name(monkeypatch):
    with_gpus(monkeypatch, Gpu("NVIDIA H100 80GB HBM3", 85_520_809_984))
    assert "in the catalog as h100-sxm" in run().stdout
    with_gpus(monkeypatch, Gpu("NVIDIA Q9000", 2**34))
    result = run()
    assert result.exit_code == 0
    assert 'NVIDIA Q9000, 16.0 GiB, refused: GPU "NVIDIA Q9000" of this machine is not in the catalog' in result.stdout


def test_text_has_a_line_for_each_thing(monkeypatch):
    with_gpus(monkeypatch)
    lines = run().stdout.splitlines()
    first = [line.split()[0] for line in lines]
    assert first == ["advisor", "processor", "memory", "gpu", "plans", "engine", "disk", "disk", "network", "catalog", "to", "to"]
    assert "the limit of this container is 32.0 GiB; 50 GB/s" in lines[2]
    assert "advisor engines install llama.cpp" in lines[5]


def test_quiet_is_the_name_that_plans_use(monkeypatch):
    with_gpus(monkeypatch)
    assert run("--quiet").stdout.startswith("machine-")


def test_a_variable_that_names_no_program_is_reported_not_fatal(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("ADVISOR_LLAMA_CPP_PYTHON", "/nowhere/python")
    result = run()
    assert result.exit_code == 0 and "/nowhere/python is not a program" in result.stdout


def test_what_is_missing_comes_with_what_to_do(monkeypatch):
    with_gpus(monkeypatch, Gpu("NVIDIA Q9000", 2**34))
    document = json.loads(run("--format", "json").stdout)
    assert any("advisor engines install llama.cpp" in todo for todo in document["todo"])
    assert any("add a file to catalog/devices" in todo for todo in document["todo"])
    assert document["catalog"]["overrides"] == []
