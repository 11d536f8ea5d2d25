"""What this computer's processor can do, of what engines ask for."""

import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final, get_args

from advisor.domain.hardware import ProcessorFeature

_FLOP_PER_CYCLE: Final = 32  # two fused multiply-adds of 256 bits; server cores do two of 512, of which llama.cpp makes no use


def processor_features() -> tuple[ProcessorFeature, ...] | None:
    """In the order of the vocabulary; None where the system does not tell."""
    told = _macos() if platform.system() == "Darwin" else _linux()
    if told is None:
        return None
    names = set(told)
    return tuple(feature for feature in get_args(ProcessorFeature) if feature in names)


def vector_flops_per_s(processors: int, features: tuple[ProcessorFeature, ...] | None) -> float | None:
    """FP32 operations of the vectors at base clock, as the catalog states them; None where the clock is not told.

    BogoMIPS of x86 are twice the base clock in MHz (the time-stamp counter's, whatever the clock of the moment). On two AMX cores
    llama.cpp's prompts of Qwen3-1.7B in Q4_K_M reach 0.30 TFLOP/s, as two cores with 256-bit vectors would.
    """
    told = _cpuinfo("bogomips")
    if told is None or features is None or "avx2" not in features:
        return None
    return processors / _threads_per_core() * float(told) / 2 * 1e6 * _FLOP_PER_CYCLE


def _threads_per_core() -> float:
    """Processors that share one core's vectors."""
    threads, cores = _cpuinfo("siblings"), _cpuinfo("cpu cores")
    return int(threads) / int(cores) if threads and cores and int(cores) else 1.0


def _linux() -> Iterable[str] | None:
    """The flags of the first core in /proc/cpuinfo (on ARM: its Features)."""
    told = _cpuinfo("flags", "Features")
    return None if told is None else told.split()


def _cpuinfo(*names: str) -> str | None:
    """The first line of /proc/cpuinfo that begins with one of these."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), None)


def _macos() -> Iterable[str] | None:
    """What sysctl's hw.optional says 1 to: avx2_0 and avx512f on Intel, nothing of ours on Apple's own processors."""
    try:
        told = subprocess.run(["/usr/sbin/sysctl", "hw.optional"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    pairs = [line.removeprefix("hw.optional.").partition(":") for line in told.splitlines()]
    return [name.removesuffix("_0") for name, _, value in pairs if value.strip() == "1"]
