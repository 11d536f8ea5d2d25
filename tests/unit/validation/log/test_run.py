"""A start-up log against a plan: what it proves, refutes and leaves open, and when it is of another deployment altogether."""

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.catalog import load_catalog
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, RuntimeRef, VllmSettings
from advisor.domain.model import Checkpoint
from advisor.domain.plan import Claim, MadeWith, Plan, PlannedEngine, PlannedHardware, PlannedModel, Setting
from advisor.domain.quantity import Basis, Quantity, exact
from advisor.domain.workload import Load
from advisor.errors import UserInputError
from advisor.files.evidence import evidence_dict, read_evidence, write_evidence
from advisor.files.plan import fingerprint
from advisor.report.validation_text import coverage_line, validation_lines
from advisor.units import GIB, MIB
from advisor.validation.log.run import validate_log
from advisor.validation.verdict import exit_code
from advisor.validation.verify import verify

from ..conftest import SETTINGS, memory, planned

LOGS = Path(__file__).parents[3] / "data" / "engine_logs"
CATALOG = load_catalog()
LLAMA = (LOGS / "llama_server_qwen3_0_6b_q4_k_m.log").read_text()
CUDA = (LOGS / "llama_server_cuda_27b.log").read_text()
VLLM = """\
(APIServer pid=1) INFO 11-24 09:00:02 [utils.py:299]  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.33.0
(APIServer pid=1) INFO 11-24 09:00:02 [utils.py:233] non-default args: {'max_model_len': 16384, 'max_num_seqs': 64, \
'api_key': ['sk-secret']}
(EngineCore pid=77) INFO 11-24 09:00:11 [core.py:123] Initializing a V1 LLM engine (v0.33.0) with config: model='/models/Qwen3-32B-FP8', \
max_seq_len=16384, load_format=auto, tensor_parallel_size=1, kv_cache_dtype=auto, enforce_eager=False, enable_prefix_caching=True, x
(EngineCore pid=77) INFO 11-24 09:00:25 [model_runner.py:407] Model loading took 31.98 GiB memory and 12.420225 seconds
(EngineCore pid=77) INFO 11-24 09:01:33 [gpu_worker.py:692] Available KV cache memory: 31.70 GiB
(EngineCore pid=77) INFO 11-24 09:01:33 [kv_cache_utils.py:2464] GPU KV cache size: 129,856 tokens, Maximum concurrency for 16,384 \
tokens per request: 7.93x
(EngineCore pid=77) INFO 11-24 09:01:41 [gpu_worker.py:955] Free memory on device (78.64/79.18 GiB) on startup. Desired GPU memory \
utilization is (0.92, 72.85 GiB). Actual usage is 32.20 GiB for consumed memory (weights + non-torch), 8.6 GiB for peak activation, and \
0.35 GiB for CUDAGraph memory. Current kv cache memory in use is 31.70 GiB.
(APIServer pid=1) INFO 11-24 09:01:49 [api_server.py:689] Starting vLLM server on http://0.0.0.0:8000
(APIServer pid=1) INFO:     Application startup complete.
"""
CLAIMS = {
    "weights_gib": Claim(31.96, Basis.EXACT),
    "kv_capacity_tokens": Claim(142_000, Basis.SCALED, 134_000, 147_000, at_least=104_000),
    "ttft_p95_s": Claim(1.2, Basis.MODELLED, 0.9, 1.9, at_most=2.0),
    "tpot_p95_s": Claim(0.027, Basis.SCALED, 0.020, 0.048, at_most=0.05),
}
VLLM_SETTINGS = VllmSettings(16384, 64, 8192, 0.92, "auto", 16, True, False)
REQUIRED = ("starts", "kv_capacity_tokens", "ttft_p95_s", "tpot_p95_s")


def modelled(gib, low, high):
    return Quantity(gib * GIB, low * GIB, high * GIB, Basis.MODELLED, "test")


def vllm_memory():
    whole = memory()
    device = replace(
        whole.devices[0],
        device="h100-sxm",
        weights_bytes=exact(31.96 * GIB, "test"),
        compute_buffer_bytes=modelled(5.6, 4.7, 6.1),
        output_buffer_bytes=exact(0, "test"),
        runtime_overhead_bytes=modelled(0.8, 0.3, 2.1),
        usable_bytes=exact(72.85 * GIB, "test"),
    )
    return replace(
        whole,
        devices=(device,),
        host=replace(whole.host, repacked_weights_bytes=exact(0, "test")),
        kv_cache_bytes_per_token=exact(262_144, "test"),
        max_concurrency_x=Quantity(8.7, 8.2, 9.0, Basis.MODELLED, "test"),
        context_per_request_tokens=16_384,
    )


