"""From a measured load to scales: the scaled prediction is the measurement, and what cannot be is refused."""

import pytest

from advisor.domain.measured import MeasuredPoint
from advisor.domain.workload import Load
from advisor.errors import UserInputError
from advisor.estimate.load import estimate_performance
from advisor.estimate.measured_scale import MeasuredCandidate, scale_of
from tests.unit.estimate.serving_for_tests import (
    EIGHT_B,
    THIRTY_TWO_B,
    demand,
    deployment,
    fixed,
    llama_cpp_candidate,
    memory_of,
    steps_of,
    vllm_candidate,
)

CANDIDATE = vllm_candidate(THIRTY_TWO_B, "h100-sxm", quantization="fp8")
SUBJECT = MeasuredCandidate(deployment(CANDIDATE), memory_of(10**6), steps_of(CANDIDATE))


def predicted(steps, concurrency):
    asked = demand(Load(in_flight=concurrency), input_tokens=fixed(4000), output_tokens=fixed(500))
    found = estimate_performance(SUBJECT.deployment, asked, memory=SUBJECT.memory, steps=steps, replicas_up=1, ranges=False)
    return found.tpot_s.p50.value, found.ttft_s.p50.value


def point(concurrency, **seen):
    return MeasuredPoint(concurrency=concurrency, input_tokens=4000, output_tokens=500, source="a test", **seen)


@pytest.mark.parametrize(("decode", "prefill"), [(1.0, 1.0), (1.4, 0.8), (0.8, 1.3)])
@pytest.mark.parametrize("concurrency", [1, 8, 24])
def test_the_scale_that_made_a_measurement_is_found_again(concurrency, decode, prefill):
    tpot_s, ttft_s = predicted(SUBJECT.steps.rescaled(decode, prefill), concurrency)
    scale = scale_of(point(concurrency, tpot_s=tpot_s, ttft_s=ttft_s), SUBJECT)
    again = predicted(SUBJECT.steps.rescaled(scale.decode, scale.prefill), concurrency)
    assert again == pytest.approx((tpot_s, ttft_s), rel=0.02)


def test_one_time_scales_its_own_side_alone():
    tpot_s, ttft_s = predicted(SUBJECT.steps, 8)
    assert scale_of(point(8, tpot_s=tpot_s), SUBJECT).prefill is None
    only_first = scale_of(point(8, ttft_s=ttft_s), SUBJECT)
    assert (only_first.decode, only_first.prefill) == (None, pytest.approx(1.0, rel=0.02))


def test_a_load_generator_that_keeps_its_requests_in_step_is_understood():
    """Four prompts of 128 tokens together, then four tokens a step: no token waits for a prompt."""
    steps = steps_of(CANDIDATE)
    first_s = sum(steps.prefill_parts_s(512, 0.0, 4).values()) + steps.request_floor_s
    seen = MeasuredPoint(
        concurrency=4, input_tokens=128, output_tokens=32, tpot_s=1.2 * steps.decode_s(4, 144), ttft_s=1.5 * first_s, source="in step"
    )
    scale = scale_of(seen, SUBJECT)
    assert (scale.decode, scale.prefill) == pytest.approx((1.2, 1.5), rel=0.02)


def test_llama_bench_is_held_against_bare_steps():
    candidate = llama_cpp_candidate(EIGHT_B, "rtx-3090")
    steps = steps_of(candidate)
    subject = MeasuredCandidate(deployment(candidate), memory_of(10**6), steps)
    tokens = MeasuredPoint(bare=True, input_tokens=4096, output_tokens=128, tpot_s=1.25 * steps.decode_s(1, 4160), source="tg128 @ d4096")
    prompt = MeasuredPoint(bare=True, prompt_tokens=512, ttft_s=0.8 * steps.prefill_s(512), source="pp512")
    assert scale_of(tokens, subject).decode == pytest.approx(1.25)
    assert scale_of(prompt, subject).prefill == pytest.approx(0.8)


IMPOSSIBLE = {
    "below the bytes of a step": ({"tpot_s": 0.004}, "tpot_s 0.0040 at 8 at once is below .* reading the weights once"),
    "below the arithmetic of the prompt": ({"ttft_s": 0.05}, "ttft_s 0.050 at 8 at once is below .* warm prefixes"),
    "milliseconds": ({"tpot_s": 25.0}, "tpot_s 25 at 8 at once is more than 10 times slower than predicted: .*in seconds"),
}


@pytest.mark.parametrize(("seen", "says"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_is_refused_in_one_line(seen, says):
    with pytest.raises(UserInputError, match=says) as refused:
        scale_of(point(8, **seen), SUBJECT)
    assert "\n" not in str(refused.value)
