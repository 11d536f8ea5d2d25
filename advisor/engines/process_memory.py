"""Memory of everything that was started, as the operating system counts it: anonymous pages, pages of files, and each page's share.

Anonymous memory is the engine's own (KV cache, buffers, repacked weights); file-backed memory is the mapped model and the libraries,
which the kernel may take back. Linux tells them apart; elsewhere only the resident size is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Bytes over all processes of one server. A page that several of them map counts once in `proportional_bytes`, else each time."""

    processes: int
    resident_bytes: int
    anonymous_bytes: int | None
    file_bytes: int | None  # shared memory included
    proportional_bytes: int | None  # PSS; None where it was not asked for or is not told

    @property
    def counted_once_bytes(self) -> int:
        """What the machine really gives: the resident size of one process, the proportional one of several."""
        return self.proportional_bytes if self.processes > 1 and self.proportional_bytes is not None else self.resident_bytes


def memory_below(pid: int, *, proportional: bool = False) -> ProcessMemory:
    """Of all descendants of `pid`, itself left out; zeros when there are none. `proportional` walks page tables: ask seldom."""
    return _summed([memory for child in descendants(pid) if (memory := _of_one(child.pid, proportional=proportional)) is not None])


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below `pid`; empty when it is gone."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _summed(parts: list[ProcessMemory]) -> ProcessMemory:
    return ProcessMemory(
        processes=len(parts),
        resident_bytes=sum(part.resident_bytes for part in parts),
        anonymous_bytes=_total(part.anonymous_bytes for part in parts),
        file_bytes=_total(part.file_bytes for part in parts),
        proportional_bytes=_total(part.proportional_bytes for part in parts),
    )


def _total(sizes: Iterable[int | None]) -> int | None:
    """None when one of them is not known, or there are none."""
    known = list(sizes)
    return sum(size for size in known if size is not None) if known and None not in known else None


def _of_one(pid: int, *, proportional: bool) -> ProcessMemory | None:
    folder = Path("/proc") / str(pid)
    shown = _kilobytes(folder / "status")
    resident = shown.get("VmRSS")
    if resident is not None and "RssAnon" in shown:
        share = _kilobytes(folder / "smaps_rollup").get("Pss") if proportional else None
        return ProcessMemory(1, resident, shown["RssAnon"], resident - shown["RssAnon"], share)
    try:
        return ProcessMemory(1, psutil.Process(pid).memory_info().rss, None, None, None)
    except psutil.Error:
        return None


def _kilobytes(path: Path) -> dict[str, int]:
    """`name: number kB` lines in bytes; empty when the process is gone or the system has no such file."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * _KIB for line in lines if line.endswith(" kB")}
