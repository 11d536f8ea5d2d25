"""What published measurements found about serving, held against the predictions: not a number of ours, the finding.

The measured side is read from the same published rows where they are in the catalog, so that the finding itself is checked as well.
"""

from collections.abc import Mapping
from functools import cache

import pytest

from advisor import resources
from advisor.assess import SEED
from advisor.catalog import load_catalog
from advisor.catalog.measurements import load_published
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Deployment
from advisor.domain.engine import Parallelism
from advisor.domain.quantity import exact
from advisor.domain.workload import Load
from advisor.estimate.crossing import EVEN, Comparison, compare, ratio_of
from advisor.estimate.load import estimate_performance
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

Tokens = tuple[int, int]  # sent and generated
Flags = tuple[tuple[str, object], ...]
CATALOG = load_catalog()
LOADS = (1, 2, 4, 8, 16)
VLLM = (("max_model_len", 4096),)


@cache
def published():
    return load_published(resources.folder("catalog"))


@cache
def served(load: Load, engine: str, model: str, quantization: str, device: str, tokens: Tokens, flags: Flags, *, tensor: int = 1):  # noqa: PLR0917
    """One replica under a load of equal requests."""
    sent, generated = tokens
    node = CATALOG.node(device, max(tensor, 1))
    spread = Parallelism(tensor=tensor)
    candidate = build_candidate(
        CATALOG, model=CATALOG.model(model), quantization=quantization, engine=engine, runtime=None, version=None,
        node=node, devices=tensor, parallelism=spread, flags=dict(flags),
    )  # fmt: skip
    chosen = CATALOG.quantization(quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, chosen, parallelism=candidate.parallelism)
    total = sent + generated
    memory = estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=total, longest_tokens=total)
    steps = step_time_model(candidate, weights, CATALOG.calibrations[engine], quantization=chosen)
    demand = Demand(load, Lengths(sent, sent, sent), Lengths(generated, generated, generated))
    return estimate_performance(Deployment("x", candidate, 1), demand, memory=memory, steps=steps, replicas_up=1, seed=SEED, ranges=False)


def slots(count: int, tokens: int) -> Flags:
    """llama-server with so many slots, each with room for a request."""
    return (("ctx_size", count * tokens), ("parallel", count), ("flash_attn", "on"))


def tokens_per_s(load: int, *what, **more) -> float:
    return served(Load(in_flight=load), *what, **more).output_tokens_per_s.value


def compared(first: Mapping[int, float], second: Mapping[int, float]) -> Comparison:
    return compare(
        "llama.cpp", "vllm", {load: ratio_of(exact(second[load], "x"), exact(first[load], "x")) for load in first if load in second}
    )


def ahead_from(found: Comparison) -> float:
    """From how many requests at once vLLM is ahead for good; the least load that was looked at where it is ahead from the start."""
    last = [one for one in found.crossings if one.overtakes == "vllm"]
    if last:
        return last[-1].concurrency
    return min(found.ratios) if max(found.ratios.values()) > 1 + EVEN else float("inf")


# ---- 1: on an RTX 3090 vLLM overtakes llama.cpp at 1 to 4 requests at once

# One card, Gemma-4-12B, 512/256 tokens, output tokens per second (lotto-4x3090): llama-server with eight slots.
MEASURED_Q4 = {1: 46, 2: 74, 4: 97, 8: 123, 16: 127}
MEASURED_Q8 = {1: 34, 2: 61, 4: 93, 8: 114, 16: 117}
MEASURED_FP8 = {1: 40, 2: 80, 4: 154, 8: 289, 16: 488}
ASKED = (512, 256)
ON_3090 = (
    ("google/gemma-3-12b-it", "Q4_K_M", "w4a16"),
    ("google/gemma-3-12b-it", "Q8_0", "fp8"),
    ("meta-llama/Llama-3.1-8B-Instruct", "Q4_K_M", "w4a16"),
    ("meta-llama/Llama-3.1-8B-Instruct", "Q8_0", "fp8"),
)


MEASURED_SIZE = ("google/gemma-3-12b-it",)  # as large and built as the measured Gemma-4-12B, which is not in the catalog


def measured_awq() -> dict[int, float]:
    """The same card and requests, vLLM with AWQ in four bits; the first run of each load."""
    rates: dict[int, float] = {}
    for row in published().vllm:
        if row.source_id == "lotto-4x3090" and row.model == "gemma-4-12B-it-AWQ-INT4" and row.tp == row.gpu_count == 1:
            rates.setdefault(row.max_concurrency, row.output_throughput_tok_s)
    return rates


