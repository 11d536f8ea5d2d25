"""What a validation leaves as measurements: its memory once, its speeds by concurrency, and nothing that names a machine."""

from dataclasses import replace

import pytest

from advisor.domain.evidence import EvidenceFile
from advisor.validation.record import measurements_of

from .conftest import planned
from .log.test_run import VLLM, judged, on_h100  # noqa: F401 - a fixture

SPEEDS = (
    {"concurrency": 1, "step_s": 0.010, "first_token_p95_s": 0.3, "output_tokens_per_s": 100.0, "prompt_tokens": 200},
    {
        "concurrency": 4,
        "rate_per_s": None,
        "requests": 10,
        "failed": 2,
        "ttft_s": {"p50": 0.2, "p95": 0.3, "p99": 0.4},
        "tpot_s": {"p50": 0.03, "p95": 0.04, "p99": 0.05},
        "e2e_s": None,
        "input_tokens": 1600,
        "output_tokens": 400,
        "requests_per_s": 2.5,
        "anything": "else",
    },
)
RUN = EvidenceFile(
    schema="advisor.evidence/1",
    deployment="letters",
    fingerprint="ab" * 32,
    measured_on="2026-11-24",
    engine={"name": "llama.cpp", "binding_version": "0.3.36"},
    device="machine-0123456789ab",
    weights="synthetic",
    weights_sha256=None,
    settings={"ctx-size": 8192, "cache-type-k": "q8_0"},
    reduced=("prompts 400 -> 200 tokens",),
    claims=(),
    benchmark=SPEEDS,
    memory={},
    contention={"disturbed": True},
    made_with={},
)


def test_a_log_leaves_its_memory(on_h100):  # noqa: F811
    subject = on_h100()
    evidence, _ = judged(subject, VLLM)
    (row,) = measurements_of(evidence, subject.planned)
    assert (row.engine, row.engine_version, row.gpu, row.model, row.flags) == ("vllm", "0.33.0", "h100-sxm", "Qwen/Qwen3-32B-FP8", None)
    assert (row.weights_load_gib_per_gpu, row.peak_activation_gib) == (pytest.approx(31.98), pytest.approx(8.6))
    assert (row.gpu_kv_cache_tokens, row.max_concurrency_x, row.max_concurrency_at_tokens) == (129_856, 7.93, 16_384)
    assert row.source == f"log of letters {evidence.fingerprint[:12]}"
    assert row.max_concurrency is None


def test_a_run_leaves_a_row_for_each_concurrency():
    one, four = measurements_of(RUN, planned())
    assert (one.max_concurrency, one.tpot_p50_ms, one.ttft_p95_ms, one.output_throughput_tok_s) == (1, 10.0, 300.0, 100.0)
    assert (four.max_concurrency, four.ttft_p50_ms, four.tpot_p95_ms, four.e2e_p99_ms) == (4, 200.0, 40.0, None)
    assert (four.num_prompts, four.input_len_tokens, four.output_len_tokens, four.req_throughput_rps) == (10, 200.0, 50.0, 2.5)
    assert (one.input_len_tokens, one.output_len_tokens) == (200, None)
    assert (one.flags, one.kv_dtype, one.engine_version) == ("synthetic_weights;disturbed;reduced", "q8_0", "b11549")
    assert one.row_id != four.row_id
    assert measurements_of(RUN, planned()) == (one, four)


def test_a_log_read_again_another_day_is_the_same_row():
    again = measurements_of(replace(RUN, measured_on="2026-11-25"), planned())
    assert [row.row_id for row in again] == [row.row_id for row in measurements_of(RUN, planned())]


def test_nothing_is_kept_of_another_deployment():
    assert measurements_of(replace(RUN, differs=("engine version 1 -> 2",)), planned()) == ()


def test_nothing_measured_leaves_no_row():
    assert measurements_of(replace(RUN, benchmark=()), planned()) == ()
