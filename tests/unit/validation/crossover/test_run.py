"""Both sides are sized for the same loads and served one after the other, each with its own rendered command."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.domain.model import Model
from advisor.engines.find import FoundServer
from advisor.errors import EngineFailed, NotProven, UserInputError
from advisor.intake.machine import this_machine
from advisor.units import GIB
from advisor.validation.crossover.contender import Loads, contender, require_room
from advisor.validation.crossover.run import Equipped, measure
from tests.unit.synthesis.tiny_models import TINY

FAKES = Path(__file__).parents[3] / "fakes"
CATALOG = load_catalog()
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


def test_both_are_measured_in_turn_and_nothing_stays_behind(equipped, tmp_path):
    said = []
    slow, quick = measure([equipped("llama.cpp", itl_s=0.02), equipped("vllm", itl_s=0.002)], LOADS, budget_s=60, progress=said.append)
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
    assert said == [f"{engine}: {words}" for engine in ("llama.cpp", "vllm") for words in ("starting", "1 at once", "3 at once")]


def test_an_engine_that_refuses_ends_it_with_its_words(equipped):
    broken = replace(equipped("llama.cpp", itl_s=0), found=FoundServer(Path(sys.executable), "a test", {}))
    with pytest.raises(EngineFailed, match=r"llama-server \(llama\.cpp 1\.2\.3\) refused"):
        measure([broken], LOADS, budget_s=20)
