"""Runs made by hand, as cases: a server of vLLM under load, and llama-bench."""

from dataclasses import replace

from advisor.accuracy.case import Case, Group
from advisor.domain.published import LlamaCppRun, VllmRun
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.estimation import EstimateRequest, Program, Traffic, WeightFiles, estimate_request
from tests.unit.estimate.serving_for_tests import CATALOG

MODEL, DEVICE = "Qwen/Qwen3-8B", "h100-sxm"
_ROW = {
    "source": "https://example.org/run",
    "source_date": "2026",
    "quality": "A",
    "split": "report",
    "series_id": "one",
    "judge_ready": "1",
}


def asked(engine="vllm", quantization="bf16", device=DEVICE, model=MODEL, traffic=None):
    """What `advisor estimate` answers."""
    request = EstimateRequest(model, device, Program(engine), WeightFiles(quantization), traffic=traffic or Traffic())
    return estimate_request(request, CATALOG)


def served(number="1", *, in_flight=8, measured=None, source="somebody", **row):
    """A closed loop on vLLM, or what `row` says."""
    run = VllmRun(**{**_ROW, "row_id": number, "source_id": source, "model": MODEL, "gpu": DEVICE, "load_class": "closed_loop", **row})
    return _case(run, asked(), in_flight=in_flight, measured=measured or {"tpot_s": 0.01, "ttft_s": 0.1})


def bench(number="1", *, depth=0, measured=None, source="somebody"):
    """llama-bench of 512 tokens of prompt and 128 generated on a consumer's card."""
    named = {"row_id": number, "source_id": source, "model": MODEL, "gpu": "rtx-3090", "quant": "Q4_K_M"}
    run = LlamaCppRun(**_ROW, **named, tool="llama-bench", engine="llama.cpp", depth_tokens=depth)
    answer = asked("llama.cpp", "Q4_K_M", "rtx-3090")
    case = _case(run, answer, in_flight=1, measured=measured or {"tpot_s": 0.01, "prefill_s": 0.2})
    return replace(case, input_tokens=512.0, output_tokens=128.0, depth_tokens=float(depth))


def _case(run, answer, *, in_flight, measured):
    candidate = answer.candidate
    quantization = CATALOG.quantization(candidate.checkpoint.quantization)
    return Case(
        row=run,
        group=Group(run.source_id, candidate.node.device.id, candidate.model.id),
        candidate=candidate,
        weights=checkpoint_weights(candidate.model.architecture, candidate.checkpoint, quantization, parallelism=candidate.parallelism),
        quantization=quantization,
        input_tokens=1000.0,
        output_tokens=200.0,
        in_flight=in_flight,
        depth_tokens=0.0,
        measured=measured,
        unreliable={},
    )
