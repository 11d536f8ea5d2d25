"""Who used the processors: counted by process, judged by one limit, measured again a bounded number of times."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from advisor.validation.contention import OTHERS_SHARE_LIMIT, Contention, judge_contention, pooled, undisturbed, worst
from advisor.validation.load import SmokeLoad
from advisor.validation.served import repeats
from advisor.validation.smoke import host

from .conftest import run_row
from .hosts import BUSY, QUIET, counted

LIMIT_S = OTHERS_SHARE_LIMIT * 10.0 * 2  # of the counters in `counted`


@pytest.mark.parametrize(("others_s", "disturbed"), [(0.0, False), (LIMIT_S - 0.01, False), (LIMIT_S + 0.01, True)])
def test_one_limit_on_what_others_used(others_s, disturbed):
    assert judge_contention(counted(others_s), []).disturbed is disturbed


def test_a_tick_of_a_counter_is_nobodys():
    brief = {"wall_s": 0.1, "cores": 2, "own_cpu_s": 0.02, "host_busy_s": 0.06, "load_average": None}
    assert judge_contention(brief, []).others_share == 0.0


def test_several_watches_are_one():
    both = pooled([counted(1.0), {}, counted(3.0)])
    assert (both["wall_s"], both["cores"], both["own_cpu_s"]) == (20.0, 2, 10.0)
    assert judge_contention(both, []).others_share == pytest.approx(0.1, abs=0.01)
    assert pooled([]) == pooled([{}]) == {}


def test_the_worst_of_several_counts():
    assert worst([QUIET, BUSY]) == BUSY
    assert worst([QUIET, Contention(None, None, 9.0, None, None)]).disturbed
    assert worst([]) == Contention(None, None, None, None, None)


# ---- again


def again(readings, *, retries=2, left_s=1e9):
    """How many were taken, the one that counts, and what was said."""
    taken, said = [], []

    def measure():
        taken.append(readings[len(taken)])
        return taken[-1]

    found = undisturbed(measure, disturbed=lambda one: one or None, retries=retries, left_s=lambda: left_s, say=said.append)
    return len(taken), found, said


@pytest.mark.parametrize(
    ("readings", "taken", "counts"),
    [
        (["", "busy"], 1, ""),
        (["busy", "", "busy"], 2, ""),
        (["busy", "busy", ""], 3, ""),
        (["busy", "busier", "still", ""], 3, "still"),
    ],
)
def test_a_bounded_number_of_times(readings, taken, counts):
    count, found, said = again(readings)
    assert (count, found) == (taken, counts)
    assert said == [f"again ({number + 1} of 2): {readings[number]}" for number in range(taken - 1)]


def test_not_without_time_and_not_when_nobody_asked():
    assert again(["busy", ""], left_s=0.0) == (1, "busy", [])
    assert again(["busy", ""], retries=0) == (1, "busy", [])


# ---- counters


class Process:
    """One of a tree, with its processor seconds and those of children that ended."""

    def __init__(self, pid=1, *, own_s=0.0, ended_s=0.0, children=()):
        self.pid, self._times, self._children = pid, (own_s, ended_s), children

    def cpu_times(self):
        own_s, ended_s = self._times
        return SimpleNamespace(user=own_s, system=0.0, children_user=ended_s, children_system=0.0)

    def children(self, recursive):
        return list(self._children)


def processor(user, **others):
    return SimpleNamespace(**{"user": user, "system": 0.0, "nice": 0.0, "steal": 0.0, "softirq": 0.0, "irq": 0.0, "idle": 5.0, **others})


def watched(monkeypatch, before, after):
    """Seconds of others between two readings; each reading of the clock is one of the machine."""
    ahead, now = iter((before, after)), {}
    monkeypatch.setattr(host, "perf_counter", lambda: now.update(next(ahead)) or 0.0)
    monkeypatch.setattr(host.psutil, "Process", lambda pid=None: now["server"] if pid == 7 else now["client"])
    monkeypatch.setattr(host.psutil, "cpu_times", lambda percpu: now["processors"])
    monkeypatch.setattr(host, "_ours", lambda: [0, 1])
    with host.watch_host([7]) as seen:
        pass
    return seen.told["host_busy_s"] - seen.told["own_cpu_s"]


def reading(server, *processors, client_s=0.0):
    """The server is a child of ours, as one that we started is."""
    return {
        "client": Process(1, own_s=client_s, children=[server, *server.children(recursive=True)]),
        "server": server,
        "processors": processors,
    }


def test_a_server_of_ours_counts_once(monkeypatch):
    before, after = (reading(Process(7, own_s=used), processor(total), processor(0.0)) for used, total in ((0.0, 0.0), (4.0, 10.0)))
    assert watched(monkeypatch, before, after) == pytest.approx(6.0)


def test_the_engine_and_our_client_are_not_others(monkeypatch):
    before = reading(Process(7, own_s=10.0, children=[Process(2, own_s=3.0)]), processor(50.0), processor(50.0), client_s=1.0)
    after = reading(Process(7, own_s=14.0, children=[Process(2, own_s=8.0)]), processor(56.0), processor(55.0), client_s=3.0)
    assert watched(monkeypatch, before, after) == pytest.approx(0.0)


def test_a_helper_of_the_engine_that_ended_is_still_its_own(monkeypatch):
    before = reading(Process(7, own_s=10.0, children=[Process(2, own_s=3.0)]), processor(50.0), processor(50.0))
    after = reading(Process(7, own_s=10.0, ended_s=6.0), processor(53.0), processor(50.0))
    assert watched(monkeypatch, before, after) == pytest.approx(0.0)


def test_steal_and_niced_work_are_others_and_interrupts_are_nobody(monkeypatch):
    before, after = (reading(Process(7, own_s=0.0), processor(1.0), last) for last in (processor(1.0), processor(1.0, steal=2.0, nice=1.0)))
    assert watched(monkeypatch, before, after) == pytest.approx(3.0)
    interrupted = reading(Process(7, own_s=0.0), processor(1.0), processor(1.0, softirq=4.0, irq=4.0))
    assert watched(monkeypatch, before, interrupted) == pytest.approx(0.0)


def test_processors_that_are_not_ours_do_not_count(monkeypatch):
    before, after = (reading(Process(), processor(1.0), processor(1.0), processor(last)) for last in (1.0, 90.0))
    assert watched(monkeypatch, before, after) == pytest.approx(0.0)


# ---- the steps that were predicted


class Taker:
    """Rows, one after another."""

    def __init__(self, **changes):
        self.taken, self._changes = [], changes

    def row(self, load, sequences, repeat):
        self.taken.append((sequences, repeat))
        return run_row(sequences, repeat, **self._changes)


@pytest.fixture
def met(monkeypatch):
    """Counters that the steps meet, the last one for ever."""

    def meet(*told):
        left = list(told)

        @contextmanager
        def watch(_server):
            yield SimpleNamespace(told=left.pop(0) if len(left) > 1 else left[0])

        monkeypatch.setattr(repeats, "watch_host", watch)

    return meet


def repeated(taker, *, said=None, left_s=1e9):
    load = SmokeLoad((1, 4), prompt_tokens=20, output_tokens=5, repeats=2)
    return repeats.repeated(taker, load, server_pid=1, left_s=lambda: left_s, progress=None if said is None else said.append)


def test_only_the_disturbed_step_is_taken_again(met):
    met(counted(0.0), counted(9.0), counted(0.0))
    taker, said = Taker(), []
    rows = repeated(taker, said=said)
    assert taker.taken == [(1, 1), (4, 1), (4, 1), (1, 2), (4, 2)]
    assert [(row["concurrency"], row["repeat"]) for row in rows] == [(1, 1), (4, 1), (1, 2), (4, 2)]
    assert not judge_contention(pooled(row["host"] for row in rows), rows).disturbed
    told = [json.loads(line) for line in said]
    assert [one["concurrency"] for one in told] == [1, 4, 4, 1, 4]
    assert [one.get("again", "")[:15] for one in told] == ["", "", "again (1 of 2):", "", ""]


def test_a_machine_that_stays_busy_ends_it_invalid(met):
    met(counted(9.0))
    taker = Taker()
    rows = repeated(taker)
    assert len(taker.taken) == 4 * 3
    assert judge_contention(pooled(row["host"] for row in rows), rows).disturbed


def test_what_the_deadline_cut_is_not_taken_again(met):
    met(counted(9.0))
    taker = Taker(complete=False)
    repeated(taker)
    assert len(taker.taken) == 4
