"""Every metric of every case beside its prediction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from advisor.accuracy.case import Case, CaseMetric, LeftOut
from advisor.accuracy.errors import Compared
from advisor.accuracy.predict import Prediction
from advisor.domain.engine import EngineName
from advisor.domain.hardware import DeviceClass
from advisor.domain.quantity import Basis
from advisor.errors import UserInputError

Region = Literal["single", "2-16 in flight", "17-64 in flight", "above 64 in flight", "open loop", "offline"]
REGIONS: Final[tuple[Region, ...]] = get_args(Region)
_RATES: Final[tuple[CaseMetric, ...]] = ("output_tokens_per_s", "requests_per_s")
NOT_A_TEST: Final = "of an open loop: what is served is what was offered"
ABOVE_CAPACITY: Final = "of an open loop predicted above capacity: the wait hangs on how long it lasts"


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric of one case; `floor_s` is the time that no engine can beat, where there is one."""

    case: Case
    metric: CaseMetric
    compared: Compared
    basis: Basis
    floor_s: float | None
    familiar: bool  # the class of device and the kind of architecture were measured

    @property
    def engine(self) -> EngineName:
        """Whose run it is."""
        return self.case.candidate.runtime.engine

    @property
    def device_class(self) -> DeviceClass:
        """What kind of device it ran on."""
        return self.case.candidate.node.device.device_class

    @property
    def region(self) -> Region:
        """How many requests were in flight, or how they came."""
        return region_of(self.case)


@dataclass(frozen=True, slots=True)
class SetAside:
    """A metric of a case that is not judged, and why."""

    case: Case
    metric: CaseMetric
    why: str


def region_of(case: Case) -> Region:
    """The load region of a case."""
    if case.in_flight is None:
        return "open loop" if case.row.load_class == "open_loop" else "offline"
    if case.in_flight <= 1:
        return "single"
    return "2-16 in flight" if case.in_flight <= 16 else "17-64 in flight" if case.in_flight <= 64 else "above 64 in flight"


def judge(
    cases: Iterable[Case], predict: Callable[[Case], Prediction]
) -> tuple[tuple[Judged, ...], tuple[SetAside, ...], tuple[LeftOut, ...]]:
    """What was predicted of each case; the metrics that are not judged; the cases that the advisor refuses to predict."""
    judged: list[Judged] = []
    aside: list[SetAside] = []
    left_out: list[LeftOut] = []
    for case in cases:
        try:
            prediction = predict(case)
        except UserInputError as refused:
            left_out.append(LeftOut(case.row, str(refused)))
            continue
        reasons = {metric: _reason_against(case, metric, prediction) for metric in case.measured}
        judged += _judged(case, prediction, [metric for metric, why in reasons.items() if why is None])
        aside += [SetAside(case, metric, why) for metric, why in reasons.items() if why is not None]
    return tuple(judged), tuple(aside), tuple(left_out)


def _judged(case: Case, prediction: Prediction, metrics: Iterable[CaseMetric]) -> Iterator[Judged]:
    for metric in metrics:
        told, measured = prediction.metrics.get(metric), case.measured[metric]
        if told is not None:
            compared = Compared(case.group, told.value, told.low, told.high, measured)
            yield Judged(case, metric, compared, told.basis, prediction.floors_s.get(metric), prediction.familiar)


def _reason_against(case: Case, metric: CaseMetric, prediction: Prediction) -> str | None:
    if region_of(case) == "open loop" and metric in _RATES:
        return NOT_A_TEST
    if region_of(case) == "open loop" and prediction.saturated:
        return ABOVE_CAPACITY
    if metric == "requests_per_s" and "output_tokens_per_s" in case.measured:
        return "the same as its output tokens per second"
    return case.unreliable.get(metric)
