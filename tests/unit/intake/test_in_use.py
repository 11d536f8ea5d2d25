"""Memory that other processes hold: less for llama.cpp, a refusal of vLLM that asks for more than is free."""

import dataclasses

import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.intake import calibrated, machine
from advisor.intake.estimation import EstimateRequest, Program, WeightFiles, estimate_request
from advisor.intake.gpus import Gpu
from advisor.intake.machine import MachineFacts, this_machine
from advisor.units import GIB

CATALOG = load_catalog()


def memory(engine, device="l4", **options):
    flags = options.pop("flags", {})
    quantization = "Q8_0" if engine == "llama.cpp" else "bf16"
    asked = EstimateRequest("Qwen/Qwen3-4B", device, Program(engine), WeightFiles(quantization), flags=flags, **options)
    return estimate_request(asked, CATALOG).estimate.memory


def test_llama_cpp_has_what_is_free():
    alone, beside = memory("llama.cpp"), memory("llama.cpp", memory_in_use_bytes=10 * GIB)
    assert alone.devices[0].usable_bytes.value - beside.devices[0].usable_bytes.value == 10 * GIB
    assert "10.00 GiB in use" in beside.devices[0].usable_bytes.source
    assert alone.fits is True
    assert memory("llama.cpp", memory_in_use_bytes=20 * GIB).fits is False


def test_vllm_s_share_is_of_the_whole_device():
    share = {"gpu_memory_utilization": 0.5, "max_model_len": 8192}
    alone, beside = memory("vllm", flags=share), memory("vllm", flags=share, memory_in_use_bytes=10 * GIB)
    assert beside == alone  # what others hold is not taken off its own share


@pytest.mark.parametrize("flags", [{}, {"kv_cache_memory_bytes": GIB}])
def test_vllm_does_not_start_where_less_than_its_share_is_free(flags):
    # v1/worker/utils.py request_memory, called before the pool's size is looked at
    with pytest.raises(UserInputError, match=r"vLLM refuses to start; use 0\.5\d or less"):
        memory("vllm", flags={"max_model_len": 8192, **flags}, memory_in_use_bytes=10 * GIB)


def test_a_pool_given_in_bytes_has_what_is_free():
    flags = {"max_model_len": 8192, "kv_cache_memory_bytes": GIB, "gpu_memory_utilization": 0.5}
    alone, beside = (memory("vllm", flags=flags, memory_in_use_bytes=held).devices[0] for held in (None, 8 * GIB))
    assert alone.usable_bytes.value - beside.usable_bytes.value == 8 * GIB


def test_this_machine_s_gpu_tells_what_is_held(monkeypatch):
    gpu = Gpu("NVIDIA H100 80GB HBM3", 85_520_809_984, used_bytes=30 * GIB)
    facts = MachineFacts("AMD EPYC", 8, 64 * GIB, 5e10, repacks_weights=True, gpus=(gpu,))
    monkeypatch.setattr(machine, "inspect_machine", lambda: facts)
    monkeypatch.setattr(calibrated, "calibration_here", lambda: None)
    assert this_machine(CATALOG).device.in_use_bytes == 30 * GIB
    found = memory("llama.cpp", "this-machine")
    assert found.devices[0].usable_bytes.value == CATALOG.device("h100-sxm").memory_bytes - 30 * GIB
    assert memory("llama.cpp", "this-machine", memory_in_use_bytes=GIB).devices[0].usable_bytes.value > found.devices[0].usable_bytes.value
    with pytest.raises(UserInputError, match="this machine has 1"):
        memory("llama.cpp", "this-machine", devices=2)


def test_a_slice_s_share_is_of_the_slice():
    slice_, card = CATALOG.device("h100-sxm/mig-3g.40gb"), CATALOG.device("h100-sxm")
    found = memory("vllm", slice_.id, flags={"max_model_len": 8192, "gpu_memory_utilization": 0.5})
    assert found.devices[0].usable_bytes.value == -(-slice_.memory_bytes // 2)
    assert slice_.memory_bytes < card.memory_bytes
    assert dataclasses.replace(slice_, in_use_bytes=GIB).free_bytes == slice_.memory_bytes - GIB
