"""The memory of whole llama.cpp candidates: placement, what is required and reserved, what fits; start-up logs as truth."""

from dataclasses import replace

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.domain.quantity import Basis
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_llama_cpp import checkpoint_bytes, context_of
from advisor.estimate.weights import gguf_weights
from advisor.units import GIB, MIB
from tests.unit.estimate.architectures_for_tests import ARCHITECTURES
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, device, equal_layers, llama_8b_q4_k_m, memory, node
from tests.unit.synthesis.tiny_models import TINY

LLAMA_8B = ARCHITECTURES["llama-3.1-8b"]


def mib(quantity):
    return round(quantity.value / MIB, 2)


def test_one_gpu_holds_all_but_the_lookup_table():
    # load_tensors: CUDA0 4403.49 MiB, CPU 281.81 MiB; offloaded 33/33 layers
    found = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m())
    assert mib(found.devices[0].weights_bytes) == 4403.49
    assert mib(found.host.weights_bytes) == 281.81
    assert mib(found.devices[0].kv_cache_bytes) == 1024
    assert mib(found.host.output_buffer_bytes) == 0.49
    assert found.fits is True
    assert found.devices[0].kv_cache_bytes.basis is Basis.EXACT
    assert found.devices[0].compute_buffer_bytes.basis is Basis.MODELLED


def test_layers_and_their_cache_are_split_over_devices_as_the_engine_does():
    # start-up log of Meta-Llama-3-8B on four cards: KV 288, 256, 256, 224 MiB; the last also holds the output layer
    found = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=node(devices=4), parallelism=Parallelism(pipeline=4))
    assert [mib(one.kv_cache_bytes) for one in found.devices] == [288, 256, 256, 224]
    assert found.kv_cache_bytes_per_token.value == 9 * 4096


@pytest.mark.parametrize(
    ("devices", "kv_mib"),
    [(2, [544, 480]), (6, [192, 160, 192, 160, 192, 128]), (8, [160, 128, 128, 128, 128, 128, 128, 96])],
)
def test_even_splits_follow_the_logs(devices, kv_mib):
    found = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=node(devices=devices), parallelism=Parallelism(pipeline=devices))
    assert [mib(one.kv_cache_bytes) for one in found.devices] == kv_mib


def test_compute_buffers_follow_the_logs_on_gpus():
    # without flash attention: 560 MiB on one card; four cards keep copies of the inputs: 640 MiB each, 72 MiB on the host
    settings = replace(LLAMA_CPP, flash_attn="off")
    one = memory(LLAMA_8B, settings, llama_8b_q4_k_m())
    four = memory(LLAMA_8B, settings, llama_8b_q4_k_m(), where=node(devices=4), parallelism=Parallelism(pipeline=4))
    value_rows_mib = 8 * 512 * 1024 / MIB  # an input that builds of 2024 did not have: where each value of a step is stored
    assert mib(one.devices[0].compute_buffer_bytes) == pytest.approx(560.0 + value_rows_mib, abs=0.02)
    assert mib(one.host.compute_buffer_bytes) == pytest.approx(24.01, abs=0.02)
    assert [mib(d.compute_buffer_bytes) for d in four.devices] == pytest.approx([640.01 + value_rows_mib] * 4, abs=0.02)
    assert mib(four.host.compute_buffer_bytes) == pytest.approx(72.02, abs=0.03)
    short = memory(LLAMA_8B, replace(settings, ctx_size=512, outputs=512), llama_8b_q4_k_m())  # logits of every token are the peak
    assert mib(short.devices[0].compute_buffer_bytes) == pytest.approx(258.5, abs=0.02)
    assert mib(short.host.compute_buffer_bytes) == pytest.approx(9.01, abs=0.02)


def test_tensor_split_and_modes_move_the_weights():
    weights = llama_8b_q4_k_m()
    two = {"where": node(devices=2), "parallelism": Parallelism(pipeline=2)}
    uneven = memory(LLAMA_8B, replace(LLAMA_CPP, tensor_split=(3.0, 1.0)), weights, **two)
    none = memory(LLAMA_8B, replace(LLAMA_CPP, split_mode="none"), weights, **two)
    row = memory(LLAMA_8B, replace(LLAMA_CPP, split_mode="row"), weights, **two)
    assert [mib(one.kv_cache_bytes) for one in uneven.devices] == [800, 224]
    assert none.devices[1].weights_bytes.value == none.devices[1].compute_buffer_bytes.value == 0
    assert row.devices[0].weights_bytes.value == row.devices[1].weights_bytes.value
    assert mib(row.devices[0].kv_cache_bytes) == 1024
    for found in (uneven, none, row):
        assert sum(one.weights_bytes.value for one in found.devices) == pytest.approx(4403.49 * MIB, rel=1e-5)


