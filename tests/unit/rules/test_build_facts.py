"""Domain objects to facts: what each fact is on a small, hand-made deployment."""

import pytest

from advisor.domain.architecture import DenseFfn, FullCache, GroupedAttention, LayerGroup, ModelArchitecture
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Candidate, Deployment
from advisor.domain.engine import LlamaCppSettings, Parallelism, RuntimeRef, VllmSettings
from advisor.domain.estimate import DeviceMemory, Estimate, HostMemory, MemoryEstimate
from advisor.domain.hardware import Available, Device, Host, Node, Offer
from advisor.domain.licence import Licence
from advisor.domain.model import Checkpoint, Model
from advisor.domain.quantity import Basis, Quantity, exact
from advisor.domain.quantization import Quantization, WeightScheme
from advisor.domain.verdict import Requirement
from advisor.domain.workload import Batch, HardwareChoice, Load, Privacy, RentedHardware, Request, TokenLengths, Users, Workload
from advisor.estimate.floors import prefill_floor
from advisor.rules import build_facts, judge, load_rules
from advisor.units import GIB

ARCHITECTURE = ModelArchitecture(
    name="llama",
    gguf_name="llama",
    layer_groups=(LayerGroup(tuple(range(32)), GroupedAttention(32, 8, 128, 128), (FullCache(8, 128, 128),), DenseFfn(14336)),),
    hidden_size=4096,
    vocab_size=128256,
    tied_embeddings=False,
    parameters_total=8_030_261_248,
    parameters_active=8_030_261_248,
    max_context_tokens=131072,
)
DEVICE = Device(
    id="test-gpu",
    name="Test GPU",
    vendor="NVIDIA",
    device_class="gpu-datacenter",
    memory_bytes=80 * GIB,
    memory_bandwidth_bytes_per_s=3e12,
    bf16_flops_per_s=1e15,
    fp8_flops_per_s=2e15,
    fp4_flops_per_s=None,
    int8_ops_per_s=None,
    link="NVLink4",
    link_bytes_per_s=4e11,
    compute_capability=9.0,
    power_w=700,
    backends=("cuda",),
)
NODE = Node("test-gpu", DEVICE, 4, Host(512 * GIB, 4e11, 64, 3e9, 6e10))
DEMAND = Demand(Load(users=Users(40, 60.0)), Lengths(1000, 3000, 6000), Lengths(200, 500, 1000), shared_prefix_tokens=500, replicas_down=1)
WORKLOAD = Workload(
    schema="advisor.workload/1",
    load=Load(users=Users(40)),
    request=Request(TokenLengths(1000), TokenLengths(200), needs=("json_schema",)),
    privacy=Privacy("region", data="patient"),
    models="any",
    hardware=HardwareChoice(rent=RentedHardware(regions=("eu-1",))),
)
VLLM = VllmSettings(8192, 64, 8192, 0.9, "auto", 16, True, False, kv_cache_memory_bytes=2 * GIB)
LLAMA = LlamaCppSettings(8192, 4, False, True, "on", "q8_0", "f16", 2048, 512, 33, 0, "layer", (), "mmap", True, 8192, 4)
FP8 = Quantization("fp8", "safetensors", "slight", "test", "fp8", scheme=WeightScheme(8), min_compute_capability=7.5)


def candidate(settings=VLLM, engine="vllm"):
    checkpoint = Checkpoint("org/model-FP8", "safetensors", "fp8", published=False)
    model = Model("org/model", ARCHITECTURE, "Apache-2.0", (checkpoint,))
    return Candidate(model, checkpoint, RuntimeRef(engine, "x-serve", "1.0", "cuda"), NODE, Parallelism(tensor=2), settings)


def test_what_is_known_before_there_is_a_candidate():
    offer = Offer("cloud", "gpu-4x", "test-gpu", 4, 12.0, "2026-11-01", "test", region="eu-1")
    facts = build_facts(WORKLOAD, DEMAND, available=Available(NODE, None, "rent", offer))
    workload, hardware = facts.workload, facts.hardware
    assert (workload.data, workload.stays_on, workload.regions, workload.needs) == ("patient", "region", ("eu-1",), ("json_schema",))
    assert (workload.typical_tokens, workload.p95_tokens, workload.longest_tokens) == (1200, 3500, 7000)
    assert (workload.in_flight_at_most, workload.concurrent, workload.replicas_down, workload.loss_rank) == (40, True, 1, 1)
    assert (hardware.vendor, hardware.acquisition, hardware.provider, hardware.region) == ("nvidia", "rent", "cloud", "eu-1")
    assert (hardware.memory_gib, hardware.host_memory_gib, hardware.fp8, hardware.fp4) == (80, 512, True, False)
    assert (facts.model.id, facts.engine.name, facts.estimate.fits) == ("", "", None)


@pytest.mark.parametrize(
    ("load", "at_most", "concurrent"),
    [
        (Load(in_flight=1), 1, False),
        (Load(in_flight=8), 8, True),
        (Load(requests_per_s=0.1), None, True),
        (Load(batch=Batch(500, 8)), 500, True),
        (Load(users=Users(1)), 1, False),
    ],
)
def test_whether_requests_may_meet(load, at_most, concurrent):
    facts = build_facts(WORKLOAD, Demand(load, DEMAND.input_tokens, DEMAND.output_tokens))
    assert (facts.workload.in_flight_at_most, facts.workload.concurrent) == (at_most, concurrent)


def test_a_hosted_api_has_a_provider_and_no_device():
    hardware = build_facts(WORKLOAD, DEMAND, hosted_by="somebody").hardware
    assert (hardware.acquisition, hardware.provider, hardware.device) == ("hosted", "somebody", "")


