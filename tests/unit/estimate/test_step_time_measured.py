"""Step times against published measurements: one row of each series, with its source; none of them is named in the model."""

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from advisor.architectures import from_config
from advisor.domain.hardware import Host, Node
from advisor.domain.workload import Load
from advisor.estimate.load import estimate_performance
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, VLLM
from tests.unit.estimate.serving_for_tests import (
    CATALOG,
    EIGHT_B,
    demand,
    deployment,
    fixed,
    llama_cpp_candidate,
    memory_of,
    steps_of,
    vllm_candidate,
    weights_of,
)

HERE = Path(__file__).parent


def rows(name):
    with (HERE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def llama_cpp_row(row_id):
    """(measured, predicted, low, high, floor) seconds per token of a row of llama_cpp_speeds.csv."""
    row = next(r for r in rows("llama_cpp_speeds.csv") if r["row_id"] == row_id)
    settings = replace(LLAMA_CPP, ubatch_size=int(row["micro_batch_tokens"]))
    candidate = llama_cpp_candidate(
        row["model"], row["device"], quantization=row["quantization"], backend=row["backend"], build=row["build"], settings=settings
    )
    steps, tokens, depth = steps_of(candidate), int(row["tokens"]), int(row["depth_tokens"])
    if row["metric"] == "decode":
        step, floor_s, count = steps.decode(1, depth + tokens / 2).value_s, steps.floor_decode_s(1, depth), 1
    else:
        step, floor_s, count = steps.prefill(tokens, depth).value_s, steps.floor_prefill_s(tokens), tokens
    return 1 / float(row["tokens_per_s"]), step.value / count, step.low / count, step.high / count, floor_s / count


@pytest.mark.parametrize(
    ("metric", "median_error", "within_35_pct", "coverage"), [("decode", 0.15, 0.90, 0.75), ("prefill", 0.25, 0.65, 0.65)]
)
def test_llama_cpp_comes_near_published_speeds(metric, median_error, within_35_pct, coverage):
    compared = [llama_cpp_row(row["row_id"]) for row in rows("llama_cpp_speeds.csv") if row["metric"] == metric]
    errors = [abs(measured / predicted - 1) for measured, predicted, *_ in compared]
    assert len(errors) > 40
    assert median(errors) < median_error
    assert sum(error < 0.35 for error in errors) / len(errors) > within_35_pct
    assert sum(low <= measured <= high for measured, _, low, high, _ in compared) / len(compared) > coverage


@pytest.mark.parametrize("row_id", [row["row_id"] for row in rows("llama_cpp_speeds.csv")])
def test_no_measurement_beats_the_floor(row_id):
    measured, predicted, _, _, floor_s = llama_cpp_row(row_id)
    assert floor_s < measured * 1.02
    assert floor_s < predicted


# llama-bench on an RTX 4070 Laptop with 64 GB DDR5-5600, experts of so many layers on the host (2026-05-16):
# github.com/ghost91-/llama-bench@b4632ea fit-bench-results.csv (rows LP02539-LP02542).
@pytest.mark.parametrize(("micro_batch", "prompt_tokens_per_s", "tokens_per_s"), [(512, 659.6, 31.6), (1024, 1056.3, 30.9)])
def test_experts_on_the_host_of_a_laptop(micro_batch, prompt_tokens_per_s, tokens_per_s):
    settings = replace(LLAMA_CPP, batch_size=4096, ubatch_size=micro_batch, n_gpu_layers=31, n_cpu_moe=30)
    steps = steps_of(llama_cpp_candidate("google/gemma-4-26B-A4B-it", "rtx-4070-laptop", quantization="IQ4_XS", settings=settings))
    assert 1 / steps.decode_s(1, 64) == pytest.approx(tokens_per_s, rel=0.3)  # IQ4 is unpacked more slowly than others on a CPU
    assert 4096 / steps.prefill_s(4096) == pytest.approx(prompt_tokens_per_s, rel=0.35)


@cache
def vllm_row(row_id):
    """Measured and predicted TPOT, then TTFT (None where not measured), of a row of vllm_speeds.csv."""
    row = next(r for r in rows("vllm_speeds.csv") if r["row_id"] == row_id)
    settings = replace(VLLM, max_num_batched_tokens=8192, max_num_seqs=1024, max_model_len=131072)
    candidate = vllm_candidate(
        row["model"],
        row["device"],
        quantization=row["quantization"],
        tensor=int(row["tensor"]),
        version=row["version"],
        settings=settings,
    )
    load = Load(in_flight=int(row["in_flight"]))
    asked = demand(load, input_tokens=fixed(int(row["input_tokens"])), output_tokens=fixed(int(row["output_tokens"])))
    steps = steps_of(candidate)
    performance = estimate_performance(deployment(candidate), asked, memory=memory_of(10**8), steps=steps, replicas_up=1)
    ttft = (float(row["ttft_s"]), performance.ttft_s.p50) if row["ttft_s"] else None
    return row["series"], float(row["tpot_s"]), performance.tpot_s.p50, ttft


def test_vllm_comes_near_published_token_times():
    series = {}
    inside = []
    for row in rows("vllm_speeds.csv"):
        name, measured, predicted, _ = vllm_row(row["row_id"])
        series.setdefault(name, []).append(abs(measured / predicted.value - 1))
        inside.append(predicted.low <= measured <= predicted.high)
    medians = sorted(median(errors) for errors in series.values())
    assert len(medians) >= 18
    assert median(medians) < 0.18
    assert medians[int(0.9 * len(medians))] < 0.60
    assert sum(inside) / len(inside) > 0.75


def test_vllm_first_tokens_are_within_a_factor_of_two():
    ratios = [
        measured / predicted.value
        for *_, ttft in (vllm_row(r["row_id"]) for r in rows("vllm_speeds.csv"))
        if ttft
        for measured, predicted in [ttft]
    ]
    assert len(ratios) > 40
    assert 0.7 < median(ratios) < 1.6
    assert sum(0.4 < ratio < 2.5 for ratio in ratios) / len(ratios) > 0.8


# Two Zen 4 cores of a virtual machine, 47 GB/s measured, llama.cpp 0c1e570 (llama-bench, best of 5, 2026-11-20).
TWO_CORES = Node(
    "machine-0123456789ab",
    replace(CATALOG.device("cpu"), memory_bandwidth_bytes_per_s=47e9, bf16_flops_per_s=None, vector_flops_per_s=2 * 3.7e9 * 32),
    1,
    Host(24 << 30, 47e9, 2, 1e9, 1e9, repacks_weights=True),
)


HALF_B = from_config(
    {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 1280,
        "num_hidden_layers": 24,
        "intermediate_size": 3584,
        "num_attention_heads": 20,
        "num_key_value_heads": 4,
        "vocab_size": 32000,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
    },
    "config.json",
)


def half_b(candidate):
    return steps_of(replace(candidate, model=replace(candidate.model, architecture=HALF_B)))


@pytest.mark.parametrize(
    ("quantization", "batch", "tokens_per_s"),
    [("Q4_K_M", 1, 101.6), ("Q8_0", 1, 62.4), ("BF16", 1, 47), ("Q4_K_M", 16, 185), ("Q8_0", 16, 148), ("Q8_0", 4, 97), ("BF16", 8, 126)],
)
def test_two_cores_decode_in_llama_cpp(quantization, batch, tokens_per_s):
    steps = half_b(llama_cpp_candidate(EIGHT_B, TWO_CORES, backend="cpu", quantization=quantization))
    step = steps.decode(batch, 64).value_s
    assert batch > 1 or 1 / step.high <= tokens_per_s <= 1 / step.low
    assert batch / step.value == pytest.approx(tokens_per_s, rel=0.5 if batch == 1 else 0.8)


@pytest.mark.parametrize(("batch", "seconds"), [(1, 0.0439), (2, 0.0466), (4, 0.0466), (8, 0.0516), (16, 0.0682)])
def test_two_cores_decode_in_vllm(batch, seconds):
    steps = half_b(vllm_candidate(EIGHT_B, TWO_CORES, backend="cpu", version="0.32.0"))
    assert steps.decode_s(batch, 80) == pytest.approx(seconds, rel=0.15)


def test_a_small_cpu_is_slower_than_its_memory():
    candidate = llama_cpp_candidate(EIGHT_B, TWO_CORES, backend="cpu")
    steps = steps_of(candidate)
    assert 1 / steps.decode_s(1, 64) == pytest.approx(7.06, rel=0.4)
    assert 64 / steps.prefill_s(64) == pytest.approx(20.5, rel=0.5)
    read_s = weights_of(candidate).total_bytes / 47e9
    assert steps.decode_s(1, 64) > 1.3 * read_s
