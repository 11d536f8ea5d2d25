"""A llama-server's log and pages as numbers by claim name; what it runs with otherwise than planned is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.catalog.engines import load_engines
from advisor.units import MIB
from advisor.validation.served.truth import number
from advisor.validation.served.truth_llama_cpp import llama_cpp_truth

from ..conftest import SETTINGS

LINES = (Path(__file__).parents[3] / "data" / "engine_logs" / "llama_server_as_deployed.log").read_text().splitlines()
PATTERNS = load_engines()["llama.cpp"].log_patterns
AS_RUN = replace(SETTINGS, ctx_size=2048, parallel=2, kv_unified=True)
PROPS = {"/props": {"total_slots": 2, "default_generation_settings": {"n_ctx": 2048}}}


def truth(lines=LINES, told=PROPS, settings=AS_RUN):
    return llama_cpp_truth(lines, told, settings, PATTERNS)


def test_every_component_is_told_in_bytes():
    values = truth().values
    in_mib = {name: round(value / MIB, 2) for name, value in values.items() if name.endswith("_bytes")}
    assert in_mib == {
        "weights_bytes": 372.65,
        "kv_cache_bytes": 224.0,
        "recurrent_state_bytes": 0.0,
        "compute_buffer_bytes": 28.01,
        "output_buffer_bytes": 1.16,
        "repacked_weights_bytes": 204.75,
    }
    assert values["context_per_request_tokens"] == values["kv_capacity_tokens"] == 2048


def test_the_engine_is_told_with_its_build():
    engine = truth().engine
    assert (engine["name"], engine["build"], engine["commit"]) == ("llama.cpp", 1, "0c1e570")
    assert "AVX2 = 1" in engine["system_info"]


def test_nothing_differs_from_what_was_planned():
    assert truth().differing == ()


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        ({"parallel": 4}, "parallel 4 -> 2"),
        ({"flash_attn": "off"}, "flash-attn off -> on"),
        ({"kv_unified": False}, "kv-unified false -> true"),
        ({"ubatch_size": 256}, "ubatch-size 256 -> 512"),
        ({"cache_type_k": "q8_0"}, "cache-type-k q8_0 -> f16"),
    ],
)
def test_a_setting_that_was_not_taken_is_named(planned, words):
    assert truth(settings=replace(AS_RUN, **planned)).differing == (words,)


def test_a_batch_larger_than_the_context_is_cut_by_rule():
    assert truth(settings=replace(AS_RUN, batch_size=4096)).differing == ()


def test_what_the_server_answers_counts_more_than_its_log():
    shrunk = {"/props": {"total_slots": 2, "default_generation_settings": {"n_ctx": 1024}}}
    assert truth(told=shrunk).values["context_per_request_tokens"] == 1024


def test_weights_that_are_not_mapped_are_counted_where_they_lie():
    lines = [line.replace("CPU_Mapped", "CPU") for line in LINES]
    assert truth(lines).values["weights_bytes"] == pytest.approx((372.65 + 204.75) * MIB)


def test_a_log_without_memory_lines_tells_no_memory():
    values = truth([line for line in LINES if "MiB" not in line]).values
    assert not any(name.endswith("_bytes") for name in values)


@pytest.mark.parametrize("page", [None, [], {}, {"a": []}, {"a": [{"b": "2"}]}, {"a": [{"b": True}]}, {"a": "text"}, 7])
def test_a_page_of_another_shape_tells_nothing(page):
    assert number(page, "a", 0, "b") is None


def test_a_number_is_found_in_its_place():
    assert number({"a": [{"b": 2}]}, "a", 0, "b") == 2
