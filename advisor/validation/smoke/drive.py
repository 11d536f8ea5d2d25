"""Sends a load and times it: a closed loop of so many requests at once, or an open one with Poisson arrivals."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from time import perf_counter
from typing import Any, Final

from advisor.engines.interruption import noticed
from advisor.errors import Interrupted
from advisor.validation.smoke.answer import Answer
from advisor.validation.smoke.ask import Letter, ask, letter
from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.target import Target

_LOOK_FOR_SIGNALS_S: Final = 0.1


def drive(
    target: Target,
    plan: Sequence[PlannedRequest],
    *,
    concurrency: int | None = None,
    rate_per_s: float | None = None,
    time_limit_s: float,
    stop_at_failure: bool = False,
) -> tuple[Answer, ...]:
    """Send the requests and return what they got, in the order they were sent; failed ones are answers too.

    Exactly one of `concurrency` (closed loop: the next request goes out when one ends) and `rate_per_s` (open loop: Poisson arrivals).
    No request is started that would not end within the time limit, going by the longest so far, nor after a failure with
    `stop_at_failure`: there may be fewer answers than requests. What the limit cuts all the same counts as failed.
    Raises Interrupted for Ctrl-C and SIGTERM once every connection is closed.
    """
    if (concurrency is None) == (rate_per_s is None):
        raise ValueError("give one of concurrency and rate_per_s")
    letters = [letter(target, request) for request in plan]  # written before the clock starts
    run = _Run(target, time_limit_s, stop_at_failure)
    with noticed() as signals:
        asyncio.run(_unless_stopped(run.closed(letters, concurrency) if concurrency else run.open(letters, rate_per_s or 0.0), signals))
    return tuple(sorted(run.answers, key=lambda answer: answer.start_s))


async def _unless_stopped(load: Coroutine[Any, Any, None], signals: Sequence[int]) -> None:
    """Wait for the load; a signal raises Interrupted here, and not in whichever callback happens to run."""
    task = asyncio.create_task(load)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_FOR_SIGNALS_S)
            if signals:
                raise Interrupted(signals[0])
        await task
    finally:
        task.cancel()


class _Run:
    """One load under way: what came back so far, and whether there is time for more."""

    def __init__(self, target: Target, time_limit_s: float, stop_at_failure: bool) -> None:
        self._target = target
        self._began_s = perf_counter()
        self._time_limit_s = time_limit_s
        self._stop_at_failure = stop_at_failure
        self.answers: list[Answer] = []

    async def closed(self, letters: Sequence[Letter], concurrency: int) -> None:
        """So many at once until all are sent."""
        waiting = iter(letters)
        await asyncio.gather(*(self._one_after_another(waiting) for _ in range(concurrency)))

    async def _one_after_another(self, waiting: Iterator[Letter]) -> None:
        while not self._over() and (next_letter := next(waiting, None)) is not None:
            await self._send(next_letter)

    async def open(self, letters: Sequence[Letter], rate_per_s: float) -> None:
        """Each at its time, whether the ones before it have ended or not."""
        under_way: list[asyncio.Task[None]] = []
        due_s = 0.0
        for each in letters:
            due_s += each.request.gap / rate_per_s
            await asyncio.sleep(max(0.0, due_s - self._elapsed_s()))
            if self._over():
                break
            under_way.append(asyncio.create_task(self._send(each)))
        await asyncio.gather(*under_way)

    async def _send(self, each: Letter) -> None:
        left_s = self._time_limit_s - self._elapsed_s()
        self.answers.append(await ask(self._target, each, since_s=self._began_s, time_limit_s=left_s))

    def _over(self) -> bool:
        """True when another request would not end in time, or after a failure that ends the run."""
        if self._stop_at_failure and any(answer.error for answer in self.answers):
            return True
        longest_s = max((answer.e2e_s or 0.0 for answer in self.answers), default=0.0)
        return self._elapsed_s() + longest_s >= self._time_limit_s

    def _elapsed_s(self) -> float:
        return perf_counter() - self._began_s
