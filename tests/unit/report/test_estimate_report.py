"""The two forms of an estimate: the same for the same input, complete, and readable."""

import json
import os
import re
import tempfile
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from advisor.catalog import load_catalog
from advisor.cli.app import app
from advisor.errors import AdvisorError, EngineFailed, UnknownArchitecture
from advisor.estimate.weights import gguf_weights
from advisor.report.estimate_json import estimate_schema
from advisor.synthesis.gguf import write_gguf
from tests.unit.engines.fake_llama_cpp import asked, python, report

GOLDEN = Path(__file__).parents[2] / "golden/estimate"
LLAMA_CPP = "google/gemma-3-27b-it --engine llama.cpp --quantization Q4_K_M --device rtx-3090 --context 32768 --parallel 4 --unified-kv"
ASKED = "Qwen/Qwen3-8B --engine llama.cpp --quantization Q4_K_M --device cpu --context 32768 --parallel 4"
VLLM = (
    "Qwen/Qwen3-32B --engine vllm --quantization fp8 --device h100-sxm --context 16384 --input-tokens 4000 --output-tokens 500 "
    "--concurrency 22 --price-per-hour 11.06"
)


def run(arguments):
    result = CliRunner().invoke(app, ["estimate", *arguments.split()], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(("name", "arguments"), [("llama_cpp", LLAMA_CPP), ("vllm", VLLM)])
def test_text_is_as_agreed(name, arguments):
    """ADVISOR_REWRITE_GOLDEN=1 writes the files anew; the difference is then reviewed."""
    text, path = run(arguments), GOLDEN / f"{name}.txt"
    if os.environ.get("ADVISOR_REWRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
    assert max(len(line) for line in text.splitlines()) <= 110


@pytest.mark.parametrize(
    "arguments",
    [
        LLAMA_CPP,
        VLLM,
        "Qwen/Qwen3-32B --engine vllm --quantization bf16 --device h100-sxm",
        "deepseek-ai/DeepSeek-V3 --engine llama.cpp --quantization Q4_K_M --device cpu --context 8192",
        "Qwen/Qwen3-8B --engine llama.cpp --quantization Q4_K_M --device cpu --runtime llama-cpp-server",
    ],
)
def test_json_holds_to_its_schema_with_every_key(arguments):
    document = json.loads(run(f"{arguments} --format json"))
    jsonschema.validate(document, estimate_schema())
    assert list(document)[:2] == ["schema", "model"]
    assert {"context_total_tokens", "context_per_request_tokens", "parallel_requests"} <= set(document["effective_settings"])
    assert list(document["performance"]["ttft_s"]) == ["p50", "p95", "p99"]


def test_settings_are_echoed_under_the_engines_own_names():
    server = json.loads(run(f"{LLAMA_CPP} --format json"))["effective_settings"]
    assert (server["ctx-size"], server["parallel"], server["kv-unified"], server["swa-full"]) == (32768, 4, True, False)
    vllm = json.loads(run(f"{VLLM} --format json"))["effective_settings"]
    assert (vllm["max-model-len"], vllm["max-num-seqs"], vllm["block-size"], vllm["tensor-parallel-size"]) == (16384, 1024, 16, 1)
    binding = json.loads(run("Qwen/Qwen3-8B --engine llama.cpp --quantization Q8_0 --device cpu --runtime llama-cpp-python --format json"))
    assert {"n_ctx": 512, "use_mmap": True, "use_mlock": False, "parallel": 1}.items() <= binding["effective_settings"].items()


def asking(folder, monkeypatch, *, kv_mib=4608.0):
    """An estimate whose engine is asked."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    architecture, quantization = load_catalog().model("Qwen/Qwen3-8B").architecture, load_catalog().quantization("Q4_K_M")
    size = gguf_weights(architecture, quantization).total_bytes
    answer = report(tensor_bytes=size, kv_mib=(kv_mib,), compute_mib=112.01, output_mib=2.32, context=(32768, 8192))
    return f"{ASKED} --ask-engine --engine-python {python(folder, answer)}"


def test_an_engine_that_was_asked_is_named_with_what_agrees(tmp_path, monkeypatch):
    arguments = asking(tmp_path, monkeypatch)
    document = json.loads(run(f"{arguments} --format json"))
    jsonschema.validate(document, estimate_schema())
    assert document["witness"]["source"] == "llama.cpp b11549 (llama-cpp-python 0.3.36), asked without loading"
    assert all(told["agrees"] for told in document["witness"]["told"])
    device = document["memory"]["devices"][0]
    assert (device["kv_cache_bytes"]["basis"], device["kv_cache_bytes"]["value"]) == ("exact", 4608 * 2**20)
    assert device["compute_buffer_bytes"]["source"] == document["witness"]["source"]
    text = run(arguments)
    assert "Asked   the engine itself" in text
    assert "as predicted: weights, kv cache" in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_a_difference_from_the_prediction_is_shown_and_counted(tmp_path, monkeypatch):
    text = run(asking(tmp_path, monkeypatch, kv_mib=9216.0))
    assert "kv cache: predicted 4.50 GiB, the engine says 9.00 GiB (+100.0 %)" in text
    assert "kv cache              9.00 GiB  exact" in text


def test_nobody_was_asked():
    assert json.loads(run(f"{ASKED} --format json"))["witness"] is None


def test_quiet_is_one_line():
    assert run(f"{LLAMA_CPP} --quiet") == "fits\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("Qwen/Qwen3-32B --engine vllm --quantization fp8 --device h100", "is three devices"),
        ("Qwen/Qwen3-32B --engine vllm --quantization fp8 --device h100-sxm --swap-space 4", "recomputed, never swapped"),
        ("Qwen/Qwen3-32B --engine vllm --quantization fp8 --device h100-sxm --tensor-parallel 0 --devices 1", "above 0"),
    ],
)
def test_wrong_questions_end_in_one_sentence_and_exit_code_2(arguments, message):
    result = CliRunner().invoke(app, ["estimate", *arguments.split()])
    assert isinstance(result.exception, AdvisorError)
    assert result.exception.exit_code == 2
    assert message in str(result.exception)


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """A file of an architecture that only its engine knows."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = tmp_path / "strange.gguf"
    write_gguf(path, load_catalog().model("Qwen/Qwen3-0.6B").architecture, load_catalog().quantization("Q8_0"), sparse=True)
    with path.open("r+b") as file:
        head = file.read(1 << 16)
        file.seek(0)
        file.write(head.replace(b"qwen3", b"other"))
    return path


def test_an_unknown_architecture_is_left_to_the_engine_where_it_is_asked(strange, tmp_path):
    answer = report(tensor_bytes=639_446_016, kv_mib=(448.0,), compute_mib=300.0, context=(4096, 1024))
    engine = python(tmp_path, answer)
    arguments = f"{strange} --engine llama.cpp --device cpu --context 4096 --parallel 4 --ask-engine --engine-python {engine}"
    document = json.loads(run(f"{arguments} --format json"))
    assert (document["schema"], document["architecture"]) == ("advisor.witness/1", "other")
    assert (document["weights_bytes"], document["kv_cache_bytes"], document["context_per_request_tokens"]) == (
        639_446_016,
        448 * 2**20,
        1024,
    )
    assert document["effective_settings"]["ctx-size"] == asked(tmp_path)["settings"]["ctx_size"] == 4096
    assert asked(tmp_path)["model"] == str(strange)
    text = run(arguments)
    assert "architecture 'other' is not known to the advisor; only the engine was asked" in text
    assert re.search(r"kv cache +448\.00 MiB", text)


def test_what_the_engine_does_not_know_either_is_refused_in_its_words(strange, tmp_path):
    engine = python(tmp_path, {"error": "the model was not loaded: unknown model architecture: 'other'"})
    arguments = f"estimate {strange} --engine llama.cpp --device cpu --ask-engine --engine-python {engine}"
    result = CliRunner().invoke(app, arguments.split())
    assert isinstance(result.exception, EngineFailed)
    assert "unknown model architecture: 'other'" in str(result.exception)


def test_without_asking_it_is_refused_with_the_way_out(strange):
    result = CliRunner().invoke(app, ["estimate", str(strange), "--engine", "llama.cpp", "--device", "cpu"])
    assert isinstance(result.exception, UnknownArchitecture)
    assert "'other' is not known" in str(result.exception)
