"""The GPUs of this computer by the names that their drivers give them: NVIDIA's library or nvidia-smi, amd-smi or rocm-smi, Apple's own."""

import json
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from advisor.engines.accelerators import nvidia

_TIME_LIMIT_S: Final = 10.0
_MIB: Final = 1024 * 1024
# amd-smi prints VRAM in "MB" and means 1024 * 1024 (its library counts bytes / 1024 / 1024)
_UNITS: Final = {"B": 1, "KB": 1024, "MB": _MIB, "GB": 1024 * _MIB, "MIB": _MIB, "GIB": 1024 * _MIB}
_MOST_BYTES: Final = 2**45

Vendor = Literal["NVIDIA", "AMD", "Apple"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as its driver names it."""

    name: str
    memory_bytes: int
    vendor: Vendor = "NVIDIA"
    used_bytes: int = 0  # by whom ever; 0 where the tool does not say


def find_gpus(ram_bytes: int) -> tuple[Gpu, ...]:
    """All of them; none where no driver or tool answers. Apple's GPU works in the computer's own memory."""
    by_driver = tuple(Gpu(each.name, each.total_bytes, used_bytes=each.used_bytes) for each in nvidia())
    return (*(by_driver or _tool(_nvidia_smi)), *(_tool(_amd_smi) or _tool(_rocm_smi)), *_apple(ram_bytes))


def _tool(read: Callable[[], tuple[Gpu, ...]]) -> tuple[Gpu, ...]:
    """What a vendor's command says; nothing when its words are not those that are known."""
    try:
        return tuple(gpu for gpu in read() if gpu.name.strip() and 0 < gpu.memory_bytes <= _MOST_BYTES)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ()


def _nvidia_smi() -> tuple[Gpu, ...]:
    lines = _output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits").splitlines()
    rows = [line.rpartition(",") for line in lines if "," in line]
    return tuple(Gpu(name.strip(), int(mib) * _MIB) for name, _, mib in rows)


def _amd_smi() -> tuple[Gpu, ...]:
    """`[{"asic": {"market_name"}, "vram": {"size": {"value", "unit"}}}]`; later versions put the list under gpu_data."""
    found = json.loads(_output("amd-smi", "static", "--asic", "--vram", "--json") or "[]")
    gpus = found.get("gpu_data", []) if isinstance(found, dict) else found
    return tuple(Gpu(gpu["asic"]["market_name"], _vram_bytes(gpu["vram"]["size"]), "AMD") for gpu in gpus)


def _vram_bytes(size: Any) -> int:  # noqa: ANN401 - a tool's JSON
    return int(size["value"]) * _UNITS[str(size["unit"]).upper()]


def _rocm_smi() -> tuple[Gpu, ...]:
    """`{"card0": {"Card Series": …, "VRAM Total Memory (B)": …}}`; the case of the keys changed between versions."""
    cards = json.loads(_output("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json") or "{}")
    rows = [{key.casefold(): value for key, value in card.items()} for name, card in cards.items() if name.startswith("card")]
    return tuple(Gpu(row["card series"], int(row["vram total memory (b)"]), "AMD") for row in rows)


def _apple(ram_bytes: int) -> tuple[Gpu, ...]:
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return ()
    name = _output("sysctl", "-n", "machdep.cpu.brand_string").strip()
    return (Gpu(name, ram_bytes, "Apple"),) if name else ()


def _output(*command: str) -> str:
    """What the command prints; nothing when it is not there, fails or hangs."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        ended = subprocess.run([program, *command[1:]], capture_output=True, timeout=_TIME_LIMIT_S, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode("utf-8", "replace") if ended.returncode == 0 else ""