@pytest.fixture
def on_h100(make_subject):
    def make(**changes):
        deployment = planned(
            model=PlannedModel("Qwen/Qwen3-32B", "fp8", repo_id="Qwen/Qwen3-32B-FP8"),
            engine=PlannedEngine("vllm", "vllm-serve", "0.33.0"),
            hardware=PlannedHardware("h100-sxm"),
            settings={"max-model-len": Setting(16384), "max-num-seqs": Setting(64)},
        )
        candidate = Candidate(
            model=CATALOG.model("Qwen/Qwen3-32B"),
            checkpoint=Checkpoint("Qwen/Qwen3-32B-FP8", None, "safetensors", "fp8", None, ()),
            runtime=RuntimeRef("vllm", "vllm-serve", "0.33.0", "cuda"),
            node=CATALOG.node("h100-sxm"),
            parallelism=Parallelism(),
            settings=VLLM_SETTINGS,
        )
        fields = {
            "planned": deployment,
            "fingerprint": fingerprint(deployment),
            "candidate": candidate,
            "memory": vllm_memory(),
            "demand": Demand(Load(in_flight=2), Lengths(4000, 9000, 15000), Lengths(500, 900, 1200)),
            "claims": CLAIMS,
            "required": REQUIRED,
        }
        return make_subject(**{**fields, **changes})

    return make


def judged(subject, text):
    evidence = validate_log(subject, io.BytesIO(text.encode()), CATALOG, today="2026-11-24")
    return evidence, {claim.name: claim for claim in evidence.claims}


def outcomes(claims):
    return {name: claim.requirement for name, claim in claims.items() if claim.gates}


def test_what_a_log_proves_and_what_is_not_in_it(on_h100):
    evidence, claims = judged(on_h100(), VLLM)
    assert outcomes(claims) == {
        "starts": "proven",
        "context_per_request_tokens": "proven",
        "kv_capacity_tokens": "proven",
        "ttft_p95_s": "not tested",
        "tpot_p95_s": "not tested",
    }
    assert exit_code(evidence.claims) == 3
    assert (claims["ttft_p95_s"].note, claims["ttft_p95_s"].predicted, claims["ttft_p95_s"].prediction) == ("not in a log", 1.2, None)
    assert (claims["weights_gib"].measured, claims["weights_gib"].prediction) == (pytest.approx(31.98), "right")
    assert (claims["kv_capacity_tokens"].measured, claims["kv_capacity_tokens"].prediction) == (129_856, "outside")
    assert (evidence.source, evidence.weights, evidence.differs, evidence.device) == ("log", "not claimed", (), "h100-sxm")
    assert evidence.engine["version"] == "0.33.0"


def test_why_the_pool_missed_its_prediction(on_h100):
    evidence, _ = judged(on_h100(), VLLM)
    taken, why = evidence.remarks
    assert taken == "the log does not name the device, only its 79.18 GiB: taken to be the planned h100-sxm"
    assert "the log's activation peak is 8.6 GiB, predicted 5.6 (4.7-6.1): 3.0 GiB = 12,288 tokens" in why
    assert "104,000 needed: the requirement holds all the same" in why
    assert "weights" not in why
    without = "\n".join(line for line in VLLM.splitlines() if "Actual usage" not in line)
    (_, why) = judged(on_h100(), without)[0].remarks
    assert why.endswith("the log does not break the memory down; 104,000 needed: the requirement holds all the same")


def test_the_text_has_both_columns_and_what_is_not_tested(on_h100):
    lines = list(validation_lines(judged(on_h100(), VLLM)[0]))
    assert lines[0] == "letters: read-only: a start-up log of vllm 0.33.0 on h100-sxm, no request was sent"
    row = next(line for line in lines if line.startswith("kv_capacity_tokens"))
    assert row.endswith("proven       9 % below, outside")
    ttft = next(line for line in lines if line.startswith("ttft_p95_s"))
    assert "not in a log" in ttft
    assert "1.2 (0.90-1.9) s" in ttft


