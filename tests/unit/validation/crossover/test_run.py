"""Both sides are sized for the same loads and served one after the other, each with its own rendered command."""

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from advisor.catalog import load_catalog
from advisor.domain.model import Model
from advisor.engines.find import FoundServer
from advisor.engines.interruption import raised
from advisor.errors import EngineFailed, NotProven, TimedOut, UserInputError
from advisor.intake.machine import this_machine
from advisor.units import GIB
from advisor.validation.crossover.contender import Loads, contender, require_room
from advisor.validation.crossover.run import Equipped, measure, share_of_budget
from advisor.validation.smoke import ladder
from tests.unit.synthesis.tiny_models import TINY
from tests.unit.validation.hosts import QUIET, watching

FAKES = Path(__file__).parents[3] / "fakes"
CATALOG = load_catalog()
BOTH = ("llama.cpp", "vllm")
LOADS = Loads((1, 3), input_tokens=20, output_tokens=6)
MODEL = Model("tiny", replace(TINY["qwen3"], parameters_total=10**7, parameters_active=10**7), "none", ())


@pytest.fixture(scope="module")
def node():
    return this_machine(CATALOG, processor_only=True)


def side(engine, node, *, model=MODEL, quantization="bf16", loads=LOADS):
    return contender(CATALOG, engine, model=model, quantization=quantization, node=node, loads=loads)


@pytest.fixture
def equipped(node, tmp_path):
    def make(engine, *, itl_s, program="any_server.py"):
        script = tmp_path / engine
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKES / program}" {itl_s} "$@"\n')
        script.chmod(0o755)
        return Equipped(side(engine, node), FoundServer(script, "a test", {}), "1.2.3", "the/model", {"extra": "flag"})

    return make


def test_each_side_has_room_for_the_largest_load_and_no_more(node):
    llama, vllm = side("llama.cpp", node), side("vllm", node)
    assert llama.candidate.settings.ctx_size == 256 * 3
    assert (llama.candidate.settings.parallel, llama.memory.requests_held_longest.value) == (3, 3)
    assert (vllm.candidate.settings.max_model_len, vllm.candidate.settings.max_num_seqs) == (26, 3)
    assert vllm.memory.requests_held_longest.value >= 3
    assert vllm.candidate.settings.kv_cache_memory_bytes < GIB
    assert (llama.quantization.id, vllm.quantization.id) == ("BF16", "bf16")
    assert all(one.predicted(LOADS, 3).value > one.predicted(LOADS, 1).value > 0 for one in (llama, vllm))


def test_a_pool_grows_until_it_holds_the_load(node):
    loads = Loads((64,), input_tokens=4000, output_tokens=96)
    large = side("vllm", node, model=CATALOG.model("Qwen/Qwen3-0.6B"), loads=loads)
    assert large.candidate.settings.kv_cache_memory_bytes > 20 * GIB
    with pytest.raises(NotProven, match=r"Qwen/Qwen3-0\.6B in bf16 on vLLM needs .* 4\.0 GiB are available here: cut it down"):
        require_room([large], available_bytes=4 * GIB)
    require_room([side("llama.cpp", node)], available_bytes=4 * GIB)


def test_a_format_that_an_engine_cannot_load_is_refused(node):
    with pytest.raises(UserInputError, match="fp8 does not run on cpu"):
        side("vllm", node, quantization="fp8")


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    monkeypatch.setattr(ladder, "watch_host", watching(QUIET))


def test_both_are_measured_in_turn_and_nothing_stays_behind(equipped):
    said = []
    sides = [equipped("llama.cpp", itl_s=0.02), equipped("vllm", itl_s=0.002)]
    (slow, quick), faults = measure(sides, LOADS, budget_s=300, progress=said.append)
    assert faults == ()
    assert (slow.engine, slow.runtime, slow.quantization, quick.engine, quick.version) == (
        "llama.cpp",
        "llama-server",
        "BF16",
        "vllm",
        "1.2.3",
    )
    for curve in (slow, quick):
        assert [point.concurrency for point in curve.points] == [1, 3]
        assert all(point.failed == 0 and point.output_tokens_per_s > 0 and point.predicted.value > 0 for point in curve.points)
        assert curve.ended is None
        assert curve.start_s > 0
    heard = [words.split(",")[0] for words in said]
    assert heard == [f"{engine}: {words}" for engine in ("llama.cpp", "vllm") for words in ("starting", "1 at once", "3 at once")]
    assert psutil.Process().children(recursive=True) == []


