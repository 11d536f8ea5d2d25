"""What drivers tell of accelerators, with stand-ins for NVML and for the files of amdgpu."""

import sys

import pytest

from advisor.engines.accelerators import Accelerator, accelerators, amd, nvidia

from .fake_driver import driver

GIB = 2**30


def test_nvidia_by_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", driver(["NVIDIA L4", b"NVIDIA L4"], 24 * GIB, processes=[(7, 5 * GIB), (8, None), (9, GIB)]))
    found = nvidia()
    assert found == (Accelerator("NVIDIA L4", "570.86.15", 24 * GIB, 12 * GIB, {7: 5 * GIB, 8: None, 9: GIB}),) * 2
    assert found[0].held_by([7, 9, 1]) == 6 * GIB
    assert found[0].held_by([8]) is None  # in a container the driver may not say
    assert found[0].held_by([1]) is None


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlSystemGetDriverVersion", "nvmlDeviceGetCount", "nvmlDeviceGetMemoryInfo"])
def test_a_driver_that_does_not_answer_shows_none(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "pynvml", driver(["NVIDIA L4"], fails_at=call))
    assert nvidia() == ()


def test_processes_that_are_not_told_are_unknown(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", driver(["NVIDIA L4"], fails_at="nvmlDeviceGetComputeRunningProcesses"))
    assert nvidia()[0].held_bytes == {}
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvidia() == ()


@pytest.fixture
def sysfs(tmp_path):
    """Two cards of AMD (the second too old to tell its name and processes), a screen of the first, one card of another make."""

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    write("module/amdgpu/version", "6.10.5")
    for number, vendor in enumerate(["0x1002", "0x1002", "0x8086"]):
        write(f"class/drm/card{number}/device/vendor", vendor)
        write(f"class/drm/card{number}/device/mem_info_vram_total", 192 * GIB)
        write(f"class/drm/card{number}/device/mem_info_vram_used", 100 * GIB)
        (tmp_path / f"class/drm/card{number}/device/drm/renderD{128 + number}").mkdir(parents=True)
    (tmp_path / "class/drm/card0-DP-1").mkdir()
    write("class/drm/card0/device/product_name", "AMD Instinct MI300X")
    write("class/drm/card0/device/serial_number", "692401000123")
    write("class/kfd/kfd/topology/nodes/0/gpu_id", "0")
    write("class/kfd/kfd/topology/nodes/1/gpu_id", "51140")
    write("class/kfd/kfd/topology/nodes/1/properties", "simd_count 1216\ndrm_render_minor 128\nodd")
    write("class/kfd/kfd/proc/4242/vram_51140", 90 * GIB)
    write("class/kfd/kfd/proc/4243/vram_51140", "garbage")
    return tmp_path


def test_amd_by_the_drivers_files(sysfs):
    first, second = amd(sysfs)
    assert first == Accelerator("AMD Instinct MI300X", "6.10.5", 192 * GIB, 100 * GIB, {4242: 90 * GIB, 4243: None})
    assert first.held_by([4242, 4243]) == 90 * GIB
    assert (second.name, second.held_bytes) == ("AMD GPU", {})


def test_no_driver_at_all(tmp_path, monkeypatch):
    assert amd(tmp_path) == ()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr("advisor.engines.accelerators.amd", lambda: ())
    assert accelerators() == ()
