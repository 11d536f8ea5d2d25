"""`advisor crossover`: what it starts, what it says was reduced, and how it ends; both engines are pretended."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.cli import crossing
from advisor.engines.find import FoundServer
from advisor.errors import NotProven
from advisor.validation.contention import Contention
from tests.unit.cli.command_line import advisor, refused

FAKE = Path(__file__).parents[2] / "fakes/any_server.py"
QUICK = ("--concurrency", "1,2", "--input-tokens", "8", "--output-tokens", "4", "--time-limit", "60")
SMALL = ("Qwen/Qwen3-0.6B", "--layers", "1", *QUICK)
QUIET = Contention(0.0, 1.0, 1.0, 0.1, 2)


@pytest.fixture(autouse=True)
def engines(tmp_path, monkeypatch):
    """Servers that stream at once; model files that are only names."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script = tmp_path / "server"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" 0.001 "$@"\n')
    script.chmod(0o755)
    vllm = SimpleNamespace(version="0.32.0", python=script, origin="a test", backend="cpu", problem="", program=lambda: script)
    monkeypatch.setattr(crossing, "find_llama_cpp", lambda _: SimpleNamespace(version="0.3.36", offloads=False))
    monkeypatch.setattr(crossing, "find_llama_server", lambda *_, **__: FoundServer(script, "a test", {}))
    monkeypatch.setattr(crossing, "find_vllm", lambda _: vllm)
    monkeypatch.setattr(crossing, "make_synthetic", lambda *_, **__: tmp_path / "model.gguf")
    return vllm


def test_both_curves_and_what_was_reduced():
    ended = advisor("crossover", *SMALL, "--format", "json")
    assert ended.code in (0, 5), ended.err  # 5: whoever runs this has a busy machine
    document = json.loads(ended.out)
    assert [(curve["engine"], curve["runtime"]) for curve in document["curves"]] == [("llama.cpp", "llama-server"), ("vllm", "vllm-serve")]
    assert [[point["concurrency"] for point in curve["points"]] for curve in document["curves"]] == [[1, 2], [1, 2]]
    assert all(point["failed"] == 0 for curve in document["curves"] for point in curve["points"])
    assert document["reduced"] == ["weights: made up, as many and of the same types as the model's", "layers 28 -> 1"]
    assert "vllm: 2 at once" in ended.err
    assert "writing qwen3-BF16" in ended.err


def test_two_formats_are_said_and_quiet_is_the_finding_alone():
    ended = advisor("crossover", *SMALL, "--quantization", "Q8_0, bf16", "--quiet", "--yes")
    assert ended.out.count("\n") == 1
    assert "at once" in ended.out
    assert "formats differ: llama.cpp Q8_0, vllm bf16" in advisor("crossover", *SMALL, "--quantization", "Q8_0,bf16").out


@pytest.mark.parametrize(("contention", "code"), [(QUIET, 0), (Contention(0.9, 50.0, 9.0, 20.0, 2), 5)])
def test_a_busy_machine_is_no_measurement(monkeypatch, contention, code):
    from dataclasses import replace

    real = crossing.measure
    monkeypatch.setattr(crossing, "measure", lambda *a, **k: tuple(replace(curve, contention=contention) for curve in real(*a, **k)))
    ended = advisor("crossover", *SMALL)
    assert ended.code == code
    assert ("measurement invalid" in ended.out) == (code == 5)


def test_an_absent_engine_proves_nothing(monkeypatch):
    def absent(_):
        raise NotProven("no vLLM here: advisor engines install vllm --cpu")

    monkeypatch.setattr(crossing, "find_vllm", absent)
    ended = advisor("crossover", *SMALL)
    assert (ended.code, ended.out) == (3, "")
    assert "advisor engines install vllm --cpu" in ended.err


def test_a_vllm_that_cannot_serve_proves_nothing(engines):
    engines.problem = "`vllm serve` cannot start"
    ended = advisor("crossover", *SMALL)
    assert ended.code == 3
    assert "`vllm serve` cannot start: nothing was measured" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("google/gemma-3-4b-it", "--layers", "3"), "takes the first 6"),
        (("Qwen/Qwen3-0.6B", "--concurrency", "none"), "numbers above 0"),
        (("Qwen/Qwen3-0.6B", "--concurrency", ""), "at least one number"),
        (("Qwen/Qwen3-0.6B", "--quantization", "Q8_0,bf16,fp16"), "one for both engines"),
        (("Qwen/Qwen3-0.6B", "--quantization", "Q8_0,fp8"), "fp8 does not run on cpu"),
        (("Qwen/Qwen3-0.7B",), "Qwen/Qwen3-0.6B"),
    ],
)
def test_wrong_questions_are_refused_in_one_sentence(arguments, says):
    refused("crossover", *arguments, says=says)


def test_a_model_too_large_for_the_machine_proves_nothing():
    ended = advisor("crossover", "meta-llama/Llama-3.1-405B-Instruct", *QUICK)
    assert ended.code == 3
    assert "cut it down with --layers" in ended.err
