"""The memory of a model on a device, explained part by part."""

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.intake.estimation import EstimateRequest, Program, WeightFiles, estimate_request
from advisor.planning.explain_held import explain_memory
from advisor.planning.held import Held
from advisor.report.explain_text import explanation_document, explanation_text
from advisor.units import GIB

CATALOG = load_catalog()
ASKED = {
    "dense on vLLM": ("Qwen/Qwen3-8B", "l40s", "vllm", "bf16", Parallelism(), {"max_model_len": 16000}),
    "windows on vLLM": ("google/gemma-3-12b-it", "h100-sxm", "vllm", "bf16", Parallelism(tensor=2), {}),
    "states on vLLM": ("ibm-granite/granite-4.0-h-tiny", "h100-sxm", "vllm", "bf16", Parallelism(), {"max_model_len": 8192}),
    "chunks on vLLM": (
        "meta-llama/Llama-4-Scout-17B-16E-Instruct",
        "h200-sxm",
        "vllm",
        "fp8",
        Parallelism(tensor=4),
        {"max_model_len": 65536},
    ),
    "vLLM on a CPU": ("Qwen/Qwen3-8B", "cpu", "vllm", "bf16", Parallelism(), {"max_model_len": 8192, "kv_cache_memory_bytes": 8 * GIB}),
    "llama.cpp": ("google/gemma-3-27b-it", "rtx-3090", "llama.cpp", "Q4_K_M", Parallelism(), {"ctx_size": 32768, "parallel": 4}),
    "llama.cpp with states": ("Qwen/Qwen3-Next-80B-A3B-Instruct", "cpu", "llama.cpp", "Q4_K_M", Parallelism(), {"ctx_size": 8192}),
}


@pytest.fixture(params=ASKED, ids=lambda name: name.replace(" ", "-"))
def explained(request):
    model, device, engine, quantization, spread, flags = ASKED[request.param]
    asked = EstimateRequest(model, device, Program(engine), WeightFiles(quantization), parallelism=spread, flags=flags)
    answer = estimate_request(asked, CATALOG)
    held = Held(answer.candidate, answer.weights, answer.estimate.memory)
    return answer, explain_memory(held, CATALOG.memory_constants, deployment=model)


def test_the_parts_add_up_to_what_is_required(explained):
    _, explanation = explained
    assert sum(term.value for term in explanation.terms if term.adds) == pytest.approx(explanation.value.value, rel=1e-9)


def test_every_line_says_what_it_rests_on(explained):
    _, explanation = explained
    assert all(term.basis is not None and term.source for term in explanation.terms)
    assert {term["basis"] for term in explanation_document(explanation)["terms"]} >= {"exact", "modelled"}


def test_the_formula_holds_this_model_s_numbers(explained):
    answer, explanation = explained
    text = " ".join(explanation_text(explanation).split())
    vocabulary = f"{answer.model.architecture.vocab_size:,} words"
    assert vocabulary in text
    assert f"{answer.model.architecture.layers} layers" in text


def test_blocks_of_a_request_add_up_over_the_kinds_of_layers():
    asked = EstimateRequest("google/gemma-3-12b-it", "h100-sxm", Program("vllm"), WeightFiles("bf16"), flags={"max_model_len": 131072})
    answer = estimate_request(asked, CATALOG)
    held = Held(answer.candidate, answer.weights, answer.estimate.memory)
    text = " ".join(explanation_text(explain_memory(held, CATALOG.memory_constants, deployment="a")).split())
    assert "5 x (ceil(min(1,024 - 1 + 16,384, 131,072) / 16) + 1) = 5,445 blocks" in text
    assert "1 x ceil(131,072 / 16) = 8,192 blocks" in text
    assert "13,637 blocks each: what the log prints" in text
