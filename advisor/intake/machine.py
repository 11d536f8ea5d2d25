"""This computer as a node: processor, memory and its bandwidth, container limits, GPUs. No host name, no path, no user."""

import hashlib
import json
import os
import platform
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from advisor.catalog.catalog import Catalog
from advisor.catalog.devices import metal_working_set_bytes
from advisor.domain.hardware import Device, Host, Node, ProcessorFeature
from advisor.engines.memory_limit import memory_limit
from advisor.errors import UserInputError
from advisor.intake.cpu_quota import cpu_quota
from advisor.intake.gpus import Gpu, find_gpus
from advisor.intake.processor import processor_features, vector_flops_per_s

_PROBE_BYTES = 64 * 1024 * 1024
_PROBE_S = 0.25
_DISK_BYTES_PER_S = 1e9
_LINK_BYTES_PER_S = 15e9
_SOURCE = "this machine"


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What was found. `memory_bytes` is what this process may use: the container's limit where there is one."""

    cpu: str
    cores: int
    memory_bytes: int
    memory_bandwidth_bytes_per_s: float
    repacks_weights: bool
    gpus: tuple[Gpu, ...]
    memory_limit_bytes: int | None = None
    processor_features: tuple[ProcessorFeature, ...] | None = None  # None: the system does not tell
    vector_flops_per_s: float | None = None

    @property
    def id(self) -> str:
        """`machine-` and 12 hex digits of processor, memory and devices: the same after a reboot, different on another kind."""
        devices = [[gpu.name, gpu.memory_bytes] for gpu in self.gpus]
        kind = json.dumps([self.cpu, self.cores, round(self.memory_bytes / 2**30), devices])
        return f"machine-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"


@cache
def inspect_machine() -> MachineFacts:
    """Look at this computer. Takes about a third of a second, most of it for the memory bandwidth."""
    import psutil

    limit = memory_limit().limit_bytes
    total = int(psutil.virtual_memory().total)
    cores, features = _cores(), processor_features()
    return MachineFacts(
        cpu=_cpu_name(),
        cores=cores,
        memory_bytes=min(total, limit) if limit else total,
        memory_bandwidth_bytes_per_s=_measured_bandwidth(),
        repacks_weights=_repacks(),
        gpus=find_gpus(total),
        memory_limit_bytes=limit,
        processor_features=features,
        vector_flops_per_s=vector_flops_per_s(cores, features),
    )


def this_machine(catalog: Catalog, *, processor_only: bool = False) -> Node:
    """This computer as a node: its GPUs when the catalog knows them, else its processor, or that alone.

    Raises UserInputError for a GPU that the catalog does not know: it is refused by name, not guessed.
    """
    facts = inspect_machine()
    host = Host(
        memory_bytes=facts.memory_bytes,
        memory_bandwidth_bytes_per_s=facts.memory_bandwidth_bytes_per_s,
        cpu_cores=facts.cores,
        disk_bytes_per_s=_DISK_BYTES_PER_S,
        device_link_bytes_per_s=_LINK_BYTES_PER_S,
        repacks_weights=facts.repacks_weights,
        source=_SOURCE,
    )
    if processor_only or not facts.gpus:
        return Node(facts.id, cpu_device(facts), 1, host, assumed_host=False)
    return Node(facts.id, _gpu_device(facts, catalog), len(facts.gpus), host, assumed_host=False)


def cpu_device(facts: MachineFacts) -> Device:
    """The processor of this computer as a device."""
    return Device(
        id=facts.id,
        name=f"{facts.cpu} ({facts.cores} cores)",
        vendor="any",
        device_class="cpu",
        memory_bytes=facts.memory_bytes,
        memory_bandwidth_bytes_per_s=facts.memory_bandwidth_bytes_per_s,
        bf16_flops_per_s=None,
        fp8_flops_per_s=None,
        fp4_flops_per_s=None,
        int8_ops_per_s=None,
        link=None,
        link_bytes_per_s=None,
        compute_capability=None,
        power_w=None,
        backends=("cpu",),
        source=_SOURCE,
        processor_features=facts.processor_features,
        vector_flops_per_s=facts.vector_flops_per_s,
    )


def _gpu_device(facts: MachineFacts, catalog: Catalog) -> Device:
    names = sorted({gpu.name for gpu in facts.gpus})
    if len(names) > 1:
        raise UserInputError(f"this machine has different GPUs ({', '.join(names)}): one kind at a time; name it with hardware.owned")
    device = replace(device_of(facts.gpus[0], catalog), in_use_bytes=max(gpu.used_bytes for gpu in facts.gpus))
    if not device.unified_memory:
        return device
    usable = metal_working_set_bytes(facts.memory_bytes) if device.device_class == "apple" else min(device.memory_bytes, facts.memory_bytes)
    return replace(device, memory_bytes=usable, installed_memory_bytes=facts.memory_bytes)  # the catalog has one of several sizes


def device_of(gpu: Gpu, catalog: Catalog) -> Device:
    """The catalog's record of a GPU, by the driver's name for it. Raises UserInputError when it has none."""
    try:
        return catalog.device(gpu.name)
    except UserInputError:
        hint = "add a file to catalog/devices, or name a near device with hardware.owned"
        raise UserInputError(f'GPU "{gpu.name}" of this machine is not in the catalog: {hint}') from None


# ---- looking


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Cores this process may run on, and no more than the container's CPU quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return affinity if quota is None else max(1, min(affinity, int(quota)))


def _repacks() -> bool:
    """llama.cpp copies 4-bit tensors into its own layout on x86 with AVX2 and on 64-bit ARM (ggml-cpu/repack.cpp)."""
    if platform.machine() in ("arm64", "aarch64"):
        return platform.system() != "Darwin"
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _measured_bandwidth() -> float:
    """Bytes/s of the fastest of several large copies. A copy reads its source, fetches its target and writes it: three moves a byte."""
    source, target = bytearray(_PROBE_BYTES), bytearray(_PROBE_BYTES)
    fastest, end = float("inf"), time.perf_counter() + _PROBE_S
    while time.perf_counter() < end:
        start = time.perf_counter()
        target[:] = source
        fastest = min(fastest, time.perf_counter() - start)
    return float(f"{3 * _PROBE_BYTES / fastest:.1e}")