@pytest.mark.parametrize(("llama", "vllm"), [(MEASURED_Q4, measured_awq()), (MEASURED_Q8, MEASURED_FP8)], ids=["4-bit", "8-bit"])
def test_measured_vllm_is_ahead_from_at_most_four_at_once(llama, vllm):
    found = compared(llama, vllm)
    assert len(found.ratios) == len(LOADS)
    assert ahead_from(found) <= 4


@pytest.mark.parametrize(("model", "gguf", "safetensors"), ON_3090)
def test_predicted_vllm_is_ahead_within_a_doubling_of_that(model, gguf, safetensors):
    llama = {n: tokens_per_s(n, "llama.cpp", model, gguf, "rtx-3090", ASKED, slots(8, 768)) for n in LOADS}
    vllm = {n: tokens_per_s(n, "vllm", model, safetensors, "rtx-3090", ASKED, VLLM) for n in LOADS}
    assert ahead_from(compared(llama, vllm)) <= 2 * 4
    assert vllm[16] > 1.2 * llama[16]


# ---- 2: beyond its slots llama-server queues: first tokens wait tens of seconds, and no more is served


@pytest.mark.parametrize(("model", "gguf"), [pair[:2] for pair in ON_3090])
def test_at_twice_its_slots_a_first_token_waits_for_whole_answers_and_throughput_stays(model, gguf):
    """Measured at eight slots: 10-19 s at 16 at once, 29-38 s at 32 (lotto-4x3090)."""
    full, twice, fourfold = (served(Load(in_flight=n), "llama.cpp", model, gguf, "rtx-3090", ASKED, slots(8, 768)) for n in (8, 16, 32))
    answer_s = full.e2e_s.p50.value
    assert full.ttft_s.p50.value < 3
    assert model not in MEASURED_SIZE or 10 / 2 <= twice.ttft_s.p50.value <= 19 * 2
    assert twice.ttft_s.p50.value > 0.5 * answer_s
    assert fourfold.ttft_s.p50.value > 2 * twice.ttft_s.p50.value
    assert twice.output_tokens_per_s.value == pytest.approx(full.output_tokens_per_s.value, rel=0.15)
    assert fourfold.output_tokens_per_s.value == pytest.approx(twice.output_tokens_per_s.value, rel=0.05)


@pytest.mark.parametrize(("model", "safetensors"), [(pair[0], pair[2]) for pair in ON_3090])
def test_vllm_on_the_same_card_keeps_first_tokens_short_of_that(model, safetensors):
    busy = served(Load(in_flight=16), "vllm", model, safetensors, "rtx-3090", ASKED, VLLM)
    assert busy.ttft_s.p50.value < 2


# ---- 3: saturation is a cliff, set by the number of sequences or the cache

CLIFF = ("vllm", "meta-llama/Llama-3.1-8B-Instruct", "bf16", "h100-sxm", (204, 62))


def sequences(most: int) -> Flags:
    return (("max_model_len", 4096), ("max_num_seqs", most))


def test_just_below_its_limit_nobody_waits_and_just_above_everybody_does():
    """H100, 8B, 204/62 tokens: at 92 requests/s a first token takes 51 ms, asked for 123 it serves 101 and takes 2.6 s (kubecon)."""
    limit = served(Load(in_flight=64), *CLIFF, sequences(32)).capacity_requests_per_s.value
    below, above = (served(Load(requests_per_s=share * limit), *CLIFF, sequences(32)) for share in (0.9, 1.2))
    assert below.ttft_s.p50.value < 0.3
    assert above.ttft_s.p50.value > 10 * below.ttft_s.p50.value
    assert above.saturated and not below.saturated
    assert above.requests_per_s.value == pytest.approx(limit, rel=0.15)


def test_more_sequences_move_the_cliff():
    """128 to 192 sequences: 101 to 113 requests/s (kubecon)."""
    fewer, more = (served(Load(in_flight=512), *CLIFF, sequences(n)).requests_per_s.value for n in (128, 192))
    assert 1.02 < more / fewer < 1.5


def test_a_pool_for_a_few_sequences_is_a_cliff_as_well():
    """A 24 GB card with 16 GB of weights: room for a few dozen sequences, then the late ones wait for seconds (accelmark)."""
    what = ("vllm", "meta-llama/Llama-3.1-8B-Instruct", "bf16", "rtx-4090", (1000, 500))
    limit = served(Load(in_flight=256), *what, (("max_model_len", 4096),)).capacity_requests_per_s.value
    below, above = (served(Load(requests_per_s=share * limit), *what, (("max_model_len", 4096),)) for share in (0.7, 1.3))
    assert above.ttft_s.p95.value > 10 * below.ttft_s.p95.value