def test_evidence_holds_no_secret_and_no_path(on_h100, tmp_path):
    evidence, _ = judged(
        on_h100(), VLLM + "(EngineCore pid=1) ERROR OSError: /home/someone/model is gone, see http://node7.hosp.example:80/x\n"
    )
    text = str(evidence_dict(evidence))
    for secret in ("sk-secret", "/home", "someone", "node7", "/models"):
        assert secret not in text
    assert "is gone" in text
    path = write_evidence(tmp_path / "plan.yaml", evidence)
    assert path.name == f"letters-{evidence.fingerprint[:12]}-log.json"
    assert read_evidence(path).claims == evidence.claims


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.33.0", "0.32.1", "engine version 0.33.0 -> 0.32.1"),
        ("'max_num_seqs': 64", "'max_num_seqs': 16", "max-num-seqs 64 -> 16"),
        ("'max_model_len': 16384", "'max_model_len': 16384, 'block_size': 32", "block-size 16 -> 32"),
        ("(78.64/79.18 GiB)", "(43.64/44.39 GiB)", "device h100-sxm with 79.18 GiB -> one with 44.39 GiB"),
        ("non-default", "fused_moe.py: device_name=NVIDIA_A100-SXM4-80GB,dtype=fp8 non-default", "device h100-sxm -> a100-80gb-sxm"),
        ("tensor_parallel_size=1", "tensor_parallel_size=2", "tensor 1 -> 2"),
        ("kv_cache_dtype=auto", "kv_cache_dtype=fp8_e4m3", "kv-cache-dtype auto -> fp8_e4m3"),
        ("enforce_eager=False", "enforce_eager=True", "enforce-eager False -> True"),
        ("utilization is (0.92", "utilization is (0.85", "gpu-memory-utilization 0.92 -> 0.85"),
        ("model='/models/Qwen3-32B-FP8'", "model='Qwen/Qwen3-8B'", "model Qwen/Qwen3-32B-FP8 -> Qwen/Qwen3-8B"),
        ("GPU KV cache", "CPU KV cache", "device h100-sxm -> a CPU"),
        ("'max_model_len': 16384", "'max_model_len': 32768", "context per request 16,384 -> 32,768 tokens"),
    ],
)
def test_a_log_of_another_deployment_proves_nothing(on_h100, old, new, said):
    text = VLLM.replace(old, new)
    if "32768" in new:
        text = text.replace("max_seq_len=16384", "max_seq_len=32768").replace("for 16,384 tokens", "for 32,768 tokens")
    evidence, claims = judged(on_h100(), text)
    assert said in evidence.differs
    assert set(outcomes(claims).values()) == {"not tested"}
    assert {claim.prediction for claim in claims.values()} == {None}
    assert claims["weights_gib"].measured is not None
    assert any("not the planned deployment" in line and said in line for line in validation_lines(evidence))


def test_the_same_device_type_and_local_versions_are_no_difference(on_h100):
    text = VLLM.replace("0.33.0", "0.33.0+cu129").replace("non-default", "device_name=NVIDIA_H100_80GB_HBM3,dtype=fp8 non-default")
    assert judged(on_h100(), text)[0].differs == ()


def test_a_log_without_its_beginning_names_no_version(on_h100):
    evidence, claims = judged(on_h100(), "\n".join(VLLM.splitlines()[3:]))
    assert "engine version not told: the beginning of the log is missing" in evidence.differs
    assert claims["starts"].requirement == "not tested"


def test_a_context_that_shrank_is_refuted(on_h100):
    text = VLLM.replace("'max_model_len': 16384, ", "").replace("max_seq_len=16384", "max_seq_len=8192").replace("for 16,384", "for 8,192")
    evidence, claims = judged(on_h100(), text)
    assert (claims["context_per_request_tokens"].requirement, exit_code(evidence.claims)) == ("refuted", 1)
    assert evidence.differs == ()
    assert any("16,384 -> 8,192 tokens: smaller than planned" in remark for remark in evidence.remarks)


def test_a_context_asked_for_otherwise_is_refuted_and_nothing_else_is_judged(on_h100):
    text = VLLM.replace("16384", "8192").replace("16,384", "8,192")
    evidence, claims = judged(on_h100(), text)
    assert (claims["context_per_request_tokens"].requirement, claims["kv_capacity_tokens"].requirement) == ("refuted", "not tested")
    assert evidence.differs == ("context per request 16,384 -> 8,192 tokens",)


def test_a_refusal_refutes_that_it_starts(on_h100):
    head = "".join(line + "\n" for line in VLLM.splitlines()[:4])
    refused = (
        "(EngineCore pid=7) ERROR ValueError: To serve at least one request, 4.00 GiB KV cache is needed, "
        "the estimated maximum model length is 9000.\n"
    )
    evidence, claims = judged(on_h100(), head + refused)
    assert (claims["starts"].measured, claims["starts"].requirement, exit_code(evidence.claims)) == (0.0, "refuted", 1)
    assert any("vLLM refused: To serve at least one request" in remark for remark in evidence.remarks)
    assert "vLLM says that a length of 9,000 tokens would fit" in evidence.remarks


