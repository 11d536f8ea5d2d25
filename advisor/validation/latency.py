"""Latency of measured loads against a claim: at the first load that is at least the planned one, or where the limit broke before."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from advisor.domain.evidence import ClaimResult, Decides
from advisor.validation.compare import judge
from advisor.validation.expectations import Expected
from advisor.validation.smoke.answer import NOT_FINISHED, Answer
from advisor.validation.smoke.summary import Rung, spread
from advisor.validation.speed_rule import LEAST_REQUESTS, decision

Read = Callable[[Answer], float | None]
_READ: Final[dict[str, Read]] = {
    "ttft_p95_s": lambda answer: answer.ttft_s,
    "tpot_p95_s": lambda answer: answer.tpot_s,
    "e2e_p95_s": lambda answer: answer.e2e_s,
}


@dataclass(frozen=True, slots=True)
class MeasuredLoad:
    """One load with its answers, and in words in what it was easier and in what harder than the planned one; empty where it was not."""

    rung: Rung
    answers: tuple[Answer, ...]
    easier: tuple[str, ...] = ()
    harder: tuple[str, ...] = ()

    @property
    def pace(self) -> str:
        """`4 at once` of a closed loop, `2.5 requests/s` of an open one."""
        return f"{self.rung.concurrency} at once" if self.rung.concurrency else f"{self.rung.rate_per_s or 0:g} requests/s"

    @property
    def words(self) -> str:
        """`4 at once, 16 requests, 1 of them failed`."""
        failed = f", {self.rung.failed} of them failed" if self.rung.failed else ""
        return f"{self.pace}, {self.rung.requests} requests{failed}"


@dataclass(frozen=True, slots=True)
class Latency:
    """A 95th percentile, what it is of, and which way it may decide; no value and the reason where the loads do not tell."""

    value: float | None
    note: str
    decides: Decides = "both"


def measured_latency(row: Expected, loads: Sequence[MeasuredLoad], *, nothing_harder: str) -> Latency:
    """Of loads in rising order. `nothing_harder` says why none of them is like the planned one, for where that is so.

    Infinite when more than 5 % of the requests failed. A limit that breaks below the planned load is broken at it too.
    """
    read = _READ.get(row.name)
    if read is None:
        return Latency(None, "not measured by a ladder of loads")
    for load in loads:
        value = _percentile_of(load, read, row.at_most)
        if value is None and _unfinished(load):
            return Latency(None, f"{load.pace}: {NOT_FINISHED}")
        enough = len(load.answers) >= LEAST_REQUESTS
        broken = _breaks(value, row.at_most) and (enough or _breaks(_median(load, read), row.at_most))
        if not load.easier or broken:
            decides = decision(proof=enough and not load.easier, refutation=(enough or broken) and not load.harder)
            return Latency(value, _note(load, decides, enough=enough), decides)
    return Latency(None, nothing_harder)


def judge_latency(row: Expected, seen: Latency) -> ClaimResult:
    """The row with what was seen; no file has a word for an infinite latency."""
    result = judge(row, seen.value, note=seen.note, decides=seen.decides)
    return replace(result, measured=None) if seen.value == math.inf else result


def _breaks(value: float | None, at_most: float | None) -> bool:
    return value is not None and at_most is not None and value > at_most


def _note(load: MeasuredLoad, decides: Decides, *, enough: bool) -> str:
    """What was measured, and what of the planned load it is not."""
    apart = [*load.easier, *load.harder]
    few = [] if enough or decides == "refutation" else [f"a 95th percentile takes {LEAST_REQUESTS} requests"]
    return "; ".join([load.words, *apart, *few])


def _percentile_of(load: MeasuredLoad, read: Read, at_most: float | None) -> float | None:
    """With the unfinished requests as slow as can be where the limit holds even so, and without them where it breaks even so."""
    worst = percentile_95(load.answers, read)
    if not _unfinished(load) or (worst is not None and at_most is not None and worst <= at_most):
        return worst
    best = percentile_95([answer for answer in load.answers if answer.error != NOT_FINISHED], read)
    return best if _breaks(best, at_most) else None


def _unfinished(load: MeasuredLoad) -> bool:
    return any(answer.error == NOT_FINISHED for answer in load.answers)


def _median(load: MeasuredLoad, read: Read) -> float | None:
    ranked = _ranked(load.answers, read)
    return ranked[(len(ranked) - 1) // 2] if ranked else None


def percentile_95(answers: Sequence[Answer], read: Read) -> float | None:
    """Over all requests, failed ones as infinitely slow; an answer that has no such time (one token has no TPOT) is left out."""
    ranked = _ranked(answers, read)
    if ranked and math.isinf(ranked[-1]):
        return ranked[math.ceil(0.95 * len(ranked)) - 1]
    finite = spread(ranked)
    return finite.p95 if finite else None


def _ranked(answers: Sequence[Answer], read: Read) -> list[float]:
    times = [math.inf if answer.error else read(answer) for answer in answers]
    return sorted(seconds for seconds in times if seconds is not None)
