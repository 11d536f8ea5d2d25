"""Rules on candidates of the catalog, sized by the real estimate: what a user would be told."""

import pytest

from advisor.catalog import load_catalog
from advisor.domain.demand import Demand, Lengths
from advisor.domain.engine import Parallelism
from advisor.domain.estimate import Estimate
from advisor.domain.hardware import Available
from advisor.domain.workload import Load, Privacy, Request, TokenLengths, Users, Workload
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate
from advisor.rules import build_facts, judge, load_rules

WORKLOAD = Workload(
    schema="advisor.workload/1",
    load=Load(users=Users(240, 120)),
    request=Request(TokenLengths(4000), TokenLengths(500)),
    privacy=Privacy("premises"),
    models="any",
)
DEMAND = Demand(WORKLOAD.load, Lengths(4000, 9000, 15000), Lengths(500, 900, 1200))
QWEN, GEMMA, PHI = "Qwen/Qwen3-32B", "google/gemma-3-27b-it", "microsoft/phi-4"
QUANTISED = {"ctx-size": "65536", "parallel": "4", "cache-type-k": "q8_0", "cache-type-v": "q8_0"}


def verdicts(case, acquisition):
    model, quantization, runtime, device, flags = case
    catalog = load_catalog()
    engine = "vllm" if runtime is None else "llama.cpp"
    candidate = build_candidate(
        catalog,
        model=catalog.model(model),
        quantization=quantization,
        engine=engine,
        runtime=runtime,
        version=None,
        node=catalog.node(device, 1),
        devices=1,
        parallelism=Parallelism(),
        flags=flags,
    )
    format_ = catalog.quantization(quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, format_, parallelism=candidate.parallelism)
    memory = estimate_memory(candidate, weights, constants=catalog.memory_constants, typical_tokens=4500, longest_tokens=16200)
    facts = build_facts(
        WORKLOAD,
        DEMAND,
        available=Available(candidate.node, None, acquisition),
        candidate=candidate,
        quantization=format_,
        licence=catalog.licences.get(candidate.model.licence),
        concurrency=catalog.engine(engine).runtimes[candidate.runtime.runtime].concurrency,
        estimate=Estimate(memory, None, None, None),
    )
    rules = load_rules()
    return {v.rule: v for stage in ("screen", "configure", "judge") for v in judge(rules, facts, stage)}


@pytest.mark.parametrize(
    ("case", "severe"),
    [
        ((QWEN, "fp8", None, "h100-sxm", {"max-model-len": "16384"}), set()),
        ((QWEN, "fp8", None, "h100-sxm", {"max-model-len": "65536"}), {"MOD012"}),
        ((QWEN, "fp8", None, "h100-sxm", {"max-model-len": "10000"}), {"CTX003"}),
        ((QWEN, "fp8", None, "h100-sxm", {"max-model-len": "4096"}), {"CTX001"}),
        ((QWEN, "fp8", None, "a100-80gb-sxm", {"max-model-len": "16384"}), {"QNT003"}),
        ((QWEN, "bf16", None, "l40s", {"max-model-len": "16384"}), {"MEM001"}),
        ((GEMMA, "Q4_K_M", "llama-server", "rtx-3090", {"ctx-size": "32768", "parallel": "4"}), {"LCP004"}),
        ((GEMMA, "Q4_K_M", "llama-server", "rtx-a6000", {"ctx-size": "49152", "parallel": "4"}), {"CTX003"}),
        ((GEMMA, "Q8_0", "llama-server", "rtx-3090", {"ctx-size": "32768"}), {"MEM001"}),
        ((PHI, "Q8_0", "llama-server", "h100-sxm", QUANTISED | {"kv-unified": "off"}), {"LCP010"}),
        ((PHI, "Q8_0", "llama-server", "h100-sxm", QUANTISED | {"kv-unified": "on"}), set()),
        ((GEMMA, "Q4_K_M", "llama-cpp-server", "h100-sxm", {"n_ctx": "32768", "n_gpu_layers": "-1"}), {"LCP002", "LCP007"}),
    ],
)
def test_what_blocks_or_warns(case, severe):
    found = verdicts(case, "owned")
    assert {rule for rule, verdict in found.items() if verdict.severity != "note"} == severe
    assert {found[rule].confidence for rule in severe} <= {"exact"}


def test_rented_hardware_is_screened_out():
    case = (QWEN, "fp8", None, "h100-sxm", {"max-model-len": "16384"})
    assert set(verdicts(case, "rent")) - set(verdicts(case, "owned")) == {"PRV001"}
