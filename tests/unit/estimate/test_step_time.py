"""What must hold for every step time, whatever the constants are."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import UserInputError
from advisor.estimate.placement_llama_cpp import place, step_reads
from advisor.estimate.step_time import step_time_model
from advisor.estimate.token_work import WindowedSum, expected_experts_share, token_work
from advisor.estimate.vllm_parts import mixed_prompt_parts
from tests.unit.estimate.architectures_for_tests import dense
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, VLLM, candidate, equal_layers
from tests.unit.estimate.serving_for_tests import (
    CALIBRATIONS,
    CATALOG,
    EIGHT_B,
    MOE_30B,
    THIRTY_TWO_B,
    faster_memory,
    llama_cpp_candidate,
    llama_cpp_steps,
    steps_of,
    vllm_candidate,
    vllm_steps,
    weights_of,
)

FOUR_LAYERS = dense("small", 4, 64, 128, 4, 4, 16, 1000, 4096)
REPLICAS = {
    "vllm dense": vllm_candidate(EIGHT_B, "h100-sxm"),
    "vllm moe tp": vllm_candidate(MOE_30B, "h100-sxm", tensor=2),
    "llama.cpp dense": llama_cpp_candidate(EIGHT_B, "rtx-3090"),
    "llama.cpp moe": llama_cpp_candidate(MOE_30B, "rtx-3090"),
    "llama.cpp split": llama_cpp_candidate(EIGHT_B, "rtx-3090", settings=replace(LLAMA_CPP, n_gpu_layers=20)),
    "llama.cpp cpu": llama_cpp_candidate(EIGHT_B, "desktop-ddr5", backend="cpu"),
}
STEPS = {name: steps_of(candidate) for name, candidate in REPLICAS.items()}
names = st.sampled_from(sorted(REPLICAS))
batches, contexts = st.integers(1, 200), st.integers(1, 60000)


@settings(max_examples=60, deadline=None)
@given(names, batches, batches, contexts)
def test_a_larger_batch_is_never_faster_per_step_nor_slower_per_token(name, one, other, context):
    steps, (small, large) = STEPS[name], sorted((one, other))
    assert steps.decode_s(large, context) >= steps.decode_s(small, context)
    assert steps.decode_s(large, context) / large <= steps.decode_s(small, context) / small * 1.0001


@settings(max_examples=60, deadline=None)
@given(names, batches, contexts, contexts)
def test_more_context_or_more_prompt_is_never_faster(name, batch, one, other):
    steps, (small, large) = STEPS[name], sorted((one, other))
    assert steps.decode_s(batch, large) >= steps.decode_s(batch, small)
    assert steps.prefill_s(large) >= steps.prefill_s(small)
    assert steps.prefill_s(512, large) >= steps.prefill_s(512, small)


@settings(max_examples=40, deadline=None)
@given(names, batches, contexts, st.integers(1, 8000))
def test_a_step_that_also_computes_a_prompt_lies_between_its_parts_and_their_sum(name, batch, context, prompt):
    steps = STEPS[name]
    both = steps.mixed_step_s(batch, context, prefill_tokens=prompt)
    assert both >= steps.decode_s(batch, context)
    assert both <= (steps.decode_s(batch, context) + steps.prefill_s(prompt + batch)) * 1.0001


@pytest.mark.parametrize("name", REPLICAS)
@pytest.mark.parametrize("batch", [1, 16])
def test_more_bandwidth_is_never_slower(name, batch):
    candidate = REPLICAS[name]
    quick = steps_of(replace(candidate, node=faster_memory(candidate.node, 1.5)))
    assert quick.decode_s(batch, 4000) < STEPS[name].decode_s(batch, 4000)
    assert quick.prefill_s(4000) <= STEPS[name].prefill_s(4000)


@pytest.mark.parametrize("name", REPLICAS)
def test_parts_add_up_and_the_floor_lies_below(name):
    steps = STEPS[name]
    step = steps.decode(8, 4000)
    assert sum(step.parts_s.values()) == pytest.approx(step.value_s.value) == pytest.approx(steps.decode_s(8, 4000))
    assert step.value_s.low < step.value_s.value < step.value_s.high
    assert steps.floor_decode_s(8, 4000) < steps.decode_s(8, 4000)
    assert steps.floor_prefill_s(4000) < steps.prefill_s(4000)


def test_expected_experts():
    work = token_work(CATALOG.model(MOE_30B).architecture, key_bytes=2, value_bytes=2)
    assert (work.experts, work.experts_per_token) == (128, 8)
    assert expected_experts_share(work, 1) == pytest.approx(8 / 128)
    assert expected_experts_share(work, 32) == pytest.approx(0.873, abs=0.001)  # 1 - (1 - 1/16)^32
    assert work.prefill_flops / 2 == pytest.approx(2.7e9, rel=0.03)  # 3.3 billion active, two tables of 0.31 not multiplied


def test_a_window_limits_what_is_read():
    mixed = WindowedSum(((2.0, 1024), (1.0, 1 << 40)))
    assert mixed.at(512) == 3 * 512
    assert mixed.at(4096) == 2 * 1024 + 4096
    assert mixed.mean_over(0, 4096) == pytest.approx(2 * (512 * 1024 + 1024 * 3072) / 4096 + 2048)
    assert mixed.mean_over(8192, 1000) == pytest.approx(2 * 1024 + 8692)


def test_the_lookup_table_is_not_read():
    large, small = (equal_layers(32, 10**8, embedding_bytes=size, output_bytes=10**8) for size in (10**8, 10**6))
    candidate = llama_cpp_candidate(EIGHT_B, "rtx-3090", quantization="Q8_0")
    large_s, small_s = (steps_of(candidate, weights).batch_parts_s(1)["weights"] for weights in (large, small))
    assert large_s == small_s


def test_tensor_parallel_divides_reading_and_costs_all_reduces():
    one, four = vllm_steps(THIRTY_TWO_B, "h100-sxm"), vllm_steps(THIRTY_TWO_B, "h100-sxm", tensor=4)
    assert four.batch_parts_s(1)["weights"] == pytest.approx(one.batch_parts_s(1)["weights"] / 4, rel=0.02)
    assert four.cache_s(4000) == pytest.approx(one.cache_s(4000) / 4, rel=0.01)
    assert one.batch_parts_s(1)["all_reduce"] == 0
    slow = vllm_steps(THIRTY_TWO_B, "l40s", tensor=4)
    assert slow.batch_parts_s(1)["all_reduce"] > 2 * four.batch_parts_s(1)["all_reduce"] > 0
    assert one.prefill_s(4000) / four.prefill_s(4000) < 3.5  # prefill scales worse than the weights


def test_without_a_switch_two_devices_use_one_link_and_eight_use_all():
    """xGMI of the MI300X: 64 GB/s to each of seven others, 448 GB/s in all."""
    device = CATALOG.device("mi300x")
    assert [device.link_among_bytes_per_s(n) for n in (1, 2, 4, 8)] == [64e9, 64e9, 192e9, 448e9]
    assert CATALOG.device("h100-sxm").link_among_bytes_per_s(2) == 450e9


def test_latent_cache_is_not_divided_by_tensor_parallelism():
    model = "deepseek-ai/DeepSeek-V3"
    eight, sixteen = (
        token_work(CATALOG.model(model).architecture, key_bytes=2, value_bytes=2, ranks=ranks).cache_bytes.at(1000) for ranks in (8, 16)
    )
    assert eight == sixteen == 61 * 576 * 2 * 1000


def test_eight_bits_read_half_and_compute_faster_four_bits_only_read_less():
    full, eight, four = (vllm_steps(THIRTY_TWO_B, "h100-sxm", quantization=q) for q in ("bf16", "fp8", "awq-int4"))
    assert eight.batch_parts_s(1)["weights"] == pytest.approx(0.52 * full.batch_parts_s(1)["weights"], rel=0.05)
    assert eight.prefill_s(4000) < 0.9 * full.prefill_s(4000)  # twice the peak, but a smaller share of it is reached
    assert four.prefill_s(4000) == pytest.approx(full.prefill_s(4000), rel=0.02)
    assert four.decode_s(1, 100) < eight.decode_s(1, 100)


def test_without_the_units_a_format_computes_in_sixteen_bits():
    assert vllm_steps(EIGHT_B, "a100-80gb-sxm", quantization="fp8").prefill_s(4000) == pytest.approx(
        vllm_steps(EIGHT_B, "a100-80gb-sxm").prefill_s(4000), rel=0.02
    )


def test_experts_prefill_at_a_lower_share_of_the_peak():
    dense, experts = vllm_steps(EIGHT_B, "h100-sxm"), vllm_steps(MOE_30B, "h100-sxm")
    per_flop = [steps.prefill_s(8000) / (8000 * steps.rank.work.prefill_flops) for steps in (dense, experts)]
    assert 2 < per_flop[1] / per_flop[0] < 6


def test_the_older_engine_of_vllm_is_slower():
    versions = [vllm_steps(EIGHT_B, "h100-sxm", version=version).decode_s(32, 1000) for version in ("0.7.3", "0.11.0", "0.33.0")]
    assert versions[0] > 1.3 * versions[1]
    assert versions[2] == pytest.approx(versions[1], rel=0.05)
    assert vllm_steps(EIGHT_B, "h100-sxm", version="nightly").decode_s(32, 1000) == versions[2]


def test_old_builds_of_llama_cpp_pay_more_per_layer():
    assert llama_cpp_steps(EIGHT_B, "rtx-3090", build="b2800").decode_s(1, 100) > llama_cpp_steps(EIGHT_B, "rtx-3090").decode_s(1, 100)


def test_below_four_bits_llama_cpp_stops_speeding_up():
    seconds = {q: llama_cpp_steps(EIGHT_B, "rtx-3090", quantization=q) for q in ("Q8_0", "Q4_K_M", "Q2_K", "IQ2_XXS")}
    sizes = {q: weights_of(llama_cpp_candidate(EIGHT_B, "rtx-3090", quantization=q)).total_bytes for q in seconds}
    rate = {q: sizes[q] / seconds[q].decode_s(1, 100) for q in seconds}
    assert rate["Q8_0"] > rate["Q4_K_M"] > max(rate["Q2_K"], rate["IQ2_XXS"])


def test_nothing_reads_faster_than_its_memory():
    """The fitted factors of laptops and of Q8_0 multiply to more than the nominal bandwidth."""
    steps = llama_cpp_steps(EIGHT_B, "rtx-4070-laptop", quantization="Q8_0")
    assert steps.floor_decode_s(1, 100) < steps.decode_s(1, 100)
    assert steps.floor_prefill_s(1000) < steps.prefill_s(1000)


def test_layers_on_the_host_add_their_time():
    times = []
    for layers in (33, 24, 12, 0):
        steps = llama_cpp_steps(EIGHT_B, "rtx-3090", settings=replace(LLAMA_CPP, n_gpu_layers=layers))
        times.append((steps.decode_s(1, 1000), steps.prefill_s(2000)))
    assert times == sorted(times)
    assert times[-1][0] > 5 * times[0][0]  # a host reads at a tenth of the card


def test_experts_on_the_host_cost_less_than_whole_layers():
    experts, layers, nothing = (
        llama_cpp_steps(MOE_30B, "rtx-3090", settings=changed).decode_s(1, 1000)
        for changed in (replace(LLAMA_CPP, n_cpu_moe=48), replace(LLAMA_CPP, n_gpu_layers=0), LLAMA_CPP)
    )
    assert nothing < experts < layers


def test_two_cards_hold_more_but_are_not_faster():
    assert llama_cpp_steps(EIGHT_B, "rtx-3090", devices=2).decode_s(1, 100) == llama_cpp_steps(EIGHT_B, "rtx-3090").decode_s(1, 100)


@pytest.mark.parametrize(
    ("gpu_layers", "cpu_moe", "on_device", "experts_on_device", "head_on_host"),
    [(5, 0, 4, 4, False), (99, 0, 4, 4, False), (-1, 3, 4, 1, False), (3, 0, 2, 2, False), (1, 0, 0, 0, False), (0, 0, 0, 0, True)],
)
def test_placement_counts_from_the_last_layer(gpu_layers, cpu_moe, on_device, experts_on_device, head_on_host):
    weights = equal_layers(4, 10, experts_bytes=100, output_bytes=7)
    settings = replace(LLAMA_CPP, n_gpu_layers=gpu_layers, n_cpu_moe=cpu_moe)
    reads = step_reads(place(candidate(FOUR_LAYERS, settings), settings), weights)
    assert reads.device.dense == on_device * 10 + (0 if head_on_host else 7)
    assert reads.device.experts == experts_on_device * 100
    assert reads.host.dense + reads.device.dense == 47
    assert reads.host.experts + reads.device.experts == 400
    assert reads.host_cache_share == (4 - on_device) / 4
    assert reads.host_layers == 4 - experts_on_device
    assert reads.head_on_host == head_on_host


def test_an_unmeasured_class_of_device_has_a_wider_range():
    known, unknown = llama_cpp_steps(EIGHT_B, "rtx-3090"), llama_cpp_steps(EIGHT_B, "h100-sxm")
    widths = [step.value_s.high / step.value_s.low for step in (known.decode(1, 100), unknown.decode(1, 100))]
    assert widths[1] > 1.3 * widths[0]
    assert "an unmeasured class" in unknown.decode(1, 100).value_s.source
    eager = vllm_steps(EIGHT_B, "h100-sxm", settings=replace(VLLM, enforce_eager=True))
    assert eager.speed.decode.high > vllm_steps(EIGHT_B, "h100-sxm").speed.decode.high


def test_an_unmeasured_architecture_raises_the_slow_end_only():
    measured = llama_cpp_steps(EIGHT_B, "arc-pro-b60", backend="sycl").speed.decode
    unmeasured = llama_cpp_steps("google/gemma-3-12b-it", "arc-pro-b60", backend="sycl").speed.decode
    assert unmeasured.low == measured.low
    assert unmeasured.high == pytest.approx(1.7 * measured.high)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: vllm_steps(EIGHT_B, "h100-sxm", version="latest"), "latest"),
        (lambda: llama_cpp_steps(EIGHT_B, "rtx-3090", build="0.3.36"), "0.3.36"),
        (lambda: llama_cpp_steps(EIGHT_B, "rtx-3090", backend="cann"), "cann"),
        (lambda: vllm_steps(EIGHT_B, "h100-sxm", settings=LLAMA_CPP), "vLLM settings"),
    ],
)
def test_what_is_not_known_is_refused_by_name(make, named):
    with pytest.raises(UserInputError, match=named):
        make()


def test_a_calibration_times_its_own_engine_only():
    candidate = vllm_candidate(EIGHT_B, "h100-sxm")
    with pytest.raises(UserInputError, match="vllm"):
        step_time_model(candidate, weights_of(candidate), CALIBRATIONS["llama.cpp"], quantization=CATALOG.quantization("bf16"))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["vllm dense", "vllm moe tp"]), st.floats(1, 9000), st.integers(0, 9000), st.integers(1, 4), st.integers(1, 200))
def test_what_a_prompt_adds_to_a_step_is_the_sum_of_its_parts(name, tokens, context, prompts, batch):
    steps = STEPS[name]
    parts = mixed_prompt_parts(steps.rank.prompt_work(tokens, context, prompts), steps.rank.decode_work(batch), steps.rates)
    added = steps.mixed_prefill_s(tokens, context, prompts=prompts, batch=batch)
    assert added == pytest.approx(sum(parts.values()), rel=1e-6)
