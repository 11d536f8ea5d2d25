"""Published rows of vLLM become cases, or say why not."""

from dataclasses import replace
from functools import cache

import pytest

from advisor import resources
from advisor.accuracy.vllm_cases import IN_STEP, UNSERVED, vllm_cases
from advisor.accuracy.vllm_physics import BELOW_ARITHMETIC, QUEUED, WARM
from advisor.catalog import load_catalog
from advisor.catalog.measurements import Names, load_published
from advisor.domain.published import FreeFormat, FreeName, VllmRun

CATALOG = load_catalog()
NAMES = Names(
    devices={"H100": FreeName(spelling="H100", id="h100-sxm"), "some card": FreeName(spelling="some card", why="no form factor")},
    models={
        "8B": FreeName(spelling="8B", id="meta-llama/Llama-3.1-8B-Instruct"),
        "gpt": FreeName(spelling="gpt", id="openai/gpt-oss-120b"),
    },
    formats={
        ("vllm", "bf16", None): FreeFormat(spelling="bf16", engine="vllm", id="bf16"),
        ("vllm", "fp4", None): FreeFormat(spelling="fp4", engine="vllm", id="nvfp4"),
        ("vllm", "fp4", "gpt"): FreeFormat(spelling="fp4", engine="vllm", model="gpt", id="mxfp4"),
        ("vllm", "w8a16", None): FreeFormat(spelling="w8a16", engine="vllm", why="no such format"),
    },
)
ROW = VllmRun(
    row_id="V1",
    source_id="site",
    source="a page",
    source_date="2026-05",
    quality="A",
    split="fit",
    model="8B",
    gpu="H100",
    load_class="closed_loop",
    series_id="s",
    judge_ready="1",
    engine_version="0.19.0.dev3",
    weight_quant="bf16",
    tp=1,
    max_concurrency=8,
    input_len_tokens=1000.0,
    output_len_tokens=201.0,
    ttft_p50_ms=80.0,
    tpot_p50_ms=9.0,
)


def cases(*rows):
    return vllm_cases(rows, CATALOG, NAMES, CATALOG.memory_constants)


def only(**changed):
    ((case,), left_out) = cases(replace(ROW, **changed))
    assert not left_out
    return case


def test_a_row_is_the_deployment_that_it_names():
    case = only(tp=2, dp=2, launch_args="--max-num-seqs 64 --max-num-batched-tokens=4096 --enforce-eager", kv_dtype="fp8")
    settings, parallel = case.candidate.settings, case.candidate.parallelism
    assert (settings.max_num_seqs, settings.max_num_batched_tokens, settings.enforce_eager) == (64, 4096, True)
    assert settings.kv_cache_dtype == "fp8"
    assert (parallel.tensor, parallel.data, case.candidate.node.devices) == (2, 2, 4)
    assert case.candidate.runtime.version == "0.19.0"
    assert (case.group.source, case.group.device, case.in_flight) == ("site", "h100-sxm", 8)
    assert case.measured == {"ttft_s": 0.080, "tpot_s": 0.009}


def test_the_same_word_means_another_format_of_another_model():
    assert only(model="gpt", weight_quant="fp4").quantization.id == "mxfp4"
    assert only(weight_quant="fp4").quantization.id == "nvfp4"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"flags": "speculative_decoding"}, "speculative decoding"),
        ({"flags": "disaggregated_prefill_decode"}, "devices of their own"),
        ({"flags": "attention_dp>1:gpu_count_ambiguous(likely=tp)"}, "ambiguous"),
        ({"tp": None}, "tensor parallelism"),
        ({"input_len_tokens": None}, "lengths"),
        ({"gpu": "some card"}, "no form factor"),
        ({"weight_quant": "w8a16"}, "no such format"),
        ({"weight_quant": "a new word"}, "no word of the catalog"),
        ({"model": "gpt"}, "do not fit"),  # 16-bit weights of 117 billion parameters
        ({"ttft_p50_ms": None, "tpot_p50_ms": None}, "no speed"),
    ],
)
def test_what_cannot_be_compared_says_why(changed, reason):
    found, (left_out,) = cases(replace(ROW, **changed))
    assert not found
    assert reason in left_out.why


def test_lengths_drawn_from_a_range_are_shorter_than_the_nominal_ones():
    case = only(flags="if_InferenceX_origin:random_range_ratio_0.8=>actual")
    assert (case.input_tokens, case.output_tokens) == (900.0, pytest.approx(180.9))
    counted = only(completed_requests=10, total_input_tokens=5000, total_output_tokens=1000)
    assert (counted.input_tokens, counted.output_tokens) == (500.0, 100.0)


