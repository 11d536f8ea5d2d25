"""Plan, validate, verify on the real vLLM as deployed; ADVISOR_VLLM_PYTHON names an interpreter that has it."""

import json
import os
import re

import psutil
import pytest
from typer.testing import CliRunner

from advisor.cli import validating
from advisor.cli.app import app
from advisor.synthesis.hf_folder import write_hf_folder

PYTHON = os.environ.get("ADVISOR_VLLM_PYTHON")
pytestmark = [pytest.mark.live, pytest.mark.skipif(not PYTHON, reason="ADVISOR_VLLM_PYTHON is not set")]
WORKLOAD = """\
schema: advisor.workload/1
name: notes
task: summarisation
models: [Qwen/Qwen3-0.6B]
quality: {quantization_loss: any}
load: {in_flight: 2}
request:
  input_tokens: {p50: 24, p95: 64, max: 400}
  output_tokens: {p50: 8, p95: 16, max: 100}
privacy: {stays_on: this_device}
hardware: {this_machine: true}
"""


@pytest.fixture
def zeros(tmp_path, monkeypatch):
    """A folder whose tensors are holes: the same bytes in memory, none on the disk."""

    def make(architecture, quantization, **_):
        path = tmp_path / quantization.id
        if not path.exists():
            write_hf_folder(path, architecture, quantization=quantization, weights="sparse")
        return path

    monkeypatch.setattr(validating, "make_synthetic_folder", make)


def advisor(*arguments):
    """Exit code and output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def plan(folder):
    """A pool of half a GiB: other tests need memory too."""
    (folder / "workload.yaml").write_text(WORKLOAD)
    path = folder / "plan.yaml"
    code, said = advisor("plan", folder / "workload.yaml", "-o", path, "--insist", "engine=vllm")
    assert code in (0, 1), said
    small = "kv-cache-memory-bytes: {value: 536870912}\n      max-num-seqs: {value: 4}\n      enforce-eager: {value: true}\n"
    text = re.sub(r"max-num-seqs:.*\n", small, path.read_text())
    path.write_text(re.sub(r"\nclaims:.*?\ninstead:", "\nclaims:\n  notes: {}\ninstead:", text, flags=re.DOTALL))
    return path


def test_the_pool_the_context_and_the_memory_are_as_planned(tmp_path, zeros):
    path = plan(tmp_path)
    running = ["--synthetic", "--yes", "--concurrency", "1", "--time-limit", "500", "--format", "json", "--quiet"]
    code, said = advisor("validate", path, *running)
    assert code in (0, 3, 5), said  # 3: the plan may require speeds, which nobody promised here
    answer = json.loads(said)
    claims = {claim["name"]: claim for claim in answer["claims"]}
    for name in ("starts", "context_per_request_tokens", "settings_as_planned", "memory_bytes"):
        assert claims[name]["requirement"] == "proven", claims[name]
    for name in ("num_blocks", "max_concurrency_x", "kv_cache_bytes_per_token"):
        assert claims[name]["prediction"] == "right", claims[name]
    assert answer["engine"]["name"] == "vllm"
    rungs = [(row["concurrency"], row["requests"], row["failed"]) for row in answer["benchmark"] if "goodput" in row]
    assert rungs == [(1, 4, 0)] or answer["contention"]["disturbed"]  # on a busy machine the time may not suffice
    assert answer["memory"]["end_proportional_bytes"] > 1024**3
    assert str(tmp_path) not in next((tmp_path / "evidence").iterdir()).read_text()
    assert [child for child in psutil.Process().children(recursive=True) if "vllm" in " ".join(child.cmdline())] == []
