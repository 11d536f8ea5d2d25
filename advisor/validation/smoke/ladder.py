"""A ladder of loads: one request at a time, then more at once, until the level breaks, something fails, or the time is up."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Final

from advisor.domain.workload import ServiceLevel
from advisor.validation.contention import Contention, undisturbed, worst
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
    `retries`: so many times a step is taken again that other work on this machine disturbed.
    """

    steps: tuple[Step, ...]
    step_limit_s: float
    time_limit_s: float
    level: ServiceLevel
    stop_at_breach: bool = False
    retries: int = 0

    @property
    def most_requests(self) -> int:
        """The most that will be sent when nothing is disturbed, warm-ups included."""
        return sum(step.requests + step.warm_ups for step in self.steps)


@dataclass(frozen=True, slots=True)
class Climb:
    """What a ladder showed. `ended` says in words why it stopped before its last step, None when it did not."""

    rungs: tuple[Rung, ...]
    answers: tuple[tuple[Answer, ...], ...]  # of each rung
    contention: Contention  # the worst of the rungs
    ended: str | None


def closed_steps(concurrency: Iterable[int], *, requests_each: int = 4, least: int = 8) -> tuple[Step, ...]:
    """A step for each concurrency: a few requests for each of those at once, and not fewer than `least`."""
    return tuple(Step(max(least, requests_each * at_once), concurrency=at_once) for at_once in concurrency)


def open_steps(rate_per_s: float, *, for_s: float = 30.0, least: int = 20, most: int = 100) -> tuple[Step, ...]:
    """A look at requests one after another, then Poisson arrivals for about `for_s` seconds, `least` to `most` of them."""
    return (*closed_steps((1,), least=4), Step(min(most, max(least, math.ceil(rate_per_s * for_s))), rate_per_s=rate_per_s))


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
    climbing = _Climbing(target, ladder, requests, None if server is None else tuple(server), progress or (lambda words: None))
    taken: list[_Taken] = []
    ended = None
    for step in ladder.steps:
        if ended is None and climbing.left_s() <= _ROUNDS * _longest_s(taken[-1:]):
            ended = f"no time for {pace(step)} in the limit of {ladder.time_limit_s:.3g} s"
        if ended is not None:
            break
        taken.append(one := climbing.take(step))
        ended = one.ended
    shown = [one for one in taken if one.answers]
    return Climb(
        rungs=tuple(_rung(one.step, one.answers, ladder.level) for one in shown),
        answers=tuple(one.answers for one in shown),
        contention=worst(one.contention for one in shown),
        ended=ended,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """One step: its answers, why to stop there if there is a reason, and the machine's state meanwhile."""

    step: Step
    answers: tuple[Answer, ...]
    ended: str | None
    contention: Contention

    @property
    def disturbed(self) -> str | None:
        """By what, where taking it again may show something else: a request that failed is the server's doing."""
        failed = any(answer.error for answer in self.answers)
        return self.contention.words() if self.contention.disturbed and not failed else None


def _longest_s(taken: Iterable[_Taken]) -> float:
    return max((answer.e2e_s or 0.0 for one in taken for answer in one.answers), default=0.0)


@dataclass(frozen=True, slots=True)
class _Climbing:
    """A ladder under way since `began_s`."""

    target: Target
    ladder: Ladder
    requests: Iterator[PlannedRequest]
    server: tuple[int, ...] | None
    say: Callable[[str], None]
    began_s: float = field(default_factory=perf_counter)

    def left_s(self) -> float:
        """Of the time for all steps."""
        return self.ladder.time_limit_s - (perf_counter() - self.began_s)

    def take(self, step: Step) -> _Taken:
        """Once, and again while it is disturbed."""
        self.say(pace(step))
        return undisturbed(
            partial(self._take, step),
            disturbed=lambda one: one.disturbed,
            retries=self.ladder.retries,
            left_s=self.left_s,
            say=lambda words: self.say(f"{pace(step)} {words}"),
        )

    def _take(self, step: Step) -> _Taken:
        """Warm up, then measure."""
        limit_s, began_s = min(self.left_s(), self.ladder.step_limit_s), perf_counter()
        warm = self._drive(Step(step.warm_ups, concurrency=step.warm_ups), limit_s)
        if fault := next((answer.error for answer in warm if answer.error), None):
            return _Taken(step, warm, f"a warm-up failed: {fault}", worst(()))
        with watch_host(self.server) as watched:
            answers = self._drive(step, limit_s - (perf_counter() - began_s))
        if not answers:
            return _Taken(step, answers, f"{pace(step)}: no request would end within {limit_s:.3g} s", worst(()))
        broken = breaches(_rung(step, answers, self.ladder.level), self.ladder.level) if self.ladder.stop_at_breach else None
        return _Taken(step, answers, broken and f"{pace(step)}: {broken}", watched.contention([answers]))

    def _drive(self, step: Step, limit_s: float) -> tuple[Answer, ...]:
        return drive(
            self.target,
            list(islice(self.requests, step.requests)),
            concurrency=step.concurrency,
            rate_per_s=step.rate_per_s,
            time_limit_s=limit_s,
            stop_at_failure=self.ladder.stop_at_breach,
        )


def _rung(step: Step, answers: Sequence[Answer], level: ServiceLevel) -> Rung:
    return summarise(answers, level, concurrency=step.concurrency, rate_per_s=step.rate_per_s)


def pace(load: Step | Rung) -> str:
    """`4 at once`, `0.5 requests/s`."""
    return f"{load.concurrency} at once" if load.concurrency else f"{load.rate_per_s:g} requests/s"
