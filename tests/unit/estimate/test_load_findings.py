"""What published load tests found, in kind: where the engines cross, queues behind slots, the cliff, replicas over tensor parallelism."""

from dataclasses import replace
from functools import cache

import pytest

from advisor.domain.workload import Load
from advisor.estimate.load import estimate_performance
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, VLLM
from tests.unit.estimate.serving_for_tests import (
    EIGHT_B,
    demand,
    deployment,
    fixed,
    llama_cpp_candidate,
    llama_cpp_steps,
    memory_of,
    steps_of,
    vllm_candidate,
)

TWELVE_B = "google/gemma-3-12b-it"  # measured with Gemma 4 12B, which the catalog does not have


def served(candidate, load, memory, *, lengths=(512, 256), replicas=1):
    asked = demand(load, input_tokens=fixed(lengths[0]), output_tokens=fixed(lengths[1]))
    shared = deployment(candidate, replicas)
    return estimate_performance(shared, asked, memory=memory, steps=steps_of(candidate), replicas_up=replicas, ranges=False)


@cache
def on_a_3090(engine, in_flight):
    """lotto, one RTX 3090, 512/256 tokens: llama-server with 8 slots and Q4_K_M, vLLM with AWQ."""
    if engine == "vllm":
        candidate = vllm_candidate(TWELVE_B, "rtx-3090", quantization="awq-int4", settings=replace(VLLM, max_num_seqs=256))
        return served(candidate, Load(in_flight=in_flight), memory_of(60_000))
    candidate = llama_cpp_candidate(TWELVE_B, "rtx-3090", settings=replace(LLAMA_CPP, ctx_size=8192, parallel=8))
    return served(candidate, Load(in_flight=in_flight), memory_of(8192, slots=8))


COUNTS = (1, 2, 4, 8, 16)


def test_vllm_overtakes_llama_cpp_at_a_few_requests():
    """Measured at 1 to 4 requests in flight; within one doubling of that."""
    vllm, llama_cpp = ({n: on_a_3090(engine, n).output_tokens_per_s.value for n in COUNTS} for engine in ("vllm", "llama.cpp"))
    ahead = [n for n in COUNTS if vllm[n] > llama_cpp[n]]
    assert min(ahead) <= 8
    assert 16 in ahead
    assert llama_cpp[1] > 0.8 * vllm[1]


def test_llama_server_queues_beyond_its_slots():
    """Measured: at 16 in flight behind 8 slots 10 to 19 s to the first token, at 32 29 to 38 s, throughput unchanged; vLLM below 1 s."""
    full, twice, four_times = (on_a_3090("llama.cpp", n) for n in (8, 16, 32))
    assert twice.ttft_s.p50.value > 5
    assert four_times.ttft_s.p50.value > 2.5 * twice.ttft_s.p50.value
    assert full.ttft_s.p50.value < 1
    assert twice.output_tokens_per_s.value == pytest.approx(full.output_tokens_per_s.value, rel=0.05)
    assert on_a_3090("vllm", 16).ttft_s.p50.value < 1


def on_an_h100(sequences, rate, chunk=2048):
    """kubecon: Llama 3.1 8B, vLLM 0.11, 204/62 tokens."""
    settings = replace(VLLM, max_num_seqs=sequences, max_num_batched_tokens=chunk, enable_prefix_caching=False)
    candidate = vllm_candidate(EIGHT_B, "h100-sxm", version="0.11.0", settings=settings)
    return served(candidate, Load(requests_per_s=rate), memory_of(450_000), lengths=(204, 62))


@pytest.mark.parametrize(("sequences", "saturated_at"), [(128, 101), (192, 113)])
def test_the_cliff_is_where_it_was_measured(sequences, saturated_at):
    """At 92 requests/s 51 ms to the first token; asked for 123 the server gave 101, with 128 sequences; the cap moved to 113 with 192."""
    below, beyond = on_an_h100(sequences, 0.8 * saturated_at), on_an_h100(sequences, 1.22 * saturated_at)
    assert beyond.requests_per_s.value == pytest.approx(saturated_at, rel=0.15)
    assert beyond.saturated
    assert not below.saturated
    assert below.ttft_s.p50.value < 0.15
    assert beyond.ttft_s.p50.value > 2
    assert below.e2e_s.p50.value < 2


def test_replicas_over_tensor_parallelism_on_pcie():
    """cssnoeasy: Qwen2.5 7B on two A100 PCIe without NVLink gains 33 to 45 % by tensor parallelism; two replicas double."""
    alone, both = (vllm_candidate("Qwen/Qwen2.5-7B-Instruct", "a100-80gb-pcie", tensor=tensor) for tensor in (1, 2))
    few = Load(in_flight=8)
    gain = served(both, few, memory_of(10**6)).output_tokens_per_s.value / served(alone, few, memory_of(10**6)).output_tokens_per_s.value
    assert 1.2 <= gain <= 1.6
    many = Load(in_flight=64)
    split = served(both, many, memory_of(10**6)).output_tokens_per_s.value
    assert served(alone, many, memory_of(10**6), replicas=2).output_tokens_per_s.value > 1.1 * split


def test_batched_decode_of_llama_cpp_flattens():
    """llama.cpp's own batched-bench on a GB10, gpt-oss-20b: 81 to 615 tokens/s from 1 to 32 sequences, 268 behind 8 k of context."""
    steps = llama_cpp_steps("openai/gpt-oss-20b", "dgx-spark", quantization="MXFP4_MOE")
    short, long = ([batch / steps.decode_s(batch, context) for batch in (1, 2, 4, 8, 16, 32)] for context in (256, 8192))
    assert short == sorted(short)
    assert 4 < short[-1] / short[0] < 13
    assert long[-1] < 0.7 * short[-1]