def test_without_a_readiness_line_it_is_not_proven_to_start(on_h100):
    _, claims = judged(on_h100(), VLLM.replace("Application startup complete", "..."))
    assert (claims["starts"].requirement, claims["starts"].note) == ("not tested", "no readiness line: the log may be cut off")


def test_dummy_weights_are_synthetic(on_h100):
    assert judged(on_h100(), VLLM.replace("load_format=auto", "load_format=dummy"))[0].weights == "synthetic"


@pytest.mark.parametrize("text", ["", "hello", "\x00\x01\x02" * 1000, LLAMA])
def test_no_start_up_log_of_the_engine_is_an_error(on_h100, text):
    with pytest.raises(UserInputError, match="no line of a vLLM start-up"):
        judged(on_h100(), text)


# ---- llama.cpp


@pytest.fixture
def on_cpu(make_subject):
    def make(**changes):
        node = replace(CATALOG.node("cpu"), assumed_host=True)
        settings = replace(SETTINGS, ctx_size=512, parallel=2, kv_unified=True)
        whole = replace(memory(), context_per_request_tokens=512, context_total_tokens=512)
        device = replace(whole.devices[0], weights_bytes=exact(372.65 * MIB, "t"), kv_cache_bytes=exact(56 * MIB, "t"))
        fields = {
            "planned": planned(engine=PlannedEngine("llama.cpp", "llama-server", "b11549", "cpu"), hardware=PlannedHardware("cpu")),
            "candidate": SimpleNamespace(settings=settings, runtime=SimpleNamespace(engine="llama.cpp"), node=node, on_cpu=True),
            "memory": replace(whole, devices=(device,)),
            "demand": Demand(Load(in_flight=2), Lengths(64, 128, 400), Lengths(24, 48, 100)),
            "claims": {"weights_gib": Claim(372.65 / 1024, Basis.EXACT), "kv_capacity_tokens": Claim(512, Basis.EXACT)},
            "required": ("starts", "kv_capacity_tokens", "context_per_request_tokens"),
        }
        return make_subject(**{**fields, **changes})

    return make


def test_a_server_on_a_processor_is_as_planned(on_cpu):
    evidence, claims = judged(on_cpu(), LLAMA)
    assert set(outcomes(claims).values()) == {"proven"}
    assert exit_code(evidence.claims) == 0
    assert evidence.engine["version"] == "b11549"
    assert claims["weights_gib"].prediction == "right"
    assert claims["start_s"].measured == pytest.approx(7.364)


def test_below_verbosity_4_memory_is_not_tested(on_cpu):
    text = "\n".join(line for line in LLAMA.splitlines() if "llama_server:" in line or "n_slots" in line)
    evidence, claims = judged(on_cpu(), text)
    said = "memory lines missing: start llama-server with -lv 4"
    assert (claims["kv_capacity_tokens"].requirement, claims["kv_capacity_tokens"].note) == ("not tested", said)
    assert (claims["starts"].requirement, claims["context_per_request_tokens"].requirement) == ("proven", "proven")
    assert said in evidence.remarks
    assert any("does not say which build" in remark for remark in evidence.remarks)
    assert exit_code(evidence.claims) == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("build 1 (0c1e570)", "build 12000 (1234567)", "engine version b11549 -> b12000"),
        ("n_ubatch              = 512", "n_ubatch              = 128", "ubatch-size 512 -> 128"),
        ("n_seq_max             = 2", "n_seq_max             = 4", "parallel 2 -> 4"),
        ("K (f16)", "K (q8_0)", "cache-type-k f16 -> q8_0"),
        ("flash_attn            = enabled", "flash_attn            = disabled", "flash-attn on -> off"),
        ("kv_unified = 'true'", "kv_unified = 'false'", "kv-unified True -> False"),
        ("n_ctx_seq             = 512", "n_ctx_seq             = 1024", "context per request 512 -> 1,024 tokens"),
    ],
)
def test_another_build_or_setting_proves_nothing(on_cpu, old, new, said):
    evidence, claims = judged(on_cpu(), LLAMA.replace(old, new))
    assert said in evidence.differs
    assert set(outcomes(claims).values()) == {"not tested"}