def test_partial_offload_leaves_the_first_layers_and_their_cache_on_the_host():
    found = memory(LLAMA_8B, replace(LLAMA_CPP, n_gpu_layers=20), llama_8b_q4_k_m())
    assert mib(found.devices[0].kv_cache_bytes) == 19 * 32  # the twentieth is the output layer
    assert mib(found.host.kv_cache_bytes) == 13 * 32
    total = found.devices[0].weights_bytes.value + found.host.weights_bytes.value
    assert total == llama_8b_q4_k_m().total_bytes
    assert found.host.repacked_weights_bytes.value == pytest.approx(13 / 32 * 3204 * MIB, rel=1e-6)


def test_minus_one_offloads_everything_and_zero_nothing():
    everything = memory(LLAMA_8B, replace(LLAMA_CPP, n_gpu_layers=-1), llama_8b_q4_k_m())
    nothing = memory(LLAMA_8B, replace(LLAMA_CPP, n_gpu_layers=0), llama_8b_q4_k_m())
    assert mib(everything.devices[0].weights_bytes) == 4403.49
    assert nothing.devices[0].weights_bytes.value == nothing.devices[0].kv_cache_bytes.value == 0
    assert nothing.kv_cache_bytes_per_token.value == 131072


def test_tied_embeddings_are_held_twice_once_the_output_is_on_a_device():
    weights = equal_layers(62, 200 * MIB, embedding_bytes=1102 * MIB, output_bytes=1102 * MIB, tied=True)
    found = memory(ARCHITECTURES["gemma-3-27b"], LLAMA_CPP, weights)
    assert mib(found.devices[0].weights_bytes) == 62 * 200 + 1102
    assert mib(found.host.weights_bytes) == 1102
    on_cpu = memory(ARCHITECTURES["gemma-3-27b"], LLAMA_CPP, weights, where=node(device(device_class="cpu")))
    assert mib(on_cpu.devices[0].weights_bytes) == 62 * 200 + 1102


def test_experts_of_the_first_layers_stay_on_the_host():
    weights = equal_layers(48, 20 * MIB, experts_bytes=300 * MIB)
    found = memory(ARCHITECTURES["qwen3-30b-a3b"], replace(LLAMA_CPP, n_cpu_moe=30), weights)
    assert mib(found.devices[0].weights_bytes) == 48 * 20 + 18 * 300
    assert mib(found.host.weights_bytes) == 30 * 300
    assert mib(found.devices[0].kv_cache_bytes) == 768


def test_a_cpu_is_one_device_with_the_hosts_memory():
    # llama-server b11549, 8192 tokens, 4 slots: resident 9.15 GiB with repacked weights, 5.87 GiB without
    settings = replace(LLAMA_CPP, parallel=4, kv_unified=False, outputs=4)
    where = node(device(device_class="cpu"), host_bytes=32 * GIB)
    found = memory(LLAMA_8B, settings, llama_8b_q4_k_m(), where=where, backend="cpu")
    plain = memory(LLAMA_8B, replace(settings, repack=False), llama_8b_q4_k_m(), where=where, backend="cpu")
    assert len(found.devices) == 1
    assert found.devices[0].usable_bytes.value == 32 * GIB
    assert found.host.required_bytes.value == 0
    assert mib(found.host.repacked_weights_bytes) == 3204
    assert found.devices[0].reserved_bytes.low < 9.15 * GIB < found.devices[0].reserved_bytes.high
    assert plain.devices[0].reserved_bytes.low < 5.87 * GIB < plain.devices[0].reserved_bytes.high
    assert found.devices[0].required_bytes == plain.devices[0].required_bytes
    assert mib(found.devices[0].compute_buffer_bytes) == 118.01


def test_locked_memory_cannot_give_the_originals_back():
    where = node(device(device_class="cpu"))
    mapped = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=where)
    locked = memory(LLAMA_8B, replace(LLAMA_CPP, load_mode="mlock"), llama_8b_q4_k_m(), where=where)
    assert locked.devices[0].required_bytes.value - mapped.devices[0].required_bytes.value == 3204 * MIB


def test_a_quantised_cache_is_smaller_but_needs_scratch_on_a_device():
    plain = memory(LLAMA_8B, replace(LLAMA_CPP, ctx_size=32768), llama_8b_q4_k_m())
    small = memory(LLAMA_8B, replace(LLAMA_CPP, ctx_size=32768, cache_type_k="q8_0", cache_type_v="q8_0"), llama_8b_q4_k_m())
    assert mib(small.devices[0].kv_cache_bytes) == 2176
    assert small.devices[0].compute_buffer_bytes.high > plain.devices[0].compute_buffer_bytes.high


