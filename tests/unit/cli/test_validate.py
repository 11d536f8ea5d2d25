"""`advisor validate` through every fault of an engine: its exit code, one error, no evidence, nothing left running."""

import os
import stat
import sys
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from advisor.cli import validating
from advisor.cli.app import app
from advisor.errors import AdvisorError
from tests.unit.cli.small_plan import small_plan, small_workload

FAKE = Path(__file__).parents[2] / "fakes" / "fake_engine.py"
PROBED = '{"version": "0.3.36", "site_folder": "/site", "system_info": "CPU : AVX2 = 1", "offloads": false}'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a plan, and a model file that nobody has to write."""
    (tmp_path / "workload.yaml").write_text(small_workload())
    (tmp_path / "plan.yaml").write_text(small_plan())
    monkeypatch.setattr(validating, "make_synthetic", lambda *_, **__: tmp_path / "model.gguf")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def engine(folder, *behaviour):
    """An interpreter that has llama_cpp, and then does this instead of validating."""
    path = folder / "python"
    command = " ".join([sys.executable, str(FAKE), *behaviour])
    path.write_text(f"#!/bin/sh\nif [ \"$1\" = -c ]; then echo '{PROBED}'; else exec {command}; fi\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def run(folder, *arguments):
    """Exit code and what was said, as `advisor` would end."""
    result = CliRunner().invoke(app, ["validate", str(folder / "plan.yaml"), *arguments])
    if isinstance(result.exception, AdvisorError):
        return result.exception.exit_code, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("behaviour", "code", "says"),
    [
        (["refuse"], 4, "unknown architecture"),
        (["crash", "SIGABRT"], 4, "SIGABRT"),
        (["crash", "SIGKILL"], 4, "lack of memory"),
        (["hang"], 5, "not finished after 1 s"),
        (["ignore_sigterm"], 5, "not finished after 1 s"),
        (["garbage"], 4, "without a report"),
        (["silent"], 4, "without a report"),
        (["answer"], 4, "does not belong to this version"),
        (["flood", "one", "stderr"], 4, "more output"),
    ],
)
def test_each_fault_of_the_engine(folder, behaviour, code, says):
    limit = "1" if code == 5 else "60"
    answer = run(folder, "--synthetic", "--in-process", "--engine-python", engine(folder, *behaviour), "--time-limit", limit, "--quiet")
    assert answer[0] == code
    assert says in answer[1]
    assert not (folder / "evidence").exists()
    assert [child for child in psutil.Process().children(recursive=True) if str(FAKE) in " ".join(child.cmdline())] == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "not asked for, because HF_HUB_OFFLINE is set"),
        (["--synthetic", "--concurrency", "9"], 2, "4 slots"),
        (["--synthetic", "--concurrency", "1,x"], 2, "separated by commas"),
        (["--synthetic", "--deployment", "note"], 2, "did you mean notes"),
        (["--synthetic", "--model", "x.gguf"], 2, "give one of them"),
        (["--model", "missing.gguf"], 2, "missing.gguf"),
    ],
)
def test_what_was_typed_wrong(folder, arguments, code, says, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answer = run(folder, *arguments, "--in-process", "--engine-python", engine(folder, "silent"))
    assert (answer[0], says in answer[1]) == (code, True), answer[1]


@pytest.mark.parametrize("how", [[], ["--in-process"]])
def test_no_engine_is_not_proven(folder, how):
    code, said = run(folder, "--synthetic", *how, "--engine-python", "/bin/false")
    assert code == 3
    assert ("--in-process" in said) == (not how)
    assert "advisor engines install llama.cpp" in said


def test_no_vllm_is_not_proven(folder):
    vllm = small_plan(
        engine="{name: vllm, runtime: vllm-serve, version: 0.33.0, backend: cuda}", quantization="bf16", device="h100-sxm", settings={}
    )
    (folder / "plan.yaml").write_text(vllm)
    code, said = run(folder, "--synthetic", "--engine-python", "/bin/false")
    assert (code, "no vLLM here" in said) == (3, True), said


def test_engines_and_evidence_commands_answer(folder, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("PATH", os.defpath)
    result = CliRunner().invoke(app, ["evidence", "verify", str(folder / "plan.yaml")])
    assert (result.exit_code, result.output.strip()) == (3, "notes: no evidence")
    for arguments in (["engines", "install", "vllm"], ["engines", "install", "lamacpp"], ["engines", "remove", "llama.cpp", "--yes"]):
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, AdvisorError)
        assert result.exception.exit_code == 2
    result = CliRunner().invoke(app, ["engines", "install", "llama.cpp"])
    assert "add --yes" in str(result.exception)
