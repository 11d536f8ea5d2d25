"""Both engines under the same loads, one after the other, within a time budget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from advisor.domain.workload import ServiceLevel
from advisor.engines.find import FoundServer
from advisor.engines.process import Limits
from advisor.engines.server import running
from advisor.errors import TimedOut
from advisor.validation.crossover.contender import Contender, Loads
from advisor.validation.crossover.curves import Curve, Point
from advisor.validation.served.launch import program, served
from advisor.validation.smoke.ladder import Climb, Ladder, climb, closed_steps
from advisor.validation.smoke.requests import Vocabulary, plan_requests
from advisor.validation.smoke.summary import Rung
from advisor.validation.smoke.target import Target

_SILENCE_S: Final = 300.0
_LOG_BYTES: Final = 64 * 1024 * 1024
_REQUESTS_EACH: Final = 2
_LEAST_REQUESTS: Final = 4
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
class Crossover:
    """What was measured. `reduced` says in words what is not as it would be deployed."""

    model: str
    machine: str
    input_tokens: int
    output_tokens: int
    reduced: tuple[str, ...]
    curves: tuple[Curve, Curve]

    @property
    def invalid(self) -> tuple[str, ...]:
        """Why the numbers are worthless, in words; empty when they are not."""
        return tuple(f"{curve.engine}: {curve.contention.words()}" for curve in self.curves if curve.contention.disturbed)


def measure(sides: Sequence[Equipped], loads: Loads, *, budget_s: float, progress: Progress | None = None) -> tuple[Curve, ...]:
    """A curve for each side, in turn; what one leaves of the budget the next may use.

    Raises EngineFailed, TimedOut (not ready within its share), Interrupted.
    """
    curves: list[Curve] = []
    began_s = monotonic()
    for index, side in enumerate(sides):
        share_s = (budget_s - (monotonic() - began_s)) / (len(sides) - index)
        curves.append(_curve(side, loads, budget_s=share_s, progress=progress))
    return tuple(curves)


def _curve(side: Equipped, loads: Loads, *, budget_s: float, progress: Progress | None) -> Curve:
    one, began_s = side.contender, monotonic()
    planned = replace(served(one.planned, one.runtime, side.found, side.model_path), extra=side.extra)
    name = f"{one.candidate.runtime.runtime} ({one.record.title} {side.version})"
    limits = Limits(time_s=float(round(budget_s)), silence_s=min(budget_s, _SILENCE_S), output_bytes=_LOG_BYTES)
    _say(progress, f"{one.engine}: starting")
    with running(program(planned, name=name), limits=limits) as server:
        left_s = budget_s - (monotonic() - began_s)
        target = Target(server.base_url, planned.model_name, api_key=planned.key or None)
        found = _climb(side, target, loads, server_pid=server.pid, left_s=left_s, progress=progress)
        start_s = server.ready_s
    if not found.rungs:
        raise TimedOut(
            f"{name}: not one load was measured in {budget_s:.0f} s: allow more with --time-limit, or cut the model with --layers"
        )
    points = tuple(_point(rung, one, loads) for rung in found.rungs)
    runtime = one.candidate.runtime.runtime
    return Curve(one.engine, runtime, side.version, one.quantization.id, start_s, points, found.contention, found.ended)


def _climb(side: Equipped, target: Target, loads: Loads, *, server_pid: int, left_s: float, progress: Progress | None) -> Climb:
    steps = closed_steps(sorted(loads.concurrency), requests_each=_REQUESTS_EACH, least=_LEAST_REQUESTS)
    ladder = Ladder(steps, step_limit_s=left_s, time_limit_s=left_s, level=ServiceLevel())
    vocabulary = Vocabulary(side.contender.candidate.model.architecture.vocab_size)
    requests = plan_requests(loads.demand(1), vocabulary, context_tokens=loads.request_tokens, seed=_SEED, salt=_SALT)
    engine = side.contender.engine
    return climb(target, ladder, requests, server=[server_pid], progress=lambda words: _say(progress, f"{engine}: {words}"))


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
