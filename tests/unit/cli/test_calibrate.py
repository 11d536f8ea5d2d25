"""`advisor calibrate` and what later plans make of it; both engines and the memory test are pretended."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.cli import calibrating
from advisor.domain.kernels import KernelTimes, ProductCost
from advisor.engines.find import FoundServer
from advisor.errors import EngineFailed, Interrupted, NotProven
from advisor.intake import calibrated
from advisor.intake.machine import inspect_machine
from advisor.validation.calibrate import rates, run
from advisor.validation.calibrate.kernels import Kernels
from advisor.validation.contention import Contention
from advisor.validation.crossover.curves import Curve, Point
from advisor.validation.smoke import ladder
from tests.unit.cli.command_line import advisor, names
from tests.unit.cli.small_plan import small_workload
from tests.unit.validation.hosts import BUSY, QUIET, watching

FAKE = Path(__file__).parents[2] / "fakes/any_server.py"
MACHINE = inspect_machine().id
TOKEN_S = 0.006
COST = ProductCost(weight_s=4e-11, row_s=1e-8)
KERNELS = Kernels((KernelTimes("Q6_K", one=COST, further=ProductCost(1e-11, 0.0), prompt=ProductCost(5e-12, 0.0)),), ())
TOLD = {"threads": 2, "read_bytes_per_s": 20e9, "copy_bytes_per_s": 40e9, "flops_per_s": 3e11}
DEVICES = ("--input-tokens", "100", "--output-tokens", "20", "--format", "json")
ESTIMATE = ("estimate", "Qwen/Qwen3-0.6B", "--engine", "llama.cpp", "--quantization", "Q6_K", *DEVICES)


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """Servers that stream a token each TOKEN_S on a machine of their own; model files that are only names."""
    monkeypatch.setattr(ladder, "watch_host", watching(QUIET))
    monkeypatch.setattr(rates, "watch_host", watching(QUIET))
    monkeypatch.setattr(rates, "ask_validator", lambda *_, **__: TOLD)
    monkeypatch.setattr(calibrated, "machines_folder", lambda: tmp_path / "machines")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script = tmp_path / "server"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" {TOKEN_S} "$@"\n')
    script.chmod(0o755)
    vllm = SimpleNamespace(version="0.32.0", python=script, origin="a test", backend="cpu", problem="", program=lambda: script)
    llama_cpp = SimpleNamespace(version="0.3.36", python=script, offloads=False)
    monkeypatch.setattr(calibrating, "find_llama_cpp", lambda _: llama_cpp)
    monkeypatch.setattr(calibrating, "find_llama_server", lambda *_, **__: FoundServer(script, "a test", {}))
    monkeypatch.setattr(calibrating, "find_vllm", lambda _: vllm)
    monkeypatch.setattr(calibrating, "write_gguf", lambda path, *_: path.touch())
    monkeypatch.setattr(calibrating, "measure_kernels", lambda *_: KERNELS)
    monkeypatch.setattr(calibrating, "write_hf_folder", lambda path, *_, **__: path.mkdir())
    return tmp_path


@pytest.fixture
def slower(monkeypatch):
    """Engines that take half again as long as predicted for a token, and as long for a prompt."""

    def measure(sides, loads, **_):
        (side,) = sides
        steps = side.contender.steps
        first_s = steps.prefill_s(loads.input_tokens) + steps.request_floor_s
        tokens_s = {at_once: 1.5 * steps.decode_s(at_once, loads.input_tokens + loads.output_tokens / 2) for at_once in loads.concurrency}
        points = [Point(at_once, at_once / token_s, first_s, token_s, 0) for at_once, token_s in tokens_s.items()]
        return (Curve(side.contender.engine, "a runtime", "1", "a format", 1.0, tuple(points), Contention(0.0, 1.0, 1.0, 0.1, 2)),), ()

    monkeypatch.setattr(run, "measure", measure)


def kept(machine):
    return machine / "machines" / f"{MACHINE}.json"


def calibrated_here():
    ended = advisor("calibrate", "--quiet")
    assert ended.code == 0, ended.err
    return ended


def test_rates_and_runs_are_kept_where_plans_look(machine, slower):
    ended = advisor("calibrate", "--format", "json")
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert document == json.loads(kept(machine).read_text())
    kernels = document["rates"].pop("kernels")
    assert document["rates"] == TOLD
    assert [(one["type"], one["further"]) for one in kernels] == [("Q6_K", {"weight_s": 1e-11, "row_s": 0.0})]
    assert document["not_run"] == []
    seen = {(point["engine"], point["model"], point["quantization"], point["concurrency"]) for point in document["points"]}
    assert {("llama.cpp", "calibrate/narrow", "Q4_K_M", 4), ("vllm", "calibrate/narrow", "bf16", 1)} <= seen
    assert all(point["device"] == MACHINE for point in document["points"])
    assert {point["concurrency"] for point in document["points"] if "ttft_s" in point} == {1}


def test_real_servers_are_started_and_what_is_beyond_belief_is_not_kept(machine):
    ended = advisor("calibrate", "--format", "json")  # the pretended servers answer at once, whatever the prompt
    document = json.loads(ended.out)
    assert {(point["engine"], point["concurrency"]) for point in document["points"]} >= {("llama.cpp", 1), ("llama.cpp", 4), ("vllm", 4)}
    assert all("ttft_s" not in point for point in document["points"])
    assert sum("faster than predicted" in reason for reason in document["not_run"]) >= 4
    assert "1 of 4: llama.cpp calibrate/narrow Q4_K_M" in ended.err


def test_nothing_but_the_result_is_left(machine, slower):
    calibrated_here()
    assert names(machine / "cache" / "llm-serving-advisor" / "models") == []


def test_the_text_shows_what_was_measured(machine, slower):
    lines = calibrated_here().out.splitlines()
    assert "  memory      20.0 GB/s read, 40.0 GB/s copied (three moves a byte)" in lines
    assert "  llama.cpp   kernels timed for Q6_K" in lines
    assert any(line.startswith("llama.cpp  calibrate/narrow    Q4_K_M          1") for line in lines)
    assert max(map(len, lines)) <= 80


def test_it_may_be_written_elsewhere(machine, slower):
    assert advisor("calibrate", "-o", machine / "mine.json").code == 0
    assert (machine / "mine.json").exists() and not kept(machine).exists()


@pytest.mark.parametrize("where", [rates, ladder], ids=["memory", "every run"])
def test_on_a_busy_machine_nothing_is_kept(machine, monkeypatch, where):
    monkeypatch.setattr(where, "watch_host", watching(BUSY))
    ended = advisor("calibrate", "--quiet")
    assert ended.code == 5
    assert "not kept: other work used" in ended.err
    assert not kept(machine).exists()


def test_an_engine_that_is_absent_or_fails_is_left_out_and_named(machine, slower, monkeypatch):
    def absent(_):
        raise NotProven("no vLLM on this machine\nlooked at: nothing")

    monkeypatch.setattr(calibrating, "find_vllm", absent)
    monkeypatch.setattr(calibrating, "write_gguf", _refuse_eight_bits)
    document = json.loads(advisor("calibrate", "--format", "json").out)
    assert "llama.cpp calibrate/narrow Q8_0: refused" in document["not_run"]
    assert "vllm calibrate/narrow bf16: no vLLM on this machine" in document["not_run"]
    assert {(point["engine"], point["quantization"]) for point in document["points"]} == {("llama.cpp", "Q4_K_M"), ("llama.cpp", "Q6_K")}


def _refuse_eight_bits(path, _, quantization):
    if quantization.id == "Q8_0":
        raise EngineFailed("refused")
    path.touch()


def test_what_does_not_fit_the_time_is_named(machine):
    document = json.loads(advisor("calibrate", "--format", "json", "--time-limit", "10").out)
    assert document["points"] == []
    assert all("no time left: it takes about" in reason for reason in document["not_run"])


def test_ctrl_c_leaves_nothing(machine, monkeypatch):
    def interrupted(*_, **__):
        raise Interrupted(2)

    monkeypatch.setattr(run, "measure", interrupted)
    ended = advisor("calibrate", "--quiet")
    assert ended.code == 130
    assert not kept(machine).exists()
    assert names(machine / "cache" / "llm-serving-advisor" / "models") == []


# ---- what later estimates and plans make of it


def speed(*where):
    ended = advisor(*ESTIMATE, *where)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["performance"]


def test_this_machine_is_scaled_by_its_calibration_and_others_are_not(machine, slower):
    before, other_before = speed("--device", "this-machine"), speed("--device", "cpu")
    calibrated_here()
    after = speed("--device", "this-machine")
    assert before["tpot_s"]["p50"]["basis"] == "modelled"
    assert "kernels" in after["tpot_s"]["p50"]["source"] and "kernels" not in before["tpot_s"]["p50"]["source"]
    assert {after["tpot_s"]["p50"]["basis"], after["ttft_s"]["p95"]["basis"]} == {"scaled"}
    assert "advisor calibrate of" in after["tpot_s"]["p50"]["source"]
    assert speed("--device", "cpu") == other_before


def test_a_plan_for_this_machine_keeps_what_it_used(machine, slower):
    calibrated_here()
    workload, plan = machine / "workload.yaml", machine / "plan.yaml"
    workload.write_text(small_workload(hardware="{this_machine: true}", more="service_level: {tpot_p95_s: 5.0}\n"))
    ended = advisor("plan", workload, "-o", plan, "--quiet", "--insist", "engine=llama.cpp,quantization=Q6_K")
    assert ended.code in (0, 1), ended.err
    text = plan.read_text()
    assert "tpot_p95_s: {" in text and "basis: scaled" in text
    assert "model: calibrate/wide, quantization: Q6_K" in text and "memory_bandwidth_bytes_per_s: 40000000000.0" in text
    assert "type: Q6_K" in text
    kept(machine).unlink()
    elsewhere = advisor("check", plan)
    assert not [line for line in elsewhere.out.splitlines() if "block" in line.split()[:2]], elsewhere.out


def test_a_calibration_that_was_tampered_with_is_refused_by_name(machine, slower):
    calibrated_here()
    kept(machine).write_text(kept(machine).read_text().replace('"threads": 2', '"threads": 0'))
    ended = advisor(*ESTIMATE, "--device", "this-machine")
    assert ended.code == 2 and "threads" in ended.err and kept(machine).name in ended.err


def test_more_devices_than_this_machine_has_are_refused():
    ended = advisor(*ESTIMATE, "--device", "this-machine", "--devices", "7")
    assert ended.code == 2 and "this machine has 1" in ended.err
