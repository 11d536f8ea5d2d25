"""The steps that were predicted, taken several times each, and again where other work on this machine disturbed one."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from advisor.validation.contention import RETRIES, judge_contention, undisturbed
from advisor.validation.load import SmokeLoad
from advisor.validation.smoke.host import watch_host

_COUNTERS: Final = "host"
Row = dict[str, Any]


class Taker(Protocol):
    """Takes one step at so many requests at once, and tells it as a validator does."""

    def row(self, load: SmokeLoad, sequences: int, repeat: int) -> Row:
        """One row."""


def repeated(
    taker: Taker, load: SmokeLoad, *, server_pid: int, left_s: Callable[[], float], progress: Callable[[str], None] | None = None
) -> list[Row]:
    """A row a repeat and concurrency, each with the `host` counters of its time. Repeats are the outer loop: a stall hits one row of each.

    Raises EngineFailed, TimedOut.
    """
    rows = []
    for repeat in range(1, load.repeats + 1):
        for sequences in load.concurrency:
            say = partial(_say, progress, sequences, repeat)
            say()
            measure = partial(_watched, taker, load, sequences, repeat, server_pid)
            rows.append(undisturbed(measure, disturbed=_disturbed, retries=RETRIES, left_s=left_s, say=say))
    return rows


def _watched(taker: Taker, load: SmokeLoad, sequences: int, repeat: int, server_pid: int) -> Row:
    with watch_host([server_pid]) as host:
        row = taker.row(load, sequences, repeat)
    return {**row, _COUNTERS: host.told}


def _disturbed(row: Row) -> str | None:
    """By what; a row that the deadline cut is not taken again."""
    state = judge_contention(row[_COUNTERS], [row])
    return state.words() if state.disturbed and row["complete"] else None


def _say(progress: Callable[[str], None] | None, sequences: int, repeat: int, why: str = "") -> None:
    if progress is not None:
        told = {"progress": "benchmark", "concurrency": sequences, "repeat": repeat}
        progress(json.dumps({**told, "again": why} if why else told))