def test_a_silently_shrunk_context_is_refuted(on_cpu):
    text = LLAMA.replace("n_ctx_seq             = 512", "n_ctx_seq             = 256")
    evidence, claims = judged(on_cpu(), text)
    assert (claims["context_per_request_tokens"].requirement, exit_code(evidence.claims)) == ("refuted", 1)


def test_a_card_where_a_processor_was_planned(on_cpu):
    assert "device cpu -> NVIDIA GeForce RTX 3090" in judged(on_cpu(), CUDA)[0].differs


def test_a_card_is_found_by_its_name_and_judged_by_its_own_buffers(on_cpu):
    subject = on_cpu()
    settings = replace(SETTINGS, ctx_size=200_192, parallel=1, cache_type_k="q8_0", cache_type_v="q8_0", n_gpu_layers=99)

    def on(device):
        candidate = SimpleNamespace(settings=settings, runtime=subject.candidate.runtime, node=CATALOG.node(device), on_cpu=False)
        return replace(
            subject,
            planned=planned(engine=PlannedEngine("llama.cpp", "llama-server", "b11549", "cuda"), hardware=PlannedHardware(device)),
            candidate=candidate,
            memory=replace(subject.memory, context_per_request_tokens=200_192, context_total_tokens=200_192),
        )

    evidence, claims = judged(on("rtx-3090"), CUDA)
    assert evidence.differs == ()
    assert claims["weights_gib"].measured == pytest.approx(14_032.23 / 1024)
    assert claims["compute_buffer_gib"].measured == pytest.approx(654.78 / 1024)
    assert claims["recurrent_state_gib"].measured == pytest.approx(149.62 / 1024)
    assert judged(on("rtx-4090"), CUDA)[0].differs == ("device rtx-4090 -> rtx-3090",)


def test_a_refused_llama_server(on_cpu):
    text = (
        "0.00.010.116 I srv  llama_server: initializing ...\n0.00.019.083 E gguf_init: failed to read\n"
        "0.00.020.040 E srv  exiting due to model loading error\n"
    )
    evidence, claims = judged(on_cpu(), text)
    assert (claims["starts"].requirement, exit_code(evidence.claims)) == ("refuted", 1)
    assert "llama-server refused: gguf_init: failed to read" in evidence.remarks


# ---- with other evidence


def plan_of(subject, **changes):
    fields = {"evidence_required": REQUIRED, **changes}
    claims = {subject.planned.name: dict(subject.claims)}
    return Plan("advisor.plan/1", "workload.yaml", "x", (subject.planned,), claims, MadeWith("1.0.0", "2026-11-18", "ab"), **fields)


def test_a_log_alone_leaves_every_speed_not_tested(on_h100):
    subject = on_h100()
    evidence, _ = judged(subject, VLLM)
    (covered,) = verify(plan_of(subject), [evidence])
    assert (covered.exit_code, covered.outcomes["kv_capacity_tokens"], covered.outcomes["ttft_p95_s"]) == (3, "proven", "not tested")
    assert "vllm 0.33.0 (start-up log)" in coverage_line(covered)


def test_a_run_and_a_log_cover_together(on_h100):
    subject = on_h100()
    log, _ = judged(subject, VLLM)
    tpot = next(claim for claim in log.claims if claim.name == "tpot_p95_s")
    run = replace(log, source="run", measured_on="2026-11-23", claims=(replace(tpot, measured=0.03, requirement="proven", note=""),))
    (covered,) = verify(plan_of(subject), [run, log])
    assert covered.exit_code == 0
    assert covered.outcomes == {"starts": "proven", "kv_capacity_tokens": "proven", "tpot_p95_s": "proven"}
    worse = replace(run, measured_on="2026-11-25", claims=(replace(tpot, measured=0.09, requirement="refuted", note=""),))
    assert verify(plan_of(subject), [run, log, worse])[0].outcomes["tpot_p95_s"] == "refuted"
    assert verify(plan_of(subject), [worse, replace(run, measured_on="2026-11-26")])[0].outcomes["tpot_p95_s"] == "proven"


def test_evidence_of_another_deployment_covers_nothing_whatever_its_fingerprint(on_h100):
    subject = on_h100()
    evidence, _ = judged(subject, VLLM.replace("0.33.0", "0.32.1"))
    (covered,) = verify(plan_of(subject), [evidence])
    assert (covered.exit_code, covered.evidence) == (3, ())
    assert "engine version 0.33.0 -> 0.32.1" in coverage_line(covered)
