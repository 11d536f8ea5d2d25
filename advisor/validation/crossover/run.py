"""Both engines under the same loads, one after the other, within a time budget."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from advisor.domain.workload import ServiceLevel
from advisor.engines.find import FoundServer
from advisor.engines.process import Limits
from advisor.engines.server import Server, running
from advisor.errors import AdvisorError, EngineFailed, Interrupted, TimedOut
from advisor.validation.contention import RETRIES
from advisor.validation.crossover.contender import Contender, Loads
from advisor.validation.crossover.curves import Curve, Point
from advisor.validation.served.launch import program, served
from advisor.validation.smoke.answer import NOT_FINISHED
from advisor.validation.smoke.ladder import Climb, Ladder, Step, climb, pace
from advisor.validation.smoke.requests import Vocabulary, plan_requests
from advisor.validation.smoke.summary import Rung
from advisor.validation.smoke.target import Target

_LOG_BYTES: Final = 64 * 1024 * 1024
_SEED: Final = 1
_SALT: Final = 7
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Equipped:
    """A contender with what it runs on here: the engine's program, the model's file or folder, flags beyond the rendered ones."""

    contender: Contender
    found: FoundServer
    version: str
    model_path: str
    extra: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one engine was not measured, or not to the end."""

    engine: str
    error: AdvisorError


@dataclass(frozen=True, slots=True)
class Crossover:
    """What was measured. `reduced` says in words what is not as it would be deployed; an engine that failed may have no curve."""

    model: str
    machine: str
    input_tokens: int
    output_tokens: int
    reduced: tuple[str, ...]
    curves: tuple[Curve, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def invalid(self) -> tuple[str, ...]:
        """Why the numbers are worthless, in words; empty when they are not."""
        return tuple(f"{curve.engine}: {curve.contention.words()}" for curve in self.curves if curve.contention.disturbed)

    @property
    def exit_code(self) -> int:
        """Of the last fault (an interruption ends it), else 5 for numbers that are worthless."""
        if self.faults:
            return self.faults[-1].error.exit_code
        return TimedOut.exit_code if self.invalid else 0


def measure(
    sides: Sequence[Equipped], loads: Loads, *, budget_s: float, progress: Progress | None = None
) -> tuple[tuple[Curve, ...], tuple[Fault, ...]]:
    """A curve for each side, in turn, and why one is missing or short. What one leaves of the budget the next may use.

    A side that fails does not take the other's curve with it; an interruption ends the run and keeps what was measured.
    """
    curves: list[Curve] = []
    faults: list[Fault] = []
    began_s = monotonic()
    for index, side in enumerate(sides):
        try:
            share_s = share_of_budget(sides[index:], loads, left_s=budget_s - (monotonic() - began_s))
            with _started(side, budget_s=share_s, progress=progress) as started:
                found = _climb(side, started, loads, progress=progress)
                if found.rungs:
                    curves.append(_curve(side, found, loads, start_s=started.server.ready_s))
                _require_answers(found, _name(side))
        except AdvisorError as error:
            faults.append(Fault(side.contender.engine, error))
            if isinstance(error, Interrupted):
                break
    return tuple(curves), tuple(faults)


def share_of_budget(sides: Sequence[Equipped], loads: Loads, *, left_s: float) -> float:
    """Seconds for the first of these sides: what is left, in proportion to what each is expected to take at the slow end.

    An engine that compiles before it serves needs minutes where another needs seconds: equal shares would starve it. Nor is anyone
    left with less than half of an equal share.
    """
    expected_s = [side.contender.slowest_s(loads) for side in sides]
    return left_s * max(expected_s[0] / sum(expected_s), 0.5 / len(sides))


@dataclass(frozen=True, slots=True)
class _Started:
    """A server that is ready, what it calls its model and its key, and when its time is up."""

    server: Server
    target: Target
    deadline_s: float


@contextmanager
def _started(side: Equipped, *, budget_s: float, progress: Progress | None) -> Iterator[_Started]:
    """Within its share of the time, however long it says nothing: a compiler may be silent for minutes."""
    one, deadline_s = side.contender, monotonic() + budget_s
    planned = replace(served(one.planned, one.runtime, side.found, side.model_path), extra=side.extra)
    limits = Limits(time_s=float(round(budget_s)), silence_s=math.inf, output_bytes=_LOG_BYTES)
    _say(progress, f"{one.engine}: starting, ready within {budget_s:.0f} s")
    with running(program(planned, name=_name(side)), limits=limits) as server:
        yield _Started(server, Target(server.base_url, planned.model_name, api_key=planned.key or None), deadline_s)


def _curve(side: Equipped, found: Climb, loads: Loads, *, start_s: float) -> Curve:
    one = side.contender
    points = tuple(_point(rung, one, loads) for rung in found.rungs)
    runtime, quantization = one.candidate.runtime.runtime, one.quantization.id
    return Curve(one.engine, runtime, side.version, quantization, start_s, points, found.contention, found.ended)


def _require_answers(found: Climb, name: str) -> None:
    """A load of which nothing was answered is the engine's failure, whatever it served before. What our own time cut is not."""
    if not found.rungs:
        raise TimedOut(f"{name}: not one load was measured in its time: allow more with --time-limit, or cut the model with --layers")
    lost = next((rung for rung in found.rungs if rung.failed == rung.requests and rung.first_error != NOT_FINISHED), None)
    if lost is not None:
        raise EngineFailed(f"{name}: {pace(lost)}: no request was answered: {lost.first_error}")


def _climb(side: Equipped, started: _Started, loads: Loads, *, progress: Progress | None) -> Climb:
    steps = tuple(Step(loads.requests(at_once), concurrency=at_once) for at_once in sorted(loads.concurrency))
    left_s = max(0.0, started.deadline_s - monotonic())
    ladder = Ladder(steps, step_limit_s=left_s, time_limit_s=left_s, level=ServiceLevel(), retries=RETRIES)
    vocabulary = Vocabulary(side.contender.candidate.model.architecture.vocab_size)
    requests = plan_requests(loads.demand(1), vocabulary, context_tokens=loads.request_tokens, seed=_SEED, salt=_SALT)
    engine = side.contender.engine
    return climb(started.target, ladder, requests, server=[started.server.pid], progress=lambda words: _say(progress, f"{engine}: {words}"))


def _name(side: Equipped) -> str:
    one = side.contender
    return f"{one.candidate.runtime.runtime} ({one.record.title} {side.version})"


def _point(rung: Rung, one: Contender, loads: Loads) -> Point:
    at_once = rung.concurrency or 1
    return Point(
        concurrency=at_once,
        output_tokens_per_s=rung.output_tokens_per_s,
        ttft_s=rung.ttft_s.p50 if rung.ttft_s else None,
        tpot_s=rung.tpot_s.p50 if rung.tpot_s else None,
        failed=rung.failed,
        predicted=one.predicted(loads, at_once),
    )


def _say(progress: Progress | None, words: str) -> None:
    if progress is not None:
        progress(words)
