"""The memory of whole vLLM candidates: the pool, what it holds, what fits. Start-up logs: tests/data/test_memory_vllm.py."""

from dataclasses import replace

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.memory_constants import load_memory_constants
from advisor.domain.engine import Parallelism
from advisor.domain.quantity import Basis
from advisor.units import GIB, MIB
from tests.unit.estimate.architectures_for_tests import ARCHITECTURES
from tests.unit.estimate.candidates_for_tests import VLLM, device, equal_layers, memory, node

LLAMA_8B = ARCHITECTURES["llama-3.1-8b"]


def test_the_pool_is_what_the_budget_leaves():
    found = memory(LLAMA_8B, VLLM, equal_layers(32, 480 * MIB), where=node(device(80 * GIB)))
    one = found.devices[0]
    assert one.usable_bytes.value == one.reserved_bytes.value == -(-80 * GIB * 92 // 100)
    taken = one.weights_bytes.value + one.compute_buffer_bytes.value + one.runtime_overhead_bytes.value
    assert 0 <= one.usable_bytes.value - taken - one.kv_cache_bytes.value < 2 * MIB
    assert found.num_blocks.low < found.num_blocks.value < found.num_blocks.high
    assert found.kv_cache_capacity_tokens.value == int(found.max_concurrency_x.value * 8192)
    assert found.fits is True
    assert found.parallel_requests == 256


@pytest.mark.parametrize("where", [{"where": node(device(80 * GIB))}, {"where": node(device(device_class="cpu")), "backend": "cpu"}])
def test_a_pool_given_in_bytes_is_exact(where):
    settings = replace(VLLM, kv_cache_memory_bytes=10 * GIB, block_size=128)
    found = memory(LLAMA_8B, settings, equal_layers(32, 480 * MIB), **where)
    assert (found.num_blocks.value, found.num_blocks.basis) == (640, Basis.EXACT)
    assert found.max_concurrency_x.value == 10
    assert found.kv_cache_capacity_tokens.value == 81920


def test_a_given_pool_too_small_for_one_request_does_not_start():
    settings = replace(VLLM, kv_cache_memory_bytes=GIB)
    assert memory(LLAMA_8B, settings, equal_layers(32, MIB), where=node(device(80 * GIB))).fits is False


def test_larger_steps_and_graphs_shrink_the_pool():
    weights, where = equal_layers(32, 480 * MIB), {"where": node(device(80 * GIB))}
    blocks = {
        name: memory(LLAMA_8B, replace(VLLM, **changes), weights, **where).num_blocks.value
        for name, changes in {
            "plain": {"enforce_eager": True},
            "graphs": {},
            "steps": {"enforce_eager": True, "max_num_batched_tokens": 65536},
            "sequences": {"enforce_eager": True, "max_num_seqs": 1024},
        }.items()
    }
    assert blocks["plain"] > blocks["graphs"]
    assert blocks["plain"] > blocks["sequences"] > blocks["steps"]


def test_a_vision_encoder_keeps_a_step_s_tokens_in_its_cache():
    weights, where = equal_layers(32, 480 * MIB), {"where": node(device(80 * GIB))}
    blind, seeing = (
        memory(replace(LLAMA_8B, encoder_parameters=parameters), VLLM, weights, **where).devices[0].compute_buffer_bytes
        for parameters in (0, 400_000_000)
    )
    assert seeing.value - blind.value == 2 * 2048 * 4096


def test_a_full_length_request_beyond_the_memory_does_not_fit():
    settings = replace(VLLM, max_model_len=131072)
    found = memory(LLAMA_8B, settings, equal_layers(32, 480 * MIB), where=node(device(24 * GIB)))
    assert found.fits is False


def test_replicas_inside_a_replica_add_their_requests():
    settings = replace(VLLM, max_num_seqs=4)
    weights, on_two = equal_layers(32, 480 * MIB), node(device(80 * GIB), 2)
    found = memory(LLAMA_8B, settings, weights, where=on_two, parallelism=Parallelism(data=2))
    assert len(found.devices) == 2
    assert (found.requests_held_typical.value, found.parallel_requests) == (8, 8)


def test_the_cpu_backend_takes_its_share_of_the_host():
    found = memory(
        LLAMA_8B, replace(VLLM, block_size=128), equal_layers(32, 480 * MIB), where=node(device(device_class="cpu")), backend="cpu"
    )
    assert found.devices[0].usable_bytes.value == -(-64 * GIB * 92 // 100)
    assert found.host.required_bytes.value == 0


def test_the_host_holds_the_fixed_processes_and_a_worker_a_device():
    one, four = (
        memory(LLAMA_8B, VLLM, equal_layers(32, GIB // 16), where=node(devices=tensor), parallelism=Parallelism(tensor=tensor)).host
        for tensor in (1, 4)
    )
    constants = load_memory_constants().vllm
    worker = (four.required_bytes.value - one.required_bytes.value) / 3
    assert worker == pytest.approx(constants.host_process_bytes.value, abs=2)
    assert one.required_bytes.value - worker == pytest.approx(constants.host_fixed_bytes.value, abs=2)


@pytest.mark.parametrize(("tensor", "mib"), [(1, 0), (2, 640), (8, 2080)])
def test_ranks_talk_through_queues_in_shared_memory(tensor, mib):
    # seen in /dev/shm with one worker: 10 x 16 MiB to it and 10 x 24 MiB back, each with 20 bytes of marks
    host = memory(LLAMA_8B, VLLM, equal_layers(32, GIB // 16), where=node(devices=tensor), parallelism=Parallelism(tensor=tensor)).host
    assert (host.shared_memory_bytes.low, host.shared_memory_bytes.high) == (0, mib * MIB)


def test_containers_have_room_for_the_queues_of_eight_ranks():
    host = memory(LLAMA_8B, VLLM, equal_layers(32, GIB // 16), where=node(devices=8), parallelism=Parallelism(tensor=8)).host
    runtimes = load_catalog().engine("vllm").runtimes.values()
    containers = [runtime.container for runtime in runtimes if runtime.container is not None]
    assert containers
    assert all(container.shm_gib * GIB > 2 * host.shared_memory_bytes.high for container in containers)