def test_a_vllm_candidate():
    licence = Licence("x", "X", "restricted", "https://example.org", "ask first")
    facts = build_facts(WORKLOAD, DEMAND, candidate=candidate(), quantization=FP8, licence=licence, concurrency="paged")
    assert (facts.model.commercial_use, facts.model.licence_condition) == ("restricted", "ask first")
    assert (facts.engine.name, facts.engine.runtime, facts.engine.concurrency) == ("vllm", "x-serve", "paged")
    assert (facts.parallelism.tensor, facts.parallelism.devices, facts.model.heads, facts.model.kv_heads) == (2, 2, 32, 8)
    assert (facts.quantization.id, facts.quantization.loss_rank, facts.quantization.published) == ("fp8", 1, False)
    assert (facts.vllm.max_model_len, facts.vllm.kv_cache_memory_gib, facts.model.licence) == (8192, 2, "Apache-2.0")
    assert facts.llama_cpp.ctx_size == 0


def test_a_llama_cpp_candidate():
    facts = build_facts(WORKLOAD, DEMAND, candidate=candidate(LLAMA, "llama.cpp"))
    assert (facts.llama_cpp.k_quantized, facts.llama_cpp.v_quantized, facts.llama_cpp.swa_full) == (True, False, True)
    assert facts.vllm.max_model_len == 0


def modelled(value, low, high):
    return Quantity(value * GIB, low * GIB, high * GIB, Basis.MODELLED, "test")


def memory(weights, kv, *, fits):
    zero = exact(0, "test")
    required = Quantity((weights + kv + 3) * GIB, (weights + kv + 2) * GIB, (weights + kv + 5) * GIB, Basis.MODELLED, "test")
    parts = (exact(weights * GIB, "file"), exact(kv * GIB, "arithmetic"), zero, modelled(3, 2, 5), zero, zero)
    device = DeviceMemory("test-gpu", *parts, required, required, exact(72 * GIB, "driver"))
    host = HostMemory(zero, zero, zero, zero, zero, zero, zero, zero, modelled(4, 3, 6), modelled(4, 3, 6), exact(512 * GIB, "driver"))
    per_token = exact(kv * GIB / 8192, "arithmetic")
    held = exact(8, "arithmetic")
    return MemoryEstimate((device,), host, per_token, held, None, None, None, held, held, 32768, 8192, 4, fits)


@pytest.mark.parametrize("settings", [VLLM, LLAMA])
def test_the_bound_counts_exact_parts_alone(settings):
    engine = "vllm" if settings is VLLM else "llama.cpp"
    facts = build_facts(
        WORKLOAD, DEMAND, candidate=candidate(settings, engine), estimate=Estimate(memory(60, 8, fits=None), None, None, None)
    )
    assert facts.estimate.bound_gib == pytest.approx(68)
    assert (facts.estimate.required_gib, facts.estimate.required_low_gib, facts.estimate.usable_gib) == (71, 70, 72)
    assert (facts.basis["estimate.bound_gib"], facts.basis["estimate.required_gib"]) == (Basis.EXACT, Basis.MODELLED)
    assert facts.settings.context_per_request_tokens == 8192


@pytest.mark.parametrize(
    ("weights", "fits", "rule", "confidence"),
    [(70, False, "MEM001", Basis.EXACT), (63, False, "MEM004", Basis.MODELLED), (62, None, "MEM002", Basis.MODELLED)],
)
def test_memory_rules_on_an_estimate(weights, fits, rule, confidence):
    facts = build_facts(WORKLOAD, DEMAND, candidate=candidate(), estimate=Estimate(memory(weights, 8, fits=fits), None, None, None))
    found = [(v.rule, v.confidence) for v in judge(load_rules(), facts, "judge") if v.rule.startswith("MEM")]
    assert found == [(rule, confidence)]


def test_requirements_by_standing():
    slow = Quantity(7.7, 5.1, 9.8, Basis.SCALED, "test")
    close = Quantity(0.054, 0.038, 0.1, Basis.MODELLED, "test")
    requirements = [
        Requirement("ttft_p95_s_one_down", slow, at_most=2.0),
        Requirement("tpot_p95_s", close, at_most=0.05),
        Requirement("usd_per_month", exact(100, "price"), at_most=200),
        Requirement("e2e_p95_s", slow, at_most=1.0, hard=False),
    ]
    deployment = Deployment("x", candidate(), replicas=2)
    facts = build_facts(WORKLOAD, DEMAND, candidate=candidate(), deployment=deployment, requirements=requirements)
    assert (facts.requirements.breaks, facts.requirements.unlikely) == ((), ("tpot_p95_s",))
    assert facts.requirements.breaks_down == ("ttft_p95_s_one_down",)
    assert facts.requirements.breaks_down_text == "first token p95 7.7 s (5.1-9.8, scaled), at most 2.00 s"
    verdicts = {v.rule: v for v in judge(load_rules(), facts, "judge")}
    assert verdicts["AVL001"].confidence is Basis.SCALED
    assert verdicts["LAT003"].confidence is Basis.MODELLED


def test_the_floor_of_a_prompt_is_arithmetic():
    # 2 x (8,030,261,248 - 2 x 128,256 x 4,096) x 9,000 / 2e15
    floor = prefill_floor(ARCHITECTURE, DEVICE, 1, 9000)
    assert floor.value == pytest.approx(0.06281, rel=1e-3)
    assert floor.basis is Basis.EXACT
    assert prefill_floor(ARCHITECTURE, DEVICE, 2, 9000).value == pytest.approx(floor.value / 2)
    assert build_facts(WORKLOAD, DEMAND, candidate=candidate()).estimate.ttft_floor_s == pytest.approx(floor.value * 2500 / 9000 / 2)
