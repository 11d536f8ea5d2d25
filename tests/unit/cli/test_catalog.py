"""`advisor catalog`."""

import json

import pytest
from typer.testing import CliRunner

from advisor.cli.app import app
from advisor.errors import DataError, UserInputError


def run(*arguments):
    return CliRunner().invoke(app, ["catalog", *arguments])


def test_list_devices_as_text():
    result = run("list", "devices", "--search", "h100")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert [line.split()[0] for line in lines] == ["id", "h100-nvl", "h100-pcie", "h100-sxm"]
    assert max(map(len, lines)) < 120


@pytest.mark.parametrize("kind", ["devices", "models", "quantizations", "engines", "offers", "presets"])
def test_list_as_json(kind):
    document = json.loads(run("list", kind, "--format", "json").stdout)
    assert (document["schema"], document["kind"]) == ("advisor.catalog-list/1", kind)
    assert isinstance(document["rows"], list)


def test_list_without_a_kind_counts():
    assert "devices" in run("list").stdout


def test_show_a_device_with_its_source_price_and_host():
    document = json.loads(run("show", "NVIDIA H100 80GB HBM3", "--format", "json").stdout)
    (device,) = document["found"]
    assert device["id"] == "h100-sxm"
    assert device["source"] and device["purchase"]["usd_per_device"] == 30000
    assert "bandwidth_bytes_per_s: 3.35 TB/s" in run("show", "h100-sxm").stdout


def test_show_a_family():
    document = json.loads(run("show", "h100", "--format", "json").stdout)
    assert [device["id"] for device in document["found"]] == ["h100-nvl", "h100-pcie", "h100-sxm"]


def test_show_nothing():
    assert isinstance(run("show", "h1000").exception, UserInputError)


def test_check_the_folder_in_use_and_a_faulty_one(tmp_path):
    assert run("check").exit_code == 0
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "x.yaml").write_text("name: x\n")
    result = run("check", str(tmp_path))
    assert isinstance(result.exception, DataError)
    assert run("check", str(tmp_path), "--format", "json").exit_code == 2
    assert isinstance(run("check", str(tmp_path / "absent")).exception, UserInputError)


@pytest.mark.parametrize("kind", ["licences", "api-prices", "quality", "measurements"])
def test_list_of_the_other_kinds(kind):
    document = json.loads(run("list", kind, "--format", "json").stdout)
    assert document["kind"] == kind and document["overrides"] == []
    assert kind == "measurements" or len(document["rows"]) > 5


def test_presets_are_listed_under_the_name_of_their_folder_too():
    assert run("list", "workloads").stdout == run("list", "presets").stdout != ""


def test_near_names_for_kinds_and_searches():
    assert "did you mean devices?" in str(run("list", "devicez").exception)
    found = run("list", "devices", "--search", "h100-smx")
    assert found.exit_code == 0 and "did you mean h100-sxm" in found.stderr


def test_show_offers_by_their_instance():
    document = json.loads(run("show", "g5.xlarge", "--format", "json").stdout)
    assert [offer["device"] for offer in document["found"]] == ["a10g"]
    assert "did you mean g5.xlarge" in str(run("show", "g5.xlarg").exception)


@pytest.mark.parametrize("name", ["h100-sxm", "t4", "Qwen/Qwen3-30B-A3B", "Q4_K_M", "bf16", "vllm", "summarisation"])
def test_show_any_kind_as_text(name):
    result = run("show", name)
    assert result.exit_code == 0 and result.exception is None
    assert len(result.stdout.splitlines()) > 5
    assert "{'" not in result.stdout  # no raw record


def test_show_prints_runs_of_layers_short():
    assert "layers: 0-47" in run("show", "Qwen/Qwen3-30B-A3B").stdout
