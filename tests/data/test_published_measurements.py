"""Published measurements: drawn once, named once, in the figures of their sources, and read by no plan."""

import subprocess
import sys
from collections import Counter

import pytest

from advisor import resources
from advisor.catalog.measurements import load_published
from advisor.domain.measurement import split_of

PUBLISHED = load_published(resources.folder("catalog"))
NAMES = PUBLISHED.names


def test_every_row_is_on_the_side_that_was_drawn():
    assert [row.row_id for row in PUBLISHED if row.split != split_of(*NAMES.drawn_by(row))] == []


def test_a_source_device_and_model_is_never_on_both_sides():
    sides = {(NAMES.drawn_by(row), row.split) for row in PUBLISHED}
    assert len(sides) == len({drawn_by for drawn_by, _ in sides})


@pytest.mark.parametrize("folder", PUBLISHED.by_kind)
def test_three_groups_in_ten_are_kept_for_judging(folder):
    """Of groups, for groups are drawn: rows go with their group, large or small."""
    groups = {NAMES.drawn_by(row): row.split for row in PUBLISHED.by_kind[folder]}
    share = sum(side == "report" for side in groups.values()) / len(groups)
    assert 0.20 < share < 0.45


def test_no_row_was_lost():
    """The collection's rows; of llama.cpp's start logs six had no address that anybody could open."""
    assert [len(rows) for rows in PUBLISHED.by_kind.values()] == [1934, 2329, 157, 145]


def test_seven_rows_in_eight_name_a_device_and_a_model():
    named = [row for row in PUBLISHED if NAMES.device_id(row) and NAMES.model_id(row)]
    assert len(named) / len(list(PUBLISHED)) > 0.85


def test_a_name_without_an_id_says_why():
    refused = [name for table in (NAMES.devices, NAMES.models) for name in table.values() if name.id is None]
    assert refused and all(name.why and "?" not in name.why for name in refused)


def test_only_rows_that_may_be_compared_are_runs():
    assert {row.quality for row in (*PUBLISHED.vllm, *PUBLISHED.llama_cpp)} == {"A", "B"}
    assert Counter(row.judge_ready for row in PUBLISHED.vllm) == {"1": 1881, "tpot_only": 53}
    assert {row.load_class for row in PUBLISHED.vllm} == {"single", "closed_loop", "open_loop", "burst", "offline", "saturated"}
    assert {row.load_class for row in PUBLISHED.llama_cpp} == {"single", "closed_loop", "offline"}


def test_the_figures_of_a_load():
    """inference-perf style closed loop on one RTX 3090, Gemma-4-12B AWQ: 591 output tokens a second at 16 in flight (lotto-4x3090)."""
    rates = {
        row.max_concurrency: row.output_throughput_tok_s
        for row in PUBLISHED.vllm
        if row.source_id == "lotto-4x3090" and row.model == "gemma-4-12B-it-AWQ-INT4" and row.tp == 1 and row.gpu_count == 1
    }
    assert rates[16] == pytest.approx(591, rel=0.01)


def test_the_figures_of_a_batched_bench():
    """llama.cpp's own benches/mac-m2-ultra: gpt-oss-20b decodes 130 tokens a second alone and 536 at 32 sequences."""
    rates = {
        row.n_parallel: row.tg_tok_s
        for row in PUBLISHED.llama_cpp
        if row.source_id == "llama.cpp-benches"
        and row.tool == "llama-batched-bench"
        and (NAMES.device_id(row), NAMES.model_id(row)) == ("apple-m2-ultra", "openai/gpt-oss-20b")
        and row.n_prompt_tokens == 512
    }
    assert (rates[1], rates[32]) == (130.45, 536.15)


def test_the_cache_of_a_start_is_its_tokens_times_their_bytes():
    """vLLM's own log of Llama-3.1-8B at 16 bits: 131,072 bytes a token (2 x 32 layers x 8 heads x 128 x 2 bytes)."""
    starts = [
        row
        for row in PUBLISHED.vllm_starts
        if row.source_id == "ssaketh-h200-mig"
        and row.kv_cache_dtype == "auto"
        and row.available_kv_cache_gib_per_gpu
        and row.gpu_kv_cache_tokens
    ]
    assert len(starts) > 20
    for row in starts:
        assert row.available_kv_cache_gib_per_gpu * 2**30 / row.gpu_kv_cache_tokens == pytest.approx(131_072, rel=1e-3)


def test_a_plan_loads_no_measurements():
    """Planning imports neither the tables nor their types."""
    plan = "import sys, advisor.planning.planner; from advisor.catalog import load_catalog; load_catalog()"
    code = f"{plan}; print('advisor.catalog.measurements' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