# ---- 7: on PCIe cards tensor parallelism gains little; replicas beat it wherever the model fits


PAIRS = ((8, 512, 256), (16, 2048, 128), (32, 2048, 512))  # at once, tokens sent, tokens generated
# Of the measured long prompts a part was cached (one run beats the card's arithmetic): short ones compare without a guess at how much.
SHORT = ((8, 512, 256), (16, 512, 256), (32, 512, 512))


def measured_7b(tensor: int, at_once: int) -> float:
    """Qwen2.5-7B in 16 bits on A100 80 GB cards without NVLink: requests per second (cssnoeasy-a100)."""
    rows = [row for row in published().vllm if row.source_id == "cssnoeasy-a100"]
    return next(row.req_throughput_rps for row in rows if (row.tp, row.max_concurrency) == (tensor, at_once))


@pytest.mark.parametrize(("at_once", "sent", "generated"), PAIRS)
def test_measured_two_cards_in_one_replica_gain_20_to_60_percent(at_once, sent, generated):
    assert 1.2 <= measured_7b(2, at_once) / measured_7b(1, at_once) <= 1.6


@pytest.mark.parametrize(("at_once", "sent", "generated"), SHORT)
@pytest.mark.parametrize("device", ["a100-80gb-pcie", "rtx-3090"])
def test_predicted_two_cards_in_one_replica_gain_20_to_60_percent(device, at_once, sent, generated):
    what = ("vllm", "Qwen/Qwen2.5-7B-Instruct", "fp16", device, (sent, generated), VLLM)
    one, two = (tokens_per_s(at_once, *what, tensor=n) for n in (1, 2))
    assert 1.2 <= two / one <= 1.6


@pytest.mark.parametrize("device", ["a100-80gb-pcie", "rtx-3090"])
def test_replicas_serve_more_than_as_many_cards_in_one(device):
    """4 x RTX 3090, Gemma-4-12B in four bits, 128 at once: four replicas 3,425-4,001 tokens/s, one over all four 1,008 (lotto-4x3090)."""
    what = ("vllm", "google/gemma-3-12b-it", "w4a16", device, ASKED, VLLM)
    replicas, spread = 4 * tokens_per_s(32, *what), tokens_per_s(128, *what, tensor=4)
    assert replicas > 1.5 * spread


# ---- 8: llama.cpp's batched decode gains less with every doubling, and less still behind a long context

BATCHES = (1, 2, 4, 8, 16, 32)


def measured_batches(device: str, prompt_tokens: int) -> dict[int, float]:
    """gpt-oss-20b under llama-batched-bench, tokens per second of all sequences (llama.cpp's own benches)."""
    names = published().names
    return {
        row.n_parallel: row.tg_tok_s
        for row in published().llama_cpp
        if row.source_id == "llama.cpp-benches"
        and row.tool == "llama-batched-bench"
        and (names.device_id(row), names.model_id(row)) == (device, "openai/gpt-oss-20b")
        and row.n_prompt_tokens == prompt_tokens
    }


def predicted_batches(device: str, prompt_tokens: int) -> dict[int, float]:
    """Decode alone: sequences over a step with all of them, halfway through 32 generated tokens."""
    what = ("llama.cpp", "openai/gpt-oss-20b", "MXFP4_MOE", device, (prompt_tokens, 32))
    found = {n: served(Load(in_flight=n), *what, slots(n, 2 * (prompt_tokens + 32))) for n in BATCHES}
    return {n: round(one.in_flight.value) / one.decode_step.value_s.value for n, one in found.items()}


@pytest.mark.parametrize(
    ("rates_of", "device"), [(measured_batches, "apple-m2-ultra"), (predicted_batches, "apple-m2-ultra"), (predicted_batches, "dgx-spark")]
)
def test_batched_decode_grows_below_proportion_and_flattens_with_context(rates_of, device):
    """M2 Ultra: 130 to 536 tokens/s from 1 to 32 sequences; GB10: 81 to 615, and 268 at 32 behind 8,192 tokens (llama.cpp's benches)."""
    short, long = rates_of(device, 512), rates_of(device, 8192)
    assert set(BATCHES) <= set(short)
    assert all(short[2 * n] > 1.02 * short[n] for n in BATCHES[:-1])
    assert 2 < short[32] / short[1] < 32 / 2
    assert long[32] < 0.9 * short[32]
