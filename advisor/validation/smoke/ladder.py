"""A ladder of loads: one request at a time, then more at once, until the level breaks, something fails, or the time is up."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Final

from advisor.domain.workload import ServiceLevel
from advisor.validation.contention import Contention
from advisor.validation.smoke.answer import Answer
from advisor.validation.smoke.drive import drive
from advisor.validation.smoke.host import watch_host
from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.summary import Rung, breaches, summarise
from advisor.validation.smoke.target import Target

_ROUNDS: Final = 2  # a step is worth beginning when its warm-ups and one round of requests would end


@dataclass(frozen=True, slots=True)
class Step:
    """One rung as planned: `concurrency` at once or `rate_per_s`, after as many warm-ups as run at once."""

    requests: int
    concurrency: int | None = None
    rate_per_s: float | None = None

    @property
    def warm_ups(self) -> int:
        """Requests sent before, whose times do not count."""
        return self.concurrency or 1


@dataclass(frozen=True, slots=True)
class Ladder:
    """How far to climb: the steps in order, seconds for a step and for all of them, and what is promised.

    `stop_at_breach`: the first broken limit or failed request ends it, within a step too; else every step is taken.
    """

    steps: tuple[Step, ...]
    step_limit_s: float
    time_limit_s: float
    level: ServiceLevel
    stop_at_breach: bool = False

    @property
    def most_requests(self) -> int:
        """The most that will be sent, warm-ups included."""
        return sum(step.requests + step.warm_ups for step in self.steps)


@dataclass(frozen=True, slots=True)
class Climb:
    """What a ladder showed. `ended` says in words why it stopped before its last step, None when it did not."""

    rungs: tuple[Rung, ...]
    answers: tuple[tuple[Answer, ...], ...]  # of each rung
    contention: Contention
    ended: str | None


def closed_steps(concurrency: Iterable[int], *, requests_each: int = 4, least: int = 8) -> tuple[Step, ...]:
    """A step for each concurrency: a few requests for each of those at once, and not fewer than `least`."""
    return tuple(Step(max(least, requests_each * at_once), concurrency=at_once) for at_once in concurrency)


def climb(
    target: Target,
    ladder: Ladder,
    requests: Iterator[PlannedRequest],
    *,
    server: Iterable[int] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Climb:
    """Take the steps. `server` are the process ids of a server on this machine, for judging who used the processors.

    Raises Interrupted.
    """
    began_s = perf_counter()
    taken: list[tuple[Step, tuple[Answer, ...]]] = []
    ended = None
    with watch_host(server) as watched:
        for step in ladder.steps:
            left_s = ladder.time_limit_s - (perf_counter() - began_s)
            if left_s <= _ROUNDS * max((answer.e2e_s or 0.0 for _, answers in taken[-1:] for answer in answers), default=0.0):
                ended = ended or f"no time for {_words(step)} in the limit of {ladder.time_limit_s:g} s"
            if ended:
                break
            if progress:
                progress(_words(step))
            answers, ended = _take(target, ladder, step, requests, min(left_s, ladder.step_limit_s))
            taken.append((step, answers))
    runs = [answers for _, answers in taken if answers]
    return Climb(
        rungs=tuple(_rung(step, answers, ladder.level) for step, answers in taken if answers),
        answers=tuple(runs),
        contention=watched.contention(runs),
        ended=ended,
    )


def _take(
    target: Target, ladder: Ladder, step: Step, requests: Iterator[PlannedRequest], limit_s: float
) -> tuple[tuple[Answer, ...], str | None]:
    """Warm up, then measure; and why to stop here, if there is a reason."""
    began_s = perf_counter()
    warm = drive(
        target,
        list(islice(requests, step.warm_ups)),
        concurrency=step.warm_ups,
        time_limit_s=limit_s,
        stop_at_failure=ladder.stop_at_breach,
    )
    if fault := next((answer.error for answer in warm if answer.error), None):
        return warm, f"a warm-up failed: {fault}"
    left_s = limit_s - (perf_counter() - began_s)
    answers = drive(
        target,
        list(islice(requests, step.requests)),
        concurrency=step.concurrency,
        rate_per_s=step.rate_per_s,
        time_limit_s=left_s,
        stop_at_failure=ladder.stop_at_breach,
    )
    if not answers:
        return answers, f"{_words(step)}: no request would end within {limit_s:.3g} s"
    broken = breaches(_rung(step, answers, ladder.level), ladder.level) if ladder.stop_at_breach else None
    return answers, broken and f"{_words(step)}: {broken}"


def _rung(step: Step, answers: Sequence[Answer], level: ServiceLevel) -> Rung:
    return summarise(answers, level, concurrency=step.concurrency, rate_per_s=step.rate_per_s)


def _words(step: Step) -> str:
    return f"{step.concurrency} at once" if step.concurrency else f"{step.rate_per_s:g} requests/s"
