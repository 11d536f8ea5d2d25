"""Adapter slots of vLLM: what they grow with, what they take from the pool, what is refused."""

from dataclasses import replace

import pytest

from advisor.domain.engine import Parallelism
from advisor.errors import UserInputError
from advisor.estimate.lora_vllm import check_lora, lora_bytes
from advisor.units import GIB
from tests.unit.estimate.architectures_for_tests import ARCHITECTURES
from tests.unit.estimate.candidates_for_tests import VLLM, device, equal_layers, memory, node

LLAMA = replace(ARCHITECTURES["llama-3.1-8b"], name="llama")
LAYERS = equal_layers(32, GIB // 4)
LORA = replace(VLLM, enable_lora=True, max_loras=4, max_lora_rank=16)
ONE = Parallelism()


def test_slots_and_ranks_multiply():
    # 2 bytes x 4 slots x 16 x (32 layers x (q 8192, k and v 5120 each, o 8192, gate and up 18432 each, down 18432) + 2 tables of 132352)
    layer = 8192 + 2 * 5120 + 8192 + 3 * 18432
    assert lora_bytes(LLAMA, LORA, ONE) == 2 * 4 * 16 * (32 * layer + 2 * (4096 + 128256))
    assert lora_bytes(LLAMA, replace(LORA, max_loras=8), ONE) == 2 * lora_bytes(LLAMA, LORA, ONE)
    assert lora_bytes(LLAMA, replace(LORA, max_lora_rank=64), ONE) == 4 * lora_bytes(LLAMA, LORA, ONE)
    assert lora_bytes(LLAMA, VLLM, ONE) == 0


def test_ranks_share_half_of_an_adapter_and_fully_sharded_more():
    whole, half, sharded = (
        lora_bytes(LLAMA, replace(LORA, fully_sharded_loras=full), Parallelism(tensor=tensor))
        for tensor, full in ((1, False), (4, False), (4, True))
    )
    assert sharded < half < whole < 4 * sharded


def test_the_slots_are_taken_from_the_pool():
    where = node(device(80 * GIB))
    plain, adapted = (memory(LLAMA, replace(settings, enforce_eager=True), LAYERS, where=where) for settings in (VLLM, LORA))
    taken = adapted.devices[0].adapters_bytes.value
    assert taken == lora_bytes(LLAMA, LORA, ONE)
    block = plain.devices[0].kv_cache_bytes.value / plain.num_blocks.value
    assert plain.num_blocks.value - adapted.num_blocks.value == pytest.approx(taken / block, abs=1)
    assert adapted.devices[0].required_bytes.value == plain.devices[0].required_bytes.value + taken


def test_a_copy_of_every_adapter_is_kept_on_the_host_when_it_is_used():
    where = node(device(80 * GIB))
    found = memory(LLAMA, replace(LORA, max_cpu_loras=8), LAYERS, where=where).host
    assert (found.adapters_bytes.low, found.adapters_bytes.high) == (0, 2 * lora_bytes(LLAMA, LORA, ONE))


def test_graphs_are_captured_with_adapters_and_without():
    where = node(device(80 * GIB))
    eager, graphs = (
        memory(LLAMA, replace(LORA, enforce_eager=eager), LAYERS, where=where).devices[0].runtime_overhead_bytes for eager in (True, False)
    )
    alone = memory(LLAMA, VLLM, LAYERS, where=where).devices[0].runtime_overhead_bytes
    assert graphs.value - eager.value == pytest.approx(2 * (alone.value - eager.value), abs=2)


@pytest.mark.parametrize(
    ("architecture", "settings", "says"),
    [
        (replace(LLAMA, name="unheard-of"), LORA, "unheard-of"),
        (replace(LLAMA, vocab_size=262144), LORA, "258,048"),
        (LLAMA, replace(LORA, fully_sharded_loras=True), "expert"),
    ],
)
def test_what_is_refused(architecture, settings, says):
    with pytest.raises(UserInputError, match=says):
        check_lora(architecture, settings, Parallelism(expert=settings.fully_sharded_loras))