def refusing(side):
    return replace(side, found=FoundServer(Path(sys.executable), "a test", {}))


@pytest.mark.parametrize("broken", ["llama.cpp", "vllm"])
def test_an_engine_that_refuses_leaves_the_others_curve(equipped, broken):
    sides = [equipped(engine, itl_s=0.002) for engine in ("llama.cpp", "vllm")]
    sides = [refusing(side) if side.contender.engine == broken else side for side in sides]
    curves, (fault,) = measure(sides, LOADS, budget_s=300)
    assert [curve.engine for curve in curves] == [engine for engine in ("llama.cpp", "vllm") if engine != broken]
    assert [point.concurrency for point in curves[0].points] == [1, 3]
    assert (fault.engine, fault.error.exit_code) == (broken, EngineFailed.exit_code)
    assert "(refused" in str(fault.error) or " refused" in str(fault.error)


def test_an_engine_that_dies_under_a_load_keeps_what_it_showed(equipped):
    curves, (fault,) = measure([equipped("vllm", itl_s="0.002 --die-at=8")], LOADS, budget_s=300)
    served, lost = curves[0].points
    assert (served.concurrency, served.failed, lost.concurrency) == (1, 0, 3)
    assert lost.failed > 0
    assert fault.error.exit_code == EngineFailed.exit_code
    assert "SIGKILL" in str(fault.error) or "killed" in str(fault.error)


def test_an_engine_that_is_not_ready_in_time_leaves_the_others_curve(equipped):
    sides = [equipped("llama.cpp", itl_s=0.001), equipped("vllm", itl_s="0 --never-ready")]
    curves, (fault,) = measure(sides, LOADS, budget_s=8)
    assert [curve.engine for curve in curves] == ["llama.cpp"]
    assert fault.error.exit_code == TimedOut.exit_code
    assert "not ready after" in str(fault.error)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_it_and_keeps_what_was_measured(equipped, number, code):
    """While the second engine is waited for; a third one is not begun."""

    def stop(words):
        if words.startswith("vllm: starting"):
            threading.Timer(0.5, os.kill, (os.getpid(), number)).start()

    sides = [equipped("llama.cpp", itl_s=0.001), equipped("vllm", itl_s="0 --never-ready"), equipped("llama.cpp", itl_s=0.001)]
    with raised():
        curves, (fault,) = measure(sides, LOADS, budget_s=300, progress=stop)
    assert [curve.engine for curve in curves] == ["llama.cpp"]
    assert (fault.engine, fault.error.exit_code) == ("vllm", code)
    assert psutil.Process().children(recursive=True) == []


def test_the_time_is_shared_by_what_each_is_expected_to_take(equipped, node):
    whole = [replace(equipped(engine, itl_s=0), contender=side(engine, node, model=CATALOG.model("Qwen/Qwen3-0.6B"))) for engine in BOTH]
    llama_s, vllm_s = (one.contender.slowest_s(LOADS) for one in whole)
    assert vllm_s > llama_s  # it compiles
    first_s = share_of_budget(whole, LOADS, left_s=900)
    assert first_s == pytest.approx(max(225, 900 * llama_s / (llama_s + vllm_s)))
    assert share_of_budget(whole[1:], LOADS, left_s=700) == 700
    eager = contender(CATALOG, "vllm", model=MODEL, quantization="bf16", node=node, loads=LOADS, enforce_eager=True)
    assert eager.slowest_s(LOADS) < side("vllm", node).slowest_s(LOADS) - 20
    assert "enforce-eager" in eager.planned.settings
