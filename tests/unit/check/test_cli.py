"""The command: exit codes, both outputs, standard input, nothing to check."""

import json

import pytest
from typer.testing import CliRunner

from advisor.cli.app import app

from .test_plan_file import edit


def run(*arguments, text=None):
    return CliRunner().invoke(app, [*map(str, arguments)], input=text)


def test_exit_codes_follow_fail_on(case):
    folder = case("notes")
    assert run("check", folder / "plan.yaml").exit_code == 0
    assert run("check", folder / "plan.yaml", "--fail-on", "note").exit_code == 1
    edit(folder / "plan.yaml", r"( weights_gib: {expect: )[0-9.]+", r"\g<1>1.5")
    assert run("check", folder / "plan.yaml").exit_code == 1
    (folder / "bad.yaml").write_text("a: [\n")
    result = run("check", folder / "plan.yaml", folder / "bad.yaml")
    assert result.exit_code == 2
    assert "bad.yaml:2:1" in result.output and "PLN001" in result.output


@pytest.mark.parametrize("content", ["", "on: push\n"])
def test_nothing_to_check_is_no_yes(tmp_path, content):
    (tmp_path / "ci.yaml").write_text(content)
    for named in (tmp_path, tmp_path / "ci.yaml"):
        result = run("check", named)
        assert result.exit_code == 3
        assert "nothing to check here" in result.output
    assert json.loads(run("check", tmp_path, "--format", "json").stdout)["checked"] == []


def test_a_sound_workload_is_something(case):
    folder = case("letters")
    result = run("check", folder / "workload.yaml")
    assert result.exit_code == 0, result.output


def test_json(case):
    folder = case("notes")
    edit(folder / "plan.yaml", r"( weights_gib: {expect: )[0-9.]+", r"\g<1>1.5")
    document = json.loads(run("check", folder / "plan.yaml", "--format", "json").stdout)
    assert document["schema"] == "advisor.findings/1"
    (finding,) = [each for each in document["findings"] if each["severity"] == "block"]
    assert set(finding) == {"file", "line", "column", "severity", "rule", "basis", "message"}
    assert document["counts"]["block"] == 1


def test_rendered_manifests_on_standard_input(case):
    folder = case("letters")
    text = run("render", folder / "plan.yaml", "--target", "kubernetes", "--quiet").stdout
    result = run("check", "-", "--plan", folder / "plan.yaml", "--fail-on", "warn", text=text)
    assert result.exit_code == 0, result.output
    assert "1 deployment" in result.output


def test_a_folder_is_walked_without_noise(case):
    folder = case("letters")
    run("render", folder / "plan.yaml", "--target", "kubernetes", "--output", folder / "deploy")
    (folder / "ci.yaml").write_text("on: push\n")
    result = run("check", folder, "--fail-on", "warn")
    assert result.exit_code == 0, result.output
    assert "ci.yaml" not in result.output and "2 deployments" in result.output


@pytest.mark.parametrize("arguments", [("--target", "helm"), ("--target", "compose", "--registry", "https://x")])
def test_render_refuses(case, arguments):
    result = run("render", case("letters") / "plan.yaml", *arguments)
    assert result.exit_code != 0


def test_manifests_in_a_folder_below_find_the_plan(case):
    folder = case("letters")
    assert run("render", folder / "plan.yaml", "--target", "kubernetes", "--output", folder / "deploy" / "k8s").exit_code == 0
    edit(folder / "deploy" / "k8s" / "deployment.yaml", r"--max-num-seqs=\d+", "--max-num-seqs=7")
    result = run("check", folder / "deploy", "--fail-on", "warn")
    assert result.exit_code == 1 and "DRF001" in result.output


def test_a_plan_of_the_same_run_is_found_wherever_it_lies(case):
    folder, elsewhere = case("letters"), case("notes")
    assert run("render", folder / "plan.yaml", "--target", "kubernetes", "--output", elsewhere / "x").exit_code == 0
    edit(elsewhere / "x" / "deployment.yaml", r"replicas: 3", "replicas: 4")
    assert "DRF002" in run("check", folder / "plan.yaml", elsewhere / "x").output


@pytest.mark.parametrize(("target", "code"), [("command", 0), ("kubernetes", 1), ("compose", 1)])
def test_without_a_published_image_only_a_command_is_rendered(case, target, code):
    folder = case("notes")
    edit(folder / "plan.yaml", r"(?m)^    image: .*\n", "")
    edit(folder / "plan.yaml", r"backend: cuda", "backend: vulkan")
    result = run("render", folder / "plan.yaml", "--target", target)
    assert result.exit_code == code, result.output
    assert not code or "--target command" in str(result.exception)


@pytest.mark.parametrize(("name", "text"), [('"a: b\\\\nkind: Secret"', "not a usable name"), ("My letters", "RFC 1035")])
def test_render_refuses_a_hostile_name(case, name, text):
    folder = case("letters")
    edit(folder / "plan.yaml", r"- name: letters", f"- name: {name}")
    result = run("render", folder / "plan.yaml", "--target", "kubernetes")
    assert result.exit_code != 0 and text in str(result.exception)


def test_render_is_the_same_twice_and_keeps_edits(case):
    folder = case("letters")
    command = ("render", folder / "plan.yaml", "--target", "compose", "--output", folder / "deploy")
    assert run(*command).exit_code == 0
    first = (folder / "deploy" / "compose.yaml").read_bytes()
    assert run(*command).exit_code == 0
    assert (folder / "deploy" / "compose.yaml").read_bytes() == first
    (folder / "deploy" / "compose.yaml").write_text("# mine\n")
    assert run(*command).exit_code != 0
    assert (folder / "deploy" / "compose.yaml").read_text() == "# mine\n"
    assert run(*command, "--force").exit_code == 0
