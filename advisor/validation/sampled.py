"""The workload's own requests in rising numbers: what is sent to a server, whoever started it, and its rows in evidence."""

import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from advisor.domain.demand import Demand
from advisor.domain.workload import ServiceLevel
from advisor.validation.planned_load import planned_at_once
from advisor.validation.smoke.ladder import Climb, Ladder, Step, closed_steps, open_steps
from advisor.validation.smoke.requests import PlannedRequest, Vocabulary, plan_requests
from advisor.validation.smoke.summary import Rung
from advisor.validation.speed_rule import LEAST_REQUESTS
from advisor.validation.subject import Subject

_REQUESTS_EACH: Final = 4
_FIRST_STEP: Final = 4  # requests one after another: a look before anything comes at once


@dataclass(frozen=True, slots=True)
class Sampling:
    """What users were promised, and the pace: requests at once (none: rising to the planned load), or Poisson arrivals a second."""

    level: ServiceLevel
    concurrency: tuple[int, ...] = ()
    rate_per_s: float | None = None
    seed: int = 0


def sampled_ladder(subject: Subject, sampling: Sampling, *, time_limit_s: float, retries: int = 0) -> Ladder:
    """It stops at the first broken limit or failed request."""
    steps = _steps(subject, sampling)
    return Ladder(steps, time_limit_s, time_limit_s, sampling.level, stop_at_breach=True, retries=retries)


def _steps(subject: Subject, sampling: Sampling) -> tuple[Step, ...]:
    if sampling.rate_per_s is not None:
        return open_steps(sampling.rate_per_s)
    planned = planned_at_once(subject)
    return tuple(
        step if (step.concurrency or 0) < planned else replace(step, requests=max(step.requests, LEAST_REQUESTS))
        for step in closed_steps(sampling.concurrency or rising(planned), requests_each=_REQUESTS_EACH, least=_FIRST_STEP)
    )


def rising(most: int) -> tuple[int, ...]:
    """Doubling from one to the most.

    >>> rising(6)
    (1, 2, 4, 6)
    """
    doubled = [2**power for power in range(max(most, 1).bit_length()) if 2**power < most]
    return (*doubled, max(most, 1))


def sampled_requests(subject: Subject, demand: Demand, *, seed: int) -> Iterator[PlannedRequest]:
    """Lengths and shared prefix as the demand has them, cut where the context of a request ends; contents new in every run."""
    return plan_requests(
        demand,
        Vocabulary(subject.candidate.model.architecture.vocab_size),
        context_tokens=subject.memory.context_per_request_tokens,
        seed=seed,
        salt=secrets.randbits(64),
    )


def why_nothing_was_answered(shown: Climb) -> str | None:
    """The first error of a ladder of which no request was answered; None where one was."""
    if any(rung.failed < rung.requests for rung in shown.rungs):
        return None
    return (shown.rungs[0].first_error if shown.rungs else shown.ended) or "nothing was sent"


def rung_row(rung: Rung) -> dict[str, Any]:
    """For evidence: without the server's own words, which may hold anything."""
    return {name: value for name, value in asdict(rung).items() if name != "first_error"}
