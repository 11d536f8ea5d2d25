"""A climbed ladder against what users were promised: at the first load that is at least the planned one, or where the climb broke off."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from advisor.domain.evidence import ClaimResult
from advisor.estimate.load import share_of_load
from advisor.validation.compare import judge
from advisor.validation.expectations import Expected
from advisor.validation.smoke.answer import NOT_FINISHED, Answer
from advisor.validation.smoke.ladder import Climb, pace
from advisor.validation.smoke.summary import Rung, spread
from advisor.validation.subject import Subject

_READ: Final[dict[str, Callable[[Answer], float | None]]] = {
    "ttft_p95_s": lambda answer: answer.ttft_s,
    "tpot_p95_s": lambda answer: answer.tpot_s,
    "e2e_p95_s": lambda answer: answer.e2e_s,
}

SERVICE: Final = frozenset(_READ)


@dataclass(frozen=True, slots=True)
class PlannedLoad:
    """What one replica is to bear: requests at once, and arrivals a second where the workload gives those."""

    at_once: int
    rate_per_s: float | None = None

    def reached_by(self, rung: Rung) -> bool:
        """True for a load that is at least as hard."""
        if rung.concurrency is not None:
            return rung.concurrency >= self.at_once
        return self.rate_per_s is not None and rung.rate_per_s is not None and rung.rate_per_s >= self.rate_per_s

    def words(self) -> str:
        """`4 at once`, or also by arrivals."""
        return f"{self.at_once} at once" + (f" or {self.rate_per_s:.3g} requests/s" if self.rate_per_s else "")


def planned_load(subject: Subject) -> PlannedLoad:
    """Of the busiest replica."""
    share = share_of_load(subject.demand.load, subject.planned.replicas)
    return PlannedLoad(math.ceil(subject.in_flight or 1), share.requests_per_s)


def judge_service(row: Expected, subject: Subject, shown: Climb) -> ClaimResult:
    """One speed by the workload's own requests: what is required then gates, whatever the prediction's basis; it was measured."""
    row = replace(row, gates=row.name in subject.required and row.at_most is not None)
    if not subject.same_machine:
        return judge(row, None, note="another machine than the planned one")
    value, note = measured_latency(row, shown, planned_load(subject))
    disturbed = value is not None and shown.contention.disturbed
    result = judge(row, value, note=f"disturbed: {shown.contention.words()}" if disturbed else note, trusted=not disturbed)
    return replace(result, measured=None) if value == math.inf else result


def measured_latency(row: Expected, shown: Climb, planned: PlannedLoad) -> tuple[float | None, str]:
    """The 95th percentile and what it is of; None and the reason when the ladder does not tell.

    Infinite when more than 5 % of the requests failed: a failed request is slower than every limit; one that our own time limit cut
    tells nothing. A limit that breaks below the planned load is broken at it too.
    """
    read = _READ.get(row.name)
    if read is None:
        return None, "not measured by a ladder of loads"
    for rung, answers in zip(shown.rungs, shown.answers, strict=True):
        if any(answer.error == NOT_FINISHED for answer in answers):
            return None, f"{pace(rung)}: {NOT_FINISHED}"
        value = percentile_95(answers, read)
        broken = value is not None and row.at_most is not None and value > row.at_most
        if planned.reached_by(rung) or broken:
            failed = f", {rung.failed} of them failed" if rung.failed else ""
            return value, f"{pace(rung)}, {rung.requests} requests{failed}"
    reason = f": {shown.ended}" if shown.ended else ""
    return None, f"needs {planned.words()}{reason}"


def percentile_95(answers: Sequence[Answer], read: Callable[[Answer], float | None]) -> float | None:
    """Over all requests, failed ones as infinitely slow; an answer that has no such time (one token has no TPOT) is left out."""
    values = [math.inf if answer.error else value for answer in answers if (value := read(answer)) is not None or answer.error]
    finite = spread(value for value in values if value is not None)
    if finite is None or math.inf not in values:
        return finite.p95 if finite else None
    ranked = sorted(value for value in values if value is not None)
    return ranked[math.ceil(0.95 * len(ranked)) - 1]
