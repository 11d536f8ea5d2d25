"""Who used this machine's processors while a load ran: us and the server, or others."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import psutil

from advisor.validation.contention import Contention, judge_contention, stall_ratio
from advisor.validation.smoke.answer import Answer

_OWN: Final = ("user", "system", "children_user", "children_system")
_WORKED: Final = ("user", "nice", "system", "steal")


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
            "cores": len(_ours()),
            "own_cpu_s": after.own_s - before.own_s,
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
    own_s: float

    @classmethod
    def now(cls, pids: Iterable[int]) -> "_Counters":
        return cls(perf_counter(), _busy_s(), sum(_cpu_s([psutil.Process().pid, *pids]).values()))


def _ours() -> Sequence[int]:
    """The processors that we and what we start may use: what others do on the rest is no matter."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(psutil.cpu_count() or 1)


def _busy_s() -> float:
    """Seconds in which our processors worked for any process, or were taken away from this machine (steal).

    Interrupts are left out: they are nobody's process, and here mostly the traffic of our own requests.
    """
    processors = psutil.cpu_times(percpu=True)
    counted = (processors[number] for number in _ours() if number < len(processors))
    return float(sum(getattr(times, kind, 0.0) for times in counted for kind in _WORKED))


def _cpu_s(pids: Iterable[int]) -> dict[int, float]:
    """Processor seconds of every process of the trees, each once: a server that we started is below us too.

    Those of its children that have ended are a process's own, so the sum loses none that ends.
    """
    found: dict[int, float] = {}
    for pid in pids:
        with suppress(psutil.Error):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    found[process.pid] = sum(getattr(times, kind, 0.0) for kind in _OWN)
    return found


def _runs(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Both halves of a load as repeats of it: where their medians lie far apart, neither means anything.

    Of whole answers: single gaps are no measure where several tokens come in one piece.
    """
    whole = [answer for answer in answers if answer.tpot_s is not None]
    middle = len(whole) // 2
    halves = (whole[:middle], whole[middle:]) if middle else (whole,)
    return [{"concurrency": id(answers), "steps_s": [answer.tpot_s for answer in half]} for half in halves]
