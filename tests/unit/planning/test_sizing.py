"""Slots of llama.cpp and sequences of vLLM for the load at hand; what screening may drop, and with which figure."""

import dataclasses

import pytest

from advisor.catalog import load_catalog
from advisor.domain.quantity import Basis
from advisor.domain.workload import HardwareChoice, OwnedHardware, Quality, ServiceLevel
from advisor.planning.inventory import inventory_of
from advisor.planning.option import DOES_NOT_FIT, TOO_SLOW, Dropped, Option, Space
from advisor.planning.planner import acceptable_models
from advisor.planning.prospects import prospects
from advisor.planning.size import size_prospect, sized_anyway
from advisor.units import GIB
from tests.unit.planning.questions import ALONE, CHAT, CROWD, case_for


def sized(workload, **insist) -> tuple[list[Option | Dropped], Space]:
    case, space = case_for(workload), Space()
    models, _ = acceptable_models(workload, case.catalog, insist)
    found = prospects(case, inventory_of(workload, case.catalog, None), models, insist, space)
    return [size_prospect(case, prospect) for prospect in found], space


@pytest.mark.parametrize(
    ("workload", "slots"),
    [pytest.param(ALONE, 1, id="one user"), pytest.param(CHAT, 8, id="ten users"), pytest.param(CROWD, 32, id="three hundred")],
)
def test_slots_follow_how_many_requests_are_in_flight(workload, slots):
    (option, *_), _ = sized(dataclasses.replace(workload, service_level=ServiceLevel()), engine="llama.cpp", quantization="Q4_K_M")
    settings = option.candidate.settings
    assert settings.parallel == slots
    assert settings.ctx_size >= max(5000, slots * 2500)
    assert settings.kv_unified


def test_fewer_slots_where_a_full_step_would_be_too_slow():
    slow = dataclasses.replace(CROWD, service_level=ServiceLevel(tpot_p95_s=0.012))
    (option, *_), _ = sized(slow, engine="llama.cpp", quantization="Q4_K_M")
    assert 1 <= option.candidate.settings.parallel < 32
    assert option.sized.steps.decode_s(option.candidate.settings.parallel, 1000) <= 0.012


def test_vllm_serves_the_longest_request_and_caps_what_the_pool_holds():
    (option, *_), _ = sized(CHAT, engine="vllm", quantization="fp8")
    settings = option.candidate.settings
    assert 5000 <= settings.max_model_len < 5000 + 256
    assert settings.max_num_seqs >= option.sized.memory.requests_held_typical.value / 2
    held = f"{option.sized.memory.requests_held_typical.value:,.0f} typical requests"
    assert option.candidate.why["max-num-seqs"].startswith(held)


def on(device: str, **changes):
    return dataclasses.replace(ALONE, hardware=HardwareChoice(owned=(OwnedHardware(device),)), **changes)


def test_what_does_not_fit_says_by_how_much():
    _, space = sized(on("rtx-4070", models=("meta-llama/Llama-3.3-70B-Instruct",)), engine="vllm", quantization="bf16")
    (dropped,) = space.dropped
    assert dropped.verdict.rule == DOES_NOT_FIT
    assert dropped.missed.name == "required_gib"
    assert dropped.missed.expect == pytest.approx(70.55e9 * 2 / 2**30, rel=0.01)


def test_what_no_software_could_reach_is_dropped_on_exact_grounds_and_would_still_run():
    wish = on("t4", service_level=ServiceLevel(tpot_p95_s=0.010))
    _, space = sized(wish, engine="llama.cpp", quantization="Q4_K_M")
    (dropped,) = space.dropped
    assert dropped.verdict.rule == TOO_SLOW
    assert dropped.missed.basis is Basis.EXACT
    assert dropped.missed.factor > 1
    assert isinstance(sized_anyway(case_for(wish), dropped.prospect), Option)


def test_what_is_too_slow_alone_is_dropped_with_the_expected_figure():
    (dropped,), _ = sized(on("cpu", service_level=ServiceLevel(ttft_p95_s=20.0)), engine="llama.cpp", quantization="Q4_K_M")
    assert isinstance(dropped, Dropped)
    assert dropped.missed.name == "ttft_p95_s"
    assert dropped.missed.expect > 20.0
    assert "limit 20 s" in dropped.verdict.message


def test_a_band_of_quality_drops_before_anything_is_computed():
    _, space = sized(on("rtx-4090", quality=Quality("none")), engine="llama.cpp", quantization="Q4_K_M")
    assert [dropped.verdict.rule for dropped in space.dropped] == ["QNT002"]


def test_experts_go_to_the_host_where_the_device_is_too_small():
    (option, *_), _ = sized(on("rtx-4070", models=("google/gemma-4-26B-A4B-it",)), engine="llama.cpp", quantization="Q4_K_M")
    settings = option.candidate.settings
    assert 0 < settings.n_cpu_moe < 30
    assert "host memory" in option.candidate.why["n-cpu-moe"]


def test_formats_that_differ_only_in_their_scales_are_looked_at_once():
    found, _ = sized(dataclasses.replace(CHAT, models=("Qwen/Qwen3-32B",)), engine="vllm")
    catalog = load_catalog()
    stored = [catalog.quantization(o.prospect.checkpoint.quantization).scheme.weight_bits for o in found if isinstance(o, Option)]
    assert len(stored) == len(set(stored))


@pytest.mark.parametrize(
    ("model", "device", "copies"),
    [
        pytest.param("google/gemma-3-27b-it", "h100-sxm", 2, id="large windows in eight slots"),
        pytest.param("google/gemma-3-27b-it", "cpu", 0, id="the model fills the host"),
        pytest.param("openai/gpt-oss-20b", "h100-sxm", 32, id="small windows: as many as the engine's own limit"),
        pytest.param("meta-llama/Llama-3.1-8B-Instruct", "h100-sxm", 32, id="nothing to copy"),
    ],
)
def test_checkpoints_are_as_many_as_the_hosts_memory_holds(model, device, copies):
    workload = dataclasses.replace(on(device, models=(model,)), load=CHAT.load, service_level=ServiceLevel())
    (option, *_), _ = sized(workload, engine="llama.cpp")
    settings, host = option.candidate.settings, option.sized.memory.host
    assert settings.ctx_checkpoints == copies
    assert ("ctx-checkpoints" in option.candidate.why) == (copies < 32)
    assert host.context_checkpoints_bytes.high <= 8 * GIB
    assert host.required_bytes.high + host.prompt_cache_bytes.high + host.context_checkpoints_bytes.high <= host.usable_bytes.value
