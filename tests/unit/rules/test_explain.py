"""`advisor rules` and `advisor explain` as a user sees them."""

import json

import pytest
from typer.testing import CliRunner

from advisor.cli.app import app
from advisor.errors import DataError, UserInputError


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_explain_prints_the_rule_as_prose():
    result = run("explain", "mod012")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "MOD012  max-model-len is beyond the model's positions"
    assert "  --max-model-len 65536 exceeds the model's 40,960 positions (config.json): vLLM refuses to start." in result.output
    assert "https://github.com/vllm-project/vllm/" in result.output
    assert "{{" not in result.output


def test_explain_suggests_a_near_rule():
    result = run("explain", "MOD12")
    assert isinstance(result.exception, UserInputError)
    assert "did you mean MOD012?" in str(result.exception)


def test_a_plan_that_is_not_there_is_named():
    result = run("explain", "plan.yaml", "ttft_p95_s")
    assert isinstance(result.exception, UserInputError)
    assert "plan.yaml" in str(result.exception)


def test_list_as_json_names_what_each_rule_reads():
    document = json.loads(run("rules", "list", "--format", "json").output)
    assert document["schema"] == "advisor.rules/1"
    by_id = {rule["id"]: rule for rule in document["rules"]}
    assert by_id["LCP005"]["reads"] == ["llama_cpp.v_quantized", "llama_cpp.flash_attn"]
    assert by_id["LCP003"]["changes"] == {"llama_cpp.swa_full": False}


def test_check_runs_the_built_in_examples():
    result = run("rules", "check")
    assert result.exit_code == 0
    assert "all as they say" in result.output
    assert run("rules", "check", "--quiet").output == ""


@pytest.mark.parametrize("format_", ["text", "json"])
def test_check_of_a_team_folder(tmp_path, format_):
    (tmp_path / "PRV901-no-cloud-for-patients.yaml").write_text(TEAM)
    result = run("rules", "check", str(tmp_path), "--format", format_)
    assert result.exit_code == 0
    assert "1 rules, 2 examples" in result.output or json.loads(result.output)["examples"] == 2


def test_check_reports_an_example_that_is_wrong(tmp_path):
    path = tmp_path / "PRV901-no-cloud-for-patients.yaml"
    path.write_text(TEAM.replace("workload.data: patient, hardware.acquisition: rent", "workload.data: patient, hardware.acquisition: buy"))
    result = run("rules", "check", str(tmp_path))
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == f"{path}:14:12: examples[0]: expected fires: true, got false"


TEAM = """\
id: PRV901
title: Patient data never leaves the building
scope: inventory
severity: block
when: workload.data == 'patient' and hardware.acquisition in ['rent', 'hosted']
effect: reject
message: "{{ hardware.device }} is rented, and patient data never leaves the building: ask the data-protection officer."
evidence:
  - source: https://hospital.example/policies/12
    retrieved: 2026-11-20
    says: Patient data is processed on the premises alone.
examples:
  - given: {workload.data: patient, hardware.acquisition: rent}
    fires: true
  - given: {workload.data: internal, hardware.acquisition: rent}
    fires: false
"""
