"""A climbed ladder of the workload's own requests against what users were promised."""

from dataclasses import dataclass, replace

from advisor.domain.evidence import ClaimResult
from advisor.estimate.load import share_of_load
from advisor.validation.compare import judge
from advisor.validation.expectations import Expected
from advisor.validation.latency import MeasuredLoad, judge_latency, measured_latency
from advisor.validation.planned_load import planned_at_once
from advisor.validation.smoke.answer import Answer
from advisor.validation.smoke.ladder import Climb
from advisor.validation.smoke.summary import Rung
from advisor.validation.subject import Subject


@dataclass(frozen=True, slots=True)
class PlannedLoad:
    """What one replica is to bear: requests at once, and arrivals a second where the workload gives those."""

    at_once: int
    rate_per_s: float | None = None

    @property
    def words(self) -> str:
        """`4 at once`, or also by arrivals."""
        return f"{self.at_once} at once" + (f" or {self.rate_per_s:.3g} requests/s" if self.rate_per_s else "")

    def compared(self, rung: Rung, answers: tuple[Answer, ...]) -> MeasuredLoad:
        """A load whose requests are the planned ones: only their pace sets it apart. Arrivals, where none are planned, tell nothing."""
        planned = self.at_once if rung.concurrency is not None else self.rate_per_s
        pace = rung.concurrency if rung.concurrency is not None else rung.rate_per_s
        if planned is None or pace is None:
            return MeasuredLoad(rung, answers, easier=(f"{self.words} planned",), harder=("no arrivals are planned",))
        words = (f"{planned:g} planned",)
        return MeasuredLoad(rung, answers, easier=words if pace < planned else (), harder=words if pace > planned else ())


def planned_load(subject: Subject) -> PlannedLoad:
    """Of the busiest replica."""
    share = share_of_load(subject.demand.load, subject.planned.replicas)
    return PlannedLoad(planned_at_once(subject), share.requests_per_s)


def judge_service(row: Expected, subject: Subject, shown: Climb) -> ClaimResult:
    """One speed by the workload's own requests: what is required then gates, whatever the prediction's basis; it was measured."""
    row = replace(row, gates=row.name in subject.required and row.at_most is not None)
    if not subject.same_machine:
        return judge(row, None, note="another machine than the planned one")
    planned, ended = planned_load(subject), f": {shown.ended}" if shown.ended else ""
    seen = measured_latency(row, climbed_loads(shown, planned), nothing_harder=f"needs {planned.words}{ended}")
    if seen.value is not None and shown.contention.disturbed:
        seen = replace(seen, note=f"disturbed: {shown.contention.words()}", decides="nothing")
    return judge_latency(row, seen)


def climbed_loads(shown: Climb, planned: PlannedLoad) -> tuple[MeasuredLoad, ...]:
    """Every load that was climbed, beside the planned one."""
    return tuple(planned.compared(rung, answers) for rung, answers in zip(shown.rungs, shown.answers, strict=True))
