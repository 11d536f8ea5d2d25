"""The accelerators of this machine as their drivers see them, and how much of each the processes of an engine hold.

NVIDIA by NVML (nvidia-ml-py, a dependency already: no text of a tool to parse). AMD by the files that the amdgpu and amdkfd drivers keep
in /sys (Documentation/gpu/amdgpu/driver-misc.rst of Linux: `mem_info_vram_total`, `mem_info_vram_used`, `product_name`): every driver has
them, the tool `amd-smi` only a whole ROCm. Whatever a driver does not tell is None. No serial number, bus address or process id is kept.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SYS: Final = Path("/sys")
_AMD: Final = "0x1002"  # the PCI vendor id


@dataclass(frozen=True, slots=True)
class Accelerator:
    """`held_bytes` are those of each process that uses it, by id; None where the driver does not say how much (or in whose name space)."""

    name: str
    driver_version: str | None
    total_bytes: int
    used_bytes: int
    held_bytes: Mapping[int, int | None]

    def held_by(self, pids: Iterable[int]) -> int | None:
        """What these processes hold together; None when it is not told of any of them."""
        told = [held for pid in pids if (held := self.held_bytes.get(pid)) is not None]
        return sum(told) if told else None


def accelerators() -> tuple[Accelerator, ...]:
    """All that a driver shows; none where there is no driver, or one that does not answer."""
    return (*nvidia(), *amd())


# ---- NVIDIA


def nvidia() -> tuple[Accelerator, ...]:
    """By NVML."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except (OSError, pynvml.NVMLError):
        return ()
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return tuple(_nvidia(pynvml, handle, driver) for handle in handles)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _nvidia(pynvml: Any, handle: Any, driver: str) -> Accelerator:  # noqa: ANN401 - a module without types
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    held: dict[int, int | None] = {}
    with suppress(pynvml.NVMLError):  # not told on every board, nor in every container
        held = {int(process.pid): process.usedGpuMemory for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    return Accelerator(_text(pynvml.nvmlDeviceGetName(handle)), driver, int(memory.total), int(memory.used), held)


def _text(name: str | bytes) -> str:
    """Old drivers answer in bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


# ---- AMD


def amd(root: Path = _SYS) -> tuple[Accelerator, ...]:
    """By the amdgpu driver's files."""
    driver = _read(root / "module" / "amdgpu" / "version")
    minors = _kfd_ids(root)
    found = (_amd(card / "device", driver, minors, root) for card in sorted((root / "class" / "drm").glob("card*")) if "-" not in card.name)
    return tuple(each for each in found if each is not None)


def _amd(device: Path, driver: str | None, ids: Mapping[str, str], root: Path) -> Accelerator | None:
    total, used = _number(device / "mem_info_vram_total"), _number(device / "mem_info_vram_used")
    if _read(device / "vendor") != _AMD or total is None or used is None:
        return None
    render = next((path.name.removeprefix("renderD") for path in (device / "drm").glob("renderD*")), "")
    held = _kfd_bytes(root, ids[render]) if render in ids else {}
    return Accelerator(_read(device / "product_name") or "AMD GPU", driver, total, used, held)


def _kfd_ids(root: Path) -> dict[str, str]:
    """amdkfd's own number of each GPU, by the minor number of its render node."""
    found = {}
    for node in (root / "class" / "kfd" / "kfd" / "topology" / "nodes").glob("*"):
        lines = (_read(node / "properties") or "").splitlines()
        facts = dict(line.split(maxsplit=1) for line in lines if len(line.split(maxsplit=1)) == 2)
        if (minor := facts.get("drm_render_minor")) and (number := _read(node / "gpu_id")):
            found[minor] = number
    return found


def _kfd_bytes(root: Path, gpu_id: str) -> dict[int, int | None]:
    processes = (root / "class" / "kfd" / "kfd" / "proc").glob("[0-9]*")
    return {int(process.name): _number(process / f"vram_{gpu_id}") for process in processes if process.name.isdecimal()}


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text and text.isdecimal() and len(text) < 20 else None