@pytest.mark.parametrize(
    ("unified", "typical", "longest"),
    [(True, 4, 1), (False, 4, 0)],
)
def test_requests_held_by_shared_and_divided_slots(unified, typical, longest):
    settings = replace(LLAMA_CPP, parallel=4, kv_unified=unified, outputs=4)
    found = memory(LLAMA_8B, settings, llama_8b_q4_k_m())
    assert found.requests_held_typical.value == typical
    assert found.requests_held_longest.value == longest
    assert found.context_per_request_tokens == (8192 if unified else 2048)


def test_what_cannot_fit_is_told_from_what_may_not():
    tiny = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=node(device(5 * GIB)))
    close = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=node(device(6000 * MIB)))
    tight = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=node(device(5600 * MIB)))
    assert (tiny.fits, close.fits) == (False, None)
    assert tight.fits is False  # only with the assumed device context


def test_unified_memory_is_counted_once():
    shared = device(8 * GIB, "apple", unified=True)
    found = memory(LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=node(shared, host_bytes=8 * GIB), backend="metal")
    less = memory(
        LLAMA_8B, LLAMA_CPP, llama_8b_q4_k_m(), where=node(device(6 * GIB, "apple", unified=True), host_bytes=6 * GIB), backend="metal"
    )
    assert found.fits is True
    assert found.devices[0].required_bytes.high < 6 * GIB
    assert less.fits is None


def test_weights_of_another_model_are_refused():
    with pytest.raises(UserInputError, match="31 layers"):
        memory(LLAMA_8B, LLAMA_CPP, equal_layers(31, MIB))


def test_copied_weights_are_those_that_the_engine_copies():
    # llama-server b11549 on AVX-512: CPU_Mapped 4685.30 MiB, CPU_REPACK 3204.00 MiB
    weights = gguf_weights(LLAMA_8B, load_catalog().quantizations["Q4_K_M"])
    found = memory(LLAMA_8B, LLAMA_CPP, weights, where=node(device(device_class="cpu")), backend="cpu")
    assert mib(found.devices[0].weights_bytes) == 4685.3
    assert mib(found.host.repacked_weights_bytes) == 3204


@pytest.mark.parametrize(
    ("name", "changes", "one_mib"),
    [  # one sequence's windows and states: 52 layers x 1,024 cells x 8,192 bytes
        ("gemma-3-27b", {"ctx_size": 131072}, 416),
        ("gemma-3-27b", {"ctx_size": 2048, "kv_unified": False}, 208),
        ("gemma-3-27b", {"ctx_size": 131072, "swa_full": True}, 0),
        ("llama-3.1-8b", {}, 0),
        ("qwen3-next-80b", {}, 75.375),
    ],
)
def test_checkpoints_of_every_slot_may_fill_host_memory(name, changes, one_mib):
    settings = replace(LLAMA_CPP, parallel=4, outputs=4, ctx_checkpoints=32, **changes)
    host = memory(ARCHITECTURES[name], settings, equal_layers(ARCHITECTURES[name].layers, MIB)).host
    assert mib(host.context_checkpoints_bytes) == pytest.approx(32 * 4 * one_mib, rel=1e-6)
    assert host.context_checkpoints_bytes.low == 0
    without = memory(ARCHITECTURES[name], replace(settings, ctx_checkpoints=0), equal_layers(ARCHITECTURES[name].layers, MIB)).host
    assert without.context_checkpoints_bytes.value == 0
    assert host.required_bytes == without.required_bytes


@pytest.mark.parametrize(
    ("name", "engine_bytes"),
    # llama_state_seq_get_size_ext(context, 0, LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY) of b11549 after 1,500 tokens, one slot and three
    [("gemma3", 657160), ("gpt-oss", 132680), ("qwen3next", 860332), ("granitehybrid", 416356), ("lfm2", 6244)],
)
@pytest.mark.parametrize("slots", [1, 3])
def test_a_checkpoint_is_what_the_engine_copies(name, slots, engine_bytes):
    settings = replace(LLAMA_CPP, ctx_size=4096, parallel=slots, outputs=slots, kv_unified=True, ubatch_size=256)
    computed = checkpoint_bytes(TINY[name], settings, context_of(TINY[name], settings))
    assert 0 <= engine_bytes - computed < 2048  # positions and sequence numbers, and a header a layer
