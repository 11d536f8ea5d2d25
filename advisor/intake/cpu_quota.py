"""How many cores the kernel lets this process use at once: the CPU quota of its control group, v2 and v1, and of every group above."""

from collections.abc import Iterator
from pathlib import Path


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Cores; None without a limit.

    v2: cpu.max holds `quota period` (docs.kernel.org/admin-guide/cgroup-v2.html), v1: cpu.cfs_quota_us and cpu.cfs_period_us.
    """
    limits = [limit for folder in _folders(root) if (limit := _v2(folder) or _v1(folder)) is not None]
    return min(limits, default=None)


def _folders(root: Path) -> Iterator[Path]:
    """This process's groups and those above; of a container whose own group is mounted at the top, that."""
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        for base in [mount / name for name in (controllers, "cpu")] if controllers else [mount]:
            group = base / path.lstrip("/")
            yield from (group, *(parent for parent in group.parents if parent.is_relative_to(base)))


def _v2(folder: Path) -> float | None:
    return _ratio(*(*_text(folder / "cpu.max").split(), "", "")[:2])


def _v1(folder: Path) -> float | None:
    return _ratio(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _ratio(quota: str, period: str) -> float | None:
    """`max` and -1 mean no limit."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) > 0 and int(quota) > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
