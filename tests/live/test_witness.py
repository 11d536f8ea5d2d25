"""llama.cpp's own report of caches, states and weights against the prediction, for every structure: sized without loading, and loaded."""

import json
import os
from dataclasses import asdict

import pytest

from advisor.architectures.cut_down import cut_down, least_layers
from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.domain.model import Model
from advisor.engines.find import find_llama_cpp
from advisor.engines.llama_cpp_log import ROUNDING_BYTES, parse_log
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.engines.witness import ask_engine
from advisor.errors import EngineFailed
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.estimate.witnessed import with_witness
from advisor.intake.candidate import build_candidate
from advisor.synthesis.gguf import write_gguf
from tests.unit.cli.command_line import advisor
from tests.unit.synthesis.tiny_models import TINY

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("ADVISOR_LLAMA_CPP_PYTHON"), reason="ADVISOR_LLAMA_CPP_PYTHON is not set"),
]
CATALOG = load_catalog()
RECORD = CATALOG.engine("llama.cpp")
FULL_SIZE = [
    ("meta-llama/Llama-3.1-8B-Instruct", "BF16"),
    ("Qwen/Qwen3-8B", "Q4_K_M"),
    ("google/gemma-3-12b-it", "Q8_0"),
    ("Qwen/Qwen3-30B-A3B", "Q4_K_M"),
    ("deepseek-ai/DeepSeek-V3", "Q4_K_M"),
    ("Qwen/Qwen3-Next-80B-A3B-Instruct", "Q8_0"),
]
LOADED = [
    ("llama", "BF16"),
    ("llama", "Q4_K_M"),
    ("qwen3", "Q4_K_M"),
    ("gemma3", "Q8_0"),
    ("qwen3moe", "Q4_K_M"),
    ("deepseek2", "Q8_0"),
    ("granitehybrid", "Q8_0"),
    ("qwen3next", "Q8_0"),
]
SMOKE = {"mode": "smoke", "concurrency": [1, 3], "prompt_tokens": 12, "output_tokens": 4, "repeats": 1, "time_limit_s": 60, "seed": 0}


@pytest.fixture(scope="module")
def engine():
    return find_llama_cpp()


def estimated(model, quantization, **flags):
    candidate = build_candidate(
        CATALOG,
        model=model,
        quantization=quantization,
        engine="llama.cpp",
        runtime=None,
        version=None,
        node=CATALOG.node("cpu", 1),
        devices=1,
        parallelism=Parallelism(),
        flags=flags,
    )
    weights = checkpoint_weights(
        candidate.model.architecture, candidate.checkpoint, CATALOG.quantization(quantization), parallelism=Parallelism()
    )
    memory = estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=100, longest_tokens=100)
    return candidate, weights, memory


@pytest.mark.parametrize(("name", "quantization"), FULL_SIZE)
def test_a_full_size_model_is_sized_as_predicted_without_loading(engine, name, quantization):
    candidate, weights, memory = estimated(CATALOG.model(name), quantization, ctx_size=16384, parallel=3)
    witness = ask_engine(candidate, CATALOG.quantization(quantization), RECORD, engine_python=str(engine.python))
    asked, testimony = with_witness(memory, witness, candidate=candidate, weights=weights)
    told = {one.name: one for one in testimony.told}
    assert {"weights_bytes", "kv_cache_bytes", "recurrent_state_bytes", "compute_buffer_bytes", "output_buffer_bytes"} <= set(told)
    exact = [one for name_, one in told.items() if name_ != "compute_buffer_bytes"]
    assert [one for one in exact if not one.agrees] == []
    assert asked.devices[0].kv_cache_bytes.value == memory.devices[0].kv_cache_bytes.value
    assert asked.devices[0].compute_buffer_bytes.basis == "exact"


@pytest.mark.parametrize(("name", "quantization"), [*LOADED, ("Qwen/Qwen3-0.6B", "Q4_K_M"), ("meta-llama/Llama-3.2-1B-Instruct", "Q8_0")])
def test_a_loaded_model_generates_and_holds_what_was_predicted(engine, tmp_path, name, quantization):
    architecture = TINY.get(name) or cut_down(CATALOG.model(name).architecture, 1 + least_layers(CATALOG.model(name).architecture))
    candidate, weights, memory = estimated(Model(name, architecture, "none", ()), quantization, ctx_size=2048, parallel=3, ubatch_size=256)
    path = tmp_path / "model.gguf"
    write_gguf(path, architecture, CATALOG.quantization(quantization))
    settings = {**asdict(candidate.settings), "threads": 1}
    report = ask_validator(
        engine.python, "llama_cpp_smoke.py", {**SMOKE, "model": str(path), "settings": settings}, name="llama.cpp", limits=Limits(120, 60)
    )
    log, device = parse_log(report["log"]), memory.devices[0]
    assert log.kv_cache_bytes == pytest.approx(device.kv_cache_bytes.value, abs=2 * ROUNDING_BYTES)
    assert (log.recurrent_state_bytes or 0.0) == pytest.approx(device.recurrent_state_bytes.value, abs=ROUNDING_BYTES)
    assert report["model"]["tensor_bytes"] == weights.total_bytes
    assert (report["context"]["n_ctx"], report["context"]["n_ctx_seq"]) == (memory.context_total_tokens, memory.context_per_request_tokens)
    assert all(row["complete"] and row["logits_finite"] for row in report["benchmark"])


def test_the_command_asks_and_leaves_nothing(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    question = ("estimate", "google/gemma-3-27b-it", "--engine", "llama.cpp", "--quantization", "Q4_K_M", "--device", "rtx-3090")
    ended = advisor(*question, "--context", "32768", "--ask-engine", "--engine-python", engine.python, "--format", "json")
    assert ended.code == 0
    witness = json.loads(ended.out)["witness"]
    assert all(one["agrees"] for one in witness["told"])
    assert any("rtx-3090" in remark for remark in witness["remarks"])
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_architecture_is_refused_in_the_engines_words(engine, tmp_path):
    path = tmp_path / "model.gguf"
    candidate, _, _ = estimated(Model("tiny", TINY["qwen3"], "none", ()), "Q8_0", ctx_size=512)
    write_gguf(path, TINY["qwen3"], CATALOG.quantization("Q8_0"), sparse=True)
    path.write_bytes(path.read_bytes().replace(b"qwen3", b"qwenX"))
    with pytest.raises(EngineFailed, match="unknown model architecture: 'qwenX'"):
        ask_engine(candidate, CATALOG.quantization("Q8_0"), RECORD, engine_python=str(engine.python), file=path)
