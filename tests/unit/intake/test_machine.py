"""This computer as a node, with and without a driver; the driver is a stand-in."""

import sys

import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.intake import gpus, machine
from advisor.intake.gpus import Gpu
from advisor.intake.machine import MachineFacts, this_machine
from tests.unit.engines.fake_driver import driver

CATALOG = load_catalog()


def facts(*found):
    return MachineFacts("AMD EPYC", 8, 32 * 2**30, 5e10, repacks_weights=True, gpus=found)


@pytest.mark.parametrize("name", ["NVIDIA H100 80GB HBM3", b"NVIDIA H100 80GB HBM3"])
def test_gpus_are_those_of_the_driver(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "pynvml", driver([name, name]))
    assert gpus.find_gpus(0)[:2] == (Gpu("NVIDIA H100 80GB HBM3", 80 * 2**30, used_bytes=40 * 2**30),) * 2


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo"])
def test_a_driver_that_does_not_answer_is_no_gpu(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "pynvml", driver(["NVIDIA L4"], fails_at=call))
    assert gpus.nvidia() == ()


def test_no_library_is_no_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpus.nvidia() == ()


def test_a_known_gpu_is_the_catalogs_device(monkeypatch):
    monkeypatch.setattr(machine, "inspect_machine", lambda: facts(*[Gpu("NVIDIA H100 80GB HBM3", 85_520_809_984)] * 2))
    node = this_machine(CATALOG)
    assert (node.device.id, node.devices, node.assumed_host) == ("h100-sxm", 2, False)
    assert node.host.memory_bytes == 32 * 2**30


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([Gpu("NVIDIA Q9000", 2**34)], 'GPU "NVIDIA Q9000" of this machine is not in the catalog'),
        ([Gpu("NVIDIA L4", 2**34), Gpu("NVIDIA L40S", 2**35)], "different GPUs"),
    ],
)
def test_other_gpus_are_refused_by_name(monkeypatch, found, says):
    monkeypatch.setattr(machine, "inspect_machine", lambda: facts(*found))
    with pytest.raises(UserInputError, match=says):
        this_machine(CATALOG)


def test_without_a_gpu_the_processor_is_the_device(monkeypatch):
    monkeypatch.setattr(machine, "inspect_machine", facts)
    node = this_machine(CATALOG)
    assert node.device.is_cpu and node.device.memory_bandwidth_bytes_per_s == 5e10
    assert node.id == facts().id and node.id.startswith("machine-") and len(node.id) == len("machine-") + 12


def test_the_id_depends_on_the_kind_of_machine_alone():
    assert facts().id == facts().id
    assert facts().id != facts(Gpu("NVIDIA L4", 2**34)).id


def test_this_very_machine_is_understood():
    found = machine.inspect_machine()
    assert found.cores >= 1 and found.memory_bytes > 2**28
    assert 1e9 < found.memory_bandwidth_bytes_per_s < 1e13
    assert found.memory_limit_bytes is None or found.memory_bytes <= found.memory_limit_bytes
