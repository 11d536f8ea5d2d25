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
from tests.unit.cli.small_plan import small_plan, small_workload

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
    assert answer["memory"]["end_proportional_bytes"] > 1024**3
    assert str(tmp_path) not in next((tmp_path / "evidence").iterdir()).read_text()
    assert [child for child in psutil.Process().children(recursive=True) if "vllm" in " ".join(child.cmdline())] == []


ON_A_CARD = "{name: vllm, runtime: vllm-serve, version: 0.33.0, backend: cuda}"
SETTINGS = {"max-model-len": 4096, "max-num-seqs": 64, "gpu-memory-utilization": 0.92, "tensor-parallel-size": 1, "kv-cache-dtype": "auto"}
SMALLER = [
    "device 1 x h100-sxm -> cpu",
    "layers 28 -> 2",
    "max-model-len 4096 -> 2048",
    "max-num-seqs 64 -> 8",
    "without gpu-memory-utilization 0.92",
    "without tensor-parallel-size 1",
    "kv-cache-memory-bytes 0.5 GiB added",
]


@pytest.mark.parametrize(("quantization", "lighter"), [("bf16", None), ("fp8", "weights fp8 -> bf16 (fp8 does not run on cpu: ")])
def test_scaled_down_from_a_card_it_starts_and_its_blocks_are_right_and_nothing_more_is_proven(tmp_path, zeros, quantization, lighter):
    (tmp_path / "workload.yaml").write_text(small_workload(hardware="{owned: [{device: h100-sxm}]}"))
    path = tmp_path / "plan.yaml"
    required = "starts, kv_capacity_tokens, context_per_request_tokens"
    path.write_text(small_plan(engine=ON_A_CARD, quantization=quantization, device="h100-sxm", settings=SETTINGS, required=required))
    code, said = advisor(
        "validate", path, "--scale-down", "--yes", "--concurrency", "1", "--time-limit", "500", "--format", "json", "--quiet"
    )
    assert code == 3, said
    answer = json.loads(said)
    claims = {claim["name"]: claim for claim in answer["claims"]}
    assert {claim["requirement"] for claim in claims.values() if claim["gates"]} == {"not tested"}
    assert claims["kv_capacity_tokens"]["measured"] is None
    assert (claims["starts"]["measured"], claims["settings_as_planned"]["measured"]) == (1.0, 1.0)
    for name in ("num_blocks", "kv_cache_bytes", "kv_cache_bytes_per_token"):
        assert (claims[name]["prediction"], claims[name]["basis"]) == ("right", "exact"), claims[name]
    assert claims["kv_cache_bytes"]["measured"] == 2**29
    assert claims["kv_cache_bytes_per_token"]["measured"] == 2 * 8 * (128 + 128) * 2, "2 layers, 8 heads, keys and values of 128, 2 bytes"
    said_smaller = [text for text in answer["reduced"] if not text.startswith(("engine version", "weights"))]
    assert said_smaller == SMALLER
    assert [text for text in answer["reduced"] if text.startswith("weights")] == [] if lighter is None else True
    assert lighter is None or any(text.startswith(lighter) for text in answer["reduced"])
    (written,) = (json.loads(file.read_text()) for file in (tmp_path / "evidence").iterdir())
    assert (written["hardware"], written["device"], written["settings"]) == ("scaled", "cpu", SETTINGS)
    assert (written["engine"]["planned_version"], written["engine"]["planned_backend"]) == ("0.33.0", "cuda")
    assert advisor("evidence", "verify", path)[0] == 3
    assert psutil.Process().children(recursive=True) == []
