"""Latency of a climbed ladder against a claim: at the first load that is at least the planned one, or where the climb broke off."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from advisor.validation.expectations import Expected
from advisor.validation.smoke.answer import NOT_FINISHED, Answer
from advisor.validation.smoke.ladder import Climb
from advisor.validation.smoke.summary import spread

_READ: Final[dict[str, Callable[[Answer], float | None]]] = {
    "ttft_p95_s": lambda answer: answer.ttft_s,
    "tpot_p95_s": lambda answer: answer.tpot_s,
    "e2e_p95_s": lambda answer: answer.e2e_s,
}


def measured_latency(row: Expected, shown: Climb, *, planned: int) -> tuple[float | None, str]:
    """The 95th percentile and what it is of; None and the reason when the ladder does not tell.

    Infinite when more than 5 % of the requests failed: a failed request is slower than every limit; one that our own time limit cut
    tells nothing. A limit that breaks below the planned load is broken at it too.
    """
    read = _READ.get(row.name)
    if read is None:
        return None, "not measured by a ladder of loads"
    for rung, answers in zip(shown.rungs, shown.answers, strict=True):
        if any(answer.error == NOT_FINISHED for answer in answers):
            return None, f"{rung.concurrency} at once: {NOT_FINISHED}"
        value = percentile_95(answers, read)
        broken = value is not None and row.at_most is not None and value > row.at_most
        if (rung.concurrency or 0) >= planned or broken:
            failed = f", {rung.failed} of them failed" if rung.failed else ""
            return value, f"{rung.concurrency} at once, {rung.requests} requests{failed}"
    reason = f": {shown.ended}" if shown.ended else ""
    return None, f"needs {planned} at once{reason}"


def percentile_95(answers: Sequence[Answer], read: Callable[[Answer], float | None]) -> float | None:
    """Over all requests, failed ones as infinitely slow; an answer that has no such time (one token has no TPOT) is left out."""
    values = [math.inf if answer.error else value for answer in answers if (value := read(answer)) is not None or answer.error]
    finite = spread(value for value in values if value is not None)
    if finite is None or math.inf not in values:
        return finite.p95 if finite else None
    ranked = sorted(value for value in values if value is not None)
    return ranked[math.ceil(0.95 * len(ranked)) - 1]