def test_a_harness_that_is_known_is_simulated_as_it_sends():
    inferencemax = only(flags="if_InferenceX_origin:random_range_ratio_0.8=>actual", output_len_kind="nominal").harness
    assert (inferencemax.together, inferencemax.rounds, inferencemax.states_mean) == (True, 10, True)
    assert inferencemax.longest == pytest.approx(1 / 0.9)
    stated = only(client_or_dataset="InferenceX benchmark_serving_random", num_prompts=40, output_len_kind="fixed")
    assert (stated.harness.rounds, stated.harness.states_mean, dict(stated.unreliable)) == (5, False, {})


def test_first_tokens_of_clients_that_may_keep_in_step_are_not_judged():
    assert only(output_len_kind="fixed").unreliable == {"ttft_s": IN_STEP}
    assert not only(output_len_kind="mean").unreliable
    assert not only(output_len_kind="fixed", load_class="single", max_concurrency=1).unreliable


def test_a_run_without_a_server_tells_nothing_of_one_in_the_same_process():
    offline = {"load_class": "offline", "max_concurrency": None, "num_prompts": 100, "output_throughput_tok_s": 2000.0}
    old, new = (only(**offline, client_or_dataset="LLM.generate", engine_version=version) for version in ("0.7.3", "0.19.0"))
    assert old.unreliable["output_tokens_per_s"] == UNSERVED
    assert "output_tokens_per_s" not in new.unreliable


def test_a_throughput_gives_the_time_per_token():
    """8 requests of 201 tokens at 800 tokens/s take 2.01 s each: 80 ms to the first token, the rest in 200 further ones."""
    case = only(tpot_p50_ms=None, output_throughput_tok_s=800.0)
    assert case.measured["tpot_s"] == pytest.approx((8 * 201 / 800 - 0.080) / 200)


def test_a_time_per_token_that_holds_the_first_one_is_not_taken():
    case = only(flags="tpot_is_e2e_divided_by_output_tokens_includes_ttft;use_itl", itl_mean_ms=8.0)
    assert case.measured["tpot_s"] == 0.008


def test_impossible_speeds_are_found_by_physics():
    """16 GB at 3.35 TB/s take 4.8 ms."""
    assert "bandwidth" in only(tpot_p50_ms=4.0).unreliable["tpot_s"]
    assert not only(tpot_p50_ms=6.0).unreliable


def test_more_in_flight_than_the_cache_holds_is_a_queue():
    case = only(max_concurrency=500, input_len_tokens=10000.0)
    assert case.unreliable == {"ttft_s": QUEUED, "tpot_s": QUEUED}


def test_a_group_whose_prompts_beat_the_peak_was_warm():
    """1,000 tokens of 15 billion operations each take 15 ms at 989 TFLOP/s."""
    fast, slow = replace(ROW, row_id="V2", ttft_p50_ms=10.0), ROW
    alone = replace(ROW, row_id="V3", load_class="single", max_concurrency=1)
    found, _ = cases(fast, slow, alone)
    assert [case.unreliable for case in found] == [{"ttft_s": WARM, "tpot_s": WARM}] * 2 + [{"ttft_s": WARM}]


def test_one_run_of_many_that_beats_the_peak_marks_itself_alone():
    rows = [replace(ROW, row_id=f"V{index}") for index in range(30)]
    found, _ = cases(replace(ROW, ttft_p50_ms=10.0), *rows)
    assert [case.unreliable for case in found] == [{"ttft_s": BELOW_ARITHMETIC}] + [{}] * 30


def test_tokens_between_prompts_that_beat_the_peak_are_found():
    """16 clients ask for 32 tokens each behind 8,000: a step between them holds half a prompt, 60 ms at the peak."""
    case = only(max_concurrency=16, input_len_tokens=8000.0, output_len_tokens=32.0, ttft_p50_ms=300.0, tpot_p50_ms=40.0)
    assert case.unreliable["tpot_s"] == WARM
    assert not only(max_concurrency=16, input_len_tokens=8000.0, output_len_tokens=32.0, ttft_p50_ms=300.0, tpot_p50_ms=90.0).unreliable


@cache
def published():
    tables = load_published(resources.folder("catalog"))
    return tables, vllm_cases(tables.vllm, CATALOG, tables.names, CATALOG.memory_constants)


def test_every_published_row_is_a_case_or_says_why_not():
    tables, (found, left_out) = published()
    assert len(found) + len(left_out) == len(tables.vllm)
    assert len(found) > 0.8 * len(tables.vllm)
    assert all(entry.why for entry in left_out)


def test_no_case_is_on_the_wrong_side_of_the_split():
    _, (found, _) = published()
    sides = {}
    for case in found:
        sides.setdefault((case.group.source, case.row.gpu, case.row.model), set()).add(case.row.split)
    assert all(len(side) == 1 for side in sides.values())
