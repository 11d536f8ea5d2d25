"""The vendors' tools, played by small programs on the PATH: each form of their answers, and every way not to answer."""

import json
import os
import stat

import pytest

from advisor.catalog import load_catalog
from advisor.intake import gpus, machine
from advisor.intake.cpu_quota import cpu_quota
from advisor.intake.gpus import Gpu, find_gpus
from advisor.intake.machine import MachineFacts, this_machine

CATALOG = load_catalog()
MI300X = 196_592 * 2**20
AMD = {"asic": {"market_name": "AMD Instinct MI300X"}, "vram": {"type": "HBM", "size": {"value": 196_592, "unit": "MB"}}}
ROCM = {"Card Series": "AMD Instinct MI300X", "Card Model": "0x74a1", "VRAM Total Memory (B)": str(MI300X)}


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A function that puts a program of this name on an otherwise empty PATH: it prints the text, or ends with the status."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpus, "nvidia", lambda: ())

    def put(name, text="", status=0):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\nprintf '%s' '{text}'\nexit {status}\n")
        path.chmod(path.stat().st_mode | stat.S_IEXEC)

    return put


def test_no_tool_is_no_gpu(tools):
    assert find_gpus(2**34) == ()


def test_nvidia_smi_where_the_library_does_not_answer(tools):
    tools("nvidia-smi", "NVIDIA H100 80GB HBM3, 81559\nNVIDIA H100 80GB HBM3, 81559\n")
    assert find_gpus(2**34) == (Gpu("NVIDIA H100 80GB HBM3", 81_559 * 2**20),) * 2


@pytest.mark.parametrize("answer", [[AMD], {"gpu_data": [AMD]}])
def test_amd_smi_in_both_forms(tools, answer):
    tools("amd-smi", json.dumps(answer))
    assert find_gpus(2**34) == (Gpu("AMD Instinct MI300X", MI300X, "AMD"),)


@pytest.mark.parametrize("row", [ROCM, {key.replace("Series", "series"): value for key, value in ROCM.items()}])
def test_rocm_smi_where_there_is_no_amd_smi(tools, row):
    tools("rocm-smi", json.dumps({"card0": row, "card1": row, "system": {"Driver version": "6.8"}}))
    assert find_gpus(2**34) == (Gpu("AMD Instinct MI300X", MI300X, "AMD"),) * 2


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("nvidia-smi", "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver", 9),
        ("nvidia-smi", "No devices were found", 0),
        ("nvidia-smi", "NVIDIA GB10, [N/A]", 0),
        ("amd-smi", "ERROR: no driver", 0),
        ("amd-smi", "[" * 100_000, 0),
        ("amd-smi", '[{"asic": "N/A"}]', 0),
        ("amd-smi", '{"gpu_data": [{"asic": {"market_name": "N/A"}, "vram": {"size": "N/A"}}]}', 0),
        ("rocm-smi", "[]", 0),
        ("rocm-smi", '{"card0": {"Card Series": "N/A", "VRAM Total Memory (B)": "0"}}', 0),
    ],
)
def test_a_tool_that_does_not_answer_is_no_gpu(tools, name, text, status):
    tools(name, text, status)
    assert find_gpus(2**34) == ()


def test_a_tool_that_hangs_is_given_up(tools, monkeypatch, tmp_path):
    monkeypatch.setattr(gpus, "_TIME_LIMIT_S", 0.2)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert find_gpus(2**34) == ()


def facts(gpu, ram_bytes):
    return MachineFacts("processor", 12, ram_bytes, 3e11, repacks_weights=False, gpus=(gpu,))


def test_an_amd_gpu_is_the_catalogs_device(monkeypatch):
    monkeypatch.setattr(machine, "inspect_machine", lambda: facts(Gpu("AMD Instinct MI300X", MI300X, "AMD"), 2**40))
    assert this_machine(CATALOG).device.id == "mi300x"


def test_an_apple_computer_has_the_memory_that_it_has(tools, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    tools("sysctl", "Apple M3 Max")
    (gpu,) = find_gpus(36 * 2**30)
    assert gpu == Gpu("Apple M3 Max", 36 * 2**30, "Apple")
    monkeypatch.setattr(machine, "inspect_machine", lambda: facts(gpu, 36 * 2**30))
    device = this_machine(CATALOG).device
    assert (device.id, device.memory_bytes, device.installed_memory_bytes) == ("apple-m3-max", 27 * 2**30, 36 * 2**30)


GROUPS = {
    "no group at all": ({}, None),
    "v2 without a limit": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
    "v2 in a container": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
    "v2 in a slice below a limit": (
        {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "400000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"},
        4.0,
    ),
    "v1": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
        },
        2.0,
    ),
    "v1 mounted at the top": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/x\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        3.0,
    ),
    "v1 without a limit": (
        {
            "proc/self/cgroup": "5:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        None,
    ),
    "nonsense": ({"proc/self/cgroup": "x\n0::/\n", "sys/fs/cgroup/cpu.max": "lots\n"}, None),
}


@pytest.mark.parametrize(("files", "cores"), GROUPS.values(), ids=GROUPS)
def test_the_cpu_limit_of_a_container(tmp_path, files, cores):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cpu_quota(tmp_path) == cores


def test_this_process_has_at_most_the_cores_of_the_system():
    quota = cpu_quota()
    assert quota is None or 0 < quota <= 100 * (os.cpu_count() or 1)
