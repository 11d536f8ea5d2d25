"""What this computer's processor can do, of what engines ask for."""

import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from advisor.domain.hardware import ProcessorFeature


def processor_features() -> tuple[ProcessorFeature, ...] | None:
    """In the order of the vocabulary; None where the system does not tell."""
    told = _macos() if platform.system() == "Darwin" else _linux()
    if told is None:
        return None
    names = set(told)
    return tuple(feature for feature in get_args(ProcessorFeature) if feature in names)


def _linux() -> Iterable[str] | None:
    """The flags of the first core in /proc/cpuinfo (on ARM: its Features)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), None)


def _macos() -> Iterable[str] | None:
    """What sysctl's hw.optional says 1 to: avx2_0 and avx512f on Intel, nothing of ours on Apple's own processors."""
    try:
        told = subprocess.run(["/usr/sbin/sysctl", "hw.optional"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    pairs = [line.removeprefix("hw.optional.").partition(":") for line in told.splitlines()]
    return [name.removesuffix("_0") for name, _, value in pairs if value.strip() == "1"]
