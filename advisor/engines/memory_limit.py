"""What the kernel allows this process in memory, and how often it has killed for it: the facts behind "killed by signal 9"."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_UNLIMITED: Final = 1 << 60  # cgroup v1 writes a number near 2**63 for "no limit"


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The tightest memory limit of this process's control group (None: none), and the kernel's count of kills for it so far."""

    limit_bytes: int | None
    kills: int


def memory_limit(root: Path = Path("/")) -> MemoryLimit:
    """Read control group v2 and v1; where neither is readable there is no limit and no count."""
    limits: list[int] = []
    kills = 0
    for folder in _folders(root):
        limits += [limit for name in ("memory.max", "memory.limit_in_bytes") if (limit := _number(folder / name)) is not None]
        kills = max(kills, _kills(folder))
    kills = max(kills, _counter(root / "proc/vmstat", "oom_kill"))
    return MemoryLimit(min((limit for limit in limits if limit < _UNLIMITED), default=None), kills)


def _folders(root: Path) -> list[Path]:
    """This process's group and its ancestors, in both hierarchies."""
    found: list[Path] = []
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        base = root / "sys/fs/cgroup" / ("memory" if "memory" in controllers.split(",") else "")
        if controllers and "memory" not in controllers.split(","):
            continue
        group = base / path.lstrip("/")
        found += [group, *[parent for parent in group.parents if parent.is_relative_to(base)]]
    return found


def _kills(folder: Path) -> int:
    return max(_counter(folder / "memory.events", "oom_kill"), _counter(folder / "memory.oom_control", "oom_kill"))


def _counter(path: Path, name: str) -> int:
    return next((int(line.split()[1]) for line in _lines(path) if line.split()[:1] == [name]), 0)


def _number(path: Path) -> int | None:
    text = " ".join(_lines(path))
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
