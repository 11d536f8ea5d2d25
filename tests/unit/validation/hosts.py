"""Readings of a machine that nobody has to be busy for."""

from contextlib import contextmanager
from types import SimpleNamespace

from advisor.validation.contention import Contention

QUIET = Contention(0.01, 1.2, 1.0, 0.5, 2)
BUSY = Contention(0.12, 3.0, 1.0, 4.0, 2)


def watching(*states):
    """In place of `watch_host`: the first load meets the first state, and so on; the last one stays."""
    left = list(states)

    @contextmanager
    def watch(_server):
        state = left.pop(0) if len(left) > 1 else left[0]
        yield SimpleNamespace(contention=lambda _loads: state)

    return watch


def counted(others_s, *, wall_s=10.0, cores=2):
    """The counters of a watch in which other work used so many processor seconds, the allowance for ticks included."""
    return {"wall_s": wall_s, "cores": cores, "own_cpu_s": 5.0, "host_busy_s": 5.05 + others_s, "load_average": [1.0, 1.0, 1.0]}
