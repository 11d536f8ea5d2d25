"""`advisor crossover`: what it starts, what it says was reduced, and how it ends; both engines are pretended."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.cli import crossing
from advisor.engines.find import FoundServer
from advisor.errors import EngineFailed, Interrupted, NotProven, TimedOut
from advisor.validation.crossover import run
from advisor.validation.smoke import ladder
from tests.unit.cli.command_line import advisor, refused
from tests.unit.validation.hosts import BUSY, QUIET, watching

FAKE = Path(__file__).parents[2] / "fakes/any_server.py"
QUICK = ("--concurrency", "1,2", "--input-tokens", "8", "--output-tokens", "4", "--time-limit", "300")
SMALL = ("Qwen/Qwen3-0.6B", "--layers", "1", *QUICK)


@pytest.fixture(autouse=True)
def engines(tmp_path, monkeypatch):
    """Servers that stream at once on a machine of their own; model files that are only names."""
    monkeypatch.setattr(ladder, "watch_host", watching(QUIET))
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
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert [(curve["engine"], curve["runtime"]) for curve in document["curves"]] == [("llama.cpp", "llama-server"), ("vllm", "vllm-serve")]
    assert [[point["concurrency"] for point in curve["points"]] for curve in document["curves"]] == [[1, 2], [1, 2]]
    assert all(point["failed"] == 0 for curve in document["curves"] for point in curve["points"])
    assert document["faults"] == []
    assert document["reduced"] == ["weights: made up, as many and of the same types as the model's", "layers 28 -> 1"]
    assert "vllm: 2 at once" in ended.err
    assert "writing qwen3-BF16" in ended.err


def test_two_formats_are_said_and_quiet_is_the_finding_alone():
    ended = advisor("crossover", *SMALL, "--quantization", "Q8_0, bf16", "--quiet", "--yes")
    assert ended.out.count("\n") == 1
    assert "ahead" in ended.out or "overtakes" in ended.out or "even" in ended.out  # a matter of two pretended servers' milliseconds
    assert "formats differ: llama.cpp Q8_0, vllm bf16" in advisor("crossover", *SMALL, "--quantization", "Q8_0,bf16").out


@pytest.mark.parametrize(("state", "code"), [(QUIET, 0), (BUSY, 5)])
def test_a_busy_machine_is_no_measurement(monkeypatch, state, code):
    monkeypatch.setattr(ladder, "watch_host", watching(state))
    ended = advisor("crossover", *SMALL)
    assert ended.code == code
    assert ("measurement invalid" in ended.out) == ("again (2 of 2)" in ended.err) == (code == 5)


FAULTS = [
    (EngineFailed("vllm-serve: was killed (signal 9)"), 4),
    (TimedOut("vllm-serve: not ready after 45 s"), 5),
    (NotProven("vllm-serve: cannot be started"), 3),
    (Interrupted(2), 130),
    (Interrupted(15), 143),
]


@pytest.fixture
def vllm_fails(monkeypatch):
    def with_error(error):
        real = run.running

        def fail(program, **limits):
            if "vLLM" in program.name:
                raise error
            return real(program, **limits)

        monkeypatch.setattr(run, "running", fail)

    return with_error


@pytest.mark.parametrize(("error", "code"), FAULTS)
def test_what_the_first_engine_showed_is_printed_when_the_second_fails(vllm_fails, error, code):
    vllm_fails(error)
    ended = advisor("crossover", *SMALL)
    assert ended.code == code
    assert re.search(r"^ +2 +\S+ +\S+ m?s +\S+ m?s$", ended.out, re.M)
    assert "(predicted " in ended.out
    assert "Measured   only llama.cpp was measured: nothing to compare" in ended.out
    assert ended.err.count(str(error)) == 1


def test_the_document_tells_the_failure_beside_the_curve(vllm_fails):
    vllm_fails(EngineFailed("vllm-serve: was killed (signal 9)"))
    ended = advisor("crossover", *SMALL, "--format", "json", "--quiet")
    document = json.loads(ended.out)
    assert ended.code == 4
    assert [curve["engine"] for curve in document["curves"]] == ["llama.cpp"]
    assert all(point["predicted"]["value"] > 0 for point in document["curves"][0]["points"])
    assert (document["measured"], document["predicted"]) == (None, None)
    assert document["faults"] == [{"engine": "vllm", "exit_code": 4, "message": "vllm-serve: was killed (signal 9)"}]


def test_nothing_is_printed_when_nothing_was_measured(monkeypatch):
    def fail(program, **_):
        raise EngineFailed(f"{program.name} refused")

    monkeypatch.setattr(run, "running", fail)
    ended = advisor("crossover", *SMALL, "--format", "json", "--quiet")
    assert (ended.code, ended.out) == (4, "")
    assert [line.split(":")[0] for line in ended.err.splitlines() if "refused" in line] == ["llama.cpp", "vllm"]


def test_what_is_not_compiled_is_said():
    assert "enforce-eager: it starts sooner" in advisor("crossover", *SMALL, "--enforce-eager").out


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
