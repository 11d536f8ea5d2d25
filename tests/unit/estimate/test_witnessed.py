"""What an engine told takes the predicted numbers' place, and the sums follow; what it cannot know stays the prediction's."""

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.domain.quantity import Basis
from advisor.domain.witness import Witness
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.estimate.witnessed import with_witness
from advisor.intake.candidate import build_candidate
from advisor.units import GIB, MIB

CATALOG = load_catalog()
SOURCE = "llama.cpp b11549"
LLAMA_CPP = {"ctx_size": 32768, "parallel": 4}


@pytest.fixture
def estimated():
    def make(device, *, devices=1, engine="llama.cpp", quantization="Q4_K_M", flags=LLAMA_CPP):
        candidate = build_candidate(
            CATALOG,
            model=CATALOG.model("Qwen/Qwen3-8B"),
            quantization=quantization,
            engine=engine,
            runtime=None,
            version=None,
            node=CATALOG.node(device, devices),
            devices=devices,
            parallelism=Parallelism(),
            flags=flags,
        )
        weights = checkpoint_weights(
            candidate.model.architecture, candidate.checkpoint, CATALOG.quantization(quantization), parallelism=Parallelism()
        )
        memory = estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=1000, longest_tokens=8000)
        return candidate, weights, memory

    return make


def cache_bytes(memory):
    return sum(place.kv_cache_bytes.value for place in (*memory.devices, memory.host))


def witness(memory, **told):
    return Witness(SOURCE, rounding_bytes=0.01 * MIB, **({"kv_cache_bytes": cache_bytes(memory) + 0.004 * MIB} | told))


@pytest.mark.parametrize(("device", "devices"), [("cpu", 1), ("rtx-3090", 3)])
def test_what_agrees_keeps_its_bytes_and_names_the_engine(estimated, device, devices):
    candidate, weights, memory = estimated(device, devices=devices)
    asked, testimony = with_witness(memory, witness(memory, weights_bytes=weights.total_bytes), candidate=candidate, weights=weights)
    assert [place.kv_cache_bytes.value for place in asked.devices] == [place.kv_cache_bytes.value for place in memory.devices]
    assert [place.required_bytes for place in asked.devices] == [place.required_bytes for place in memory.devices]
    assert {place.kv_cache_bytes.source for place in asked.devices} == {place.weights_bytes.source for place in asked.devices} == {SOURCE}
    assert testimony.differences == ()
    assert [one.name for one in testimony.told] == ["weights_bytes", "kv_cache_bytes"]
    assert asked.host.required_bytes == memory.host.required_bytes


def test_a_cpus_compute_buffer_becomes_exact_and_narrows_the_sum(estimated):
    candidate, weights, memory = estimated("cpu")
    before = memory.devices[0]
    told = before.compute_buffer_bytes.value + MIB // 4
    asked, testimony = with_witness(memory, witness(memory, compute_buffer_bytes=told), candidate=candidate, weights=weights)
    after = asked.devices[0]
    assert (after.compute_buffer_bytes.value, after.compute_buffer_bytes.basis) == (told, Basis.EXACT)
    assert after.required_bytes.value == before.required_bytes.value + MIB // 4
    assert after.reserved_bytes.value == before.reserved_bytes.value + MIB // 4
    assert after.required_bytes.high - after.required_bytes.low == pytest.approx(
        after.runtime_overhead_bytes.high - after.runtime_overhead_bytes.low
    )
    assert [one.agrees for one in testimony.told] == [True, True]  # within the predicted range


def test_an_accelerators_compute_buffer_is_not_the_cpus(estimated):
    candidate, weights, memory = estimated("rtx-3090")
    asked, testimony = with_witness(memory, witness(memory, compute_buffer_bytes=GIB), candidate=candidate, weights=weights)
    assert asked.devices[0].compute_buffer_bytes == memory.devices[0].compute_buffer_bytes
    assert [one.name for one in testimony.told] == ["kv_cache_bytes"]


def test_a_difference_on_one_device_is_taken_over_and_may_no_longer_fit(estimated):
    candidate, weights, memory = estimated("rtx-3090")
    assert memory.fits is True
    asked, testimony = with_witness(memory, witness(memory, kv_cache_bytes=30 * GIB), candidate=candidate, weights=weights)
    assert asked.devices[0].kv_cache_bytes.value == 30 * GIB
    assert asked.devices[0].required_bytes.value == memory.devices[0].required_bytes.value - cache_bytes(memory) + 30 * GIB
    assert asked.fits is False
    assert [(one.name, one.told) for one in testimony.differences] == [("kv_cache_bytes", 30 * GIB)]


def test_a_difference_over_several_devices_is_split_as_predicted_and_not_called_exact(estimated):
    candidate, weights, memory = estimated("rtx-3090", devices=3)
    asked, _ = with_witness(memory, witness(memory, kv_cache_bytes=2 * cache_bytes(memory)), candidate=candidate, weights=weights)
    assert [place.kv_cache_bytes.value for place in asked.devices] == [2 * place.kv_cache_bytes.value for place in memory.devices]
    assert {place.kv_cache_bytes.basis for place in asked.devices} == {Basis.SCALED}


def test_what_nobody_predicted_counts_once(estimated):
    candidate, weights, memory = estimated("rtx-3090", devices=3)
    asked, _ = with_witness(memory, witness(memory, recurrent_state_bytes=GIB), candidate=candidate, weights=weights)
    assert sum(place.recurrent_state_bytes.value for place in (*asked.devices, asked.host)) == GIB


def test_a_context_that_the_engine_changed(estimated):
    candidate, weights, memory = estimated("cpu")
    told = {"context_total_tokens": 4096, "context_per_request_tokens": 1024, "kv_cache_capacity_tokens": 4096}
    asked, testimony = with_witness(memory, witness(memory, **told), candidate=candidate, weights=weights)
    assert (asked.context_total_tokens, asked.context_per_request_tokens, asked.kv_cache_capacity_tokens.value) == (4096, 1024, 4096)
    assert {one.name for one in testimony.differences} == set(told)


def test_vllms_pool_takes_what_is_left_whatever_the_weights(estimated):
    candidate, weights, memory = estimated("h100-sxm", engine="vllm", quantization="bf16", flags={"max_model_len": 8192})
    told = Witness(SOURCE, scope="device", weights_bytes=weights.total_bytes + GIB, context_per_request_tokens=8192)
    asked, testimony = with_witness(memory, told, candidate=candidate, weights=weights)
    before, after = memory.devices[0], asked.devices[0]
    assert after.weights_bytes.value == weights.total_bytes + GIB
    assert after.required_bytes.value == before.required_bytes.value + GIB
    assert after.reserved_bytes == before.reserved_bytes
    assert asked.host == memory.host
    assert [one.name for one in testimony.differences] == ["weights_bytes"]
