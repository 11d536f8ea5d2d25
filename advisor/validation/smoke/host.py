"""Who used this machine's processors while a load ran: us and the server, or others."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import psutil

from advisor.validation.contention import Contention, judge_contention, stall_ratio
from advisor.validation.smoke.answer import Answer


@dataclass(slots=True)
class Watched:
    """What was counted between begin and end of the watch; empty until it ends, or where the server runs elsewhere."""

    told: dict[str, Any] = field(default_factory=dict)

    def contention(self, loads: Sequence[Sequence[Answer]]) -> Contention:
        """The machine's state over the loads that ran meanwhile."""
        steps = [run for answers in loads for run in _runs(answers)]
        gaps = ([gap for answer in answers if answer.error is None for gap in answer.itl_s] for answers in loads)
        return judge_contention({**self.told, "max_step_over_median": stall_ratio(gaps)}, steps)


@contextmanager
def watch_host(server: Iterable[int] | None) -> Iterator[Watched]:
    """Count while the body runs. `server` are the process ids of a server on this machine, children included by themselves.

    None: it runs elsewhere, or nobody knows where. Then only our own share is known, and contention is not judged.
    """
    watched, pids = Watched(), None if server is None else tuple(server)
    before = None if pids is None else _Counters.now(pids)
    yield watched
    if before is not None and pids is not None:
        after = _Counters.now(pids)
        watched.told = {
            "wall_s": after.wall_s - before.wall_s,
            "cores": psutil.cpu_count() or 1,
            "own_cpu_s": after.own_s(before),
            "host_busy_s": after.busy_s - before.busy_s,
            "load_average": list(psutil.getloadavg()),
        }


def listening_process(port: int) -> int | None:
    """Whose server that is, None where the system does not say."""
    with suppress(psutil.Error):
        for each in psutil.net_connections(kind="tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port and each.pid is not None:
                return int(each.pid)
    return None


@dataclass(frozen=True, slots=True)
class _Counters:
    wall_s: float
    busy_s: float
    by_process_s: dict[int, float]

    @classmethod
    def now(cls, pids: Iterable[int]) -> "_Counters":
        times = psutil.cpu_times()
        busy_s = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return cls(perf_counter(), busy_s, dict(_cpu_s([psutil.Process().pid, *pids])))

    def own_s(self, before: "_Counters") -> float:
        """Processor time of our processes since then; one that began meanwhile counts whole."""
        return sum(max(0.0, seconds - before.by_process_s.get(pid, 0.0)) for pid, seconds in self.by_process_s.items())


def _cpu_s(pids: Iterable[int]) -> Iterator[tuple[int, float]]:
    """Every process of the trees with its processor seconds; one that ended meanwhile is left out."""
    for pid in pids:
        with suppress(psutil.Error):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    yield process.pid, times.user + times.system


def _runs(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Both halves of a load as repeats of it: where their medians lie far apart, neither means anything."""
    whole = [answer for answer in answers if answer.error is None]
    middle = len(whole) // 2
    halves = (whole[:middle], whole[middle:]) if middle else (whole,)
    return [{"concurrency": id(answers), "steps_s": [gap for answer in half for gap in answer.itl_s]} for half in halves]
