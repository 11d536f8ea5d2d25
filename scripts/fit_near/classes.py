"""How much a class of near measurements says: series are held out in turn, and corrected by the others as a plan would be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp
from statistics import fmean, median
from typing import get_args

from advisor.accuracy.errors import grouped, quantile
from advisor.domain.calibration import Metric
from advisor.domain.engine import EngineName
from advisor.domain.near import Grade, NearBand, Origin
from fit_near.series import Series

Class = tuple[EngineName, Origin, Grade, Metric]
_SHRINKS = [step / 20 for step in range(21)]
_LEAST_GROUPS = 10  # of fewer the best share is chance
_WORTH = 0.97  # of the error without: a class must lower it by more than noise
NOMINAL = 0.80


@dataclass(frozen=True, slots=True)
class Held:
    """A series that was held out: its own logarithms of measured over predicted, and what the near ones said of it, one or several."""

    group: tuple[str, str, str]
    logs: tuple[float, ...]
    said: tuple[float, ...]

    def corrected(self, shrink: float) -> list[float]:
        """What is left of each run after each correction."""
        return [log - shrink * told for log in self.logs for told in self.said]


@dataclass(frozen=True, slots=True)
class Judged:
    """Over groups, each of which counts once: the error without and with, and the coverage of the range."""

    groups: int
    without: float
    with_near: float
    p90_without: float
    p90_with: float
    coverage: float

    @property
    def words(self) -> str:
        """For a note and for the terminal."""
        return (
            f"{self.groups} groups held out: median error {self.without:.1%} without, {self.with_near:.1%} with; "
            f"90th percentile {self.p90_without:.0%} and {self.p90_with:.0%}; coverage {self.coverage:.2f}"
        )


def fitted_bands(series: Sequence[Series], generations: Mapping[EngineName, tuple[str, ...]]) -> Iterator[tuple[NearBand, Judged, bool]]:
    """Each class with enough groups, what it says, and whether it is worth using.

    Where the device is not known to the fit, own measurements are believed whole: then the error with them does not hang on the
    device, which the fit behind these series did know. What it is without them is the calibration's band for an unseen device.
    """
    for engine, origin, grade, metric in product(get_args(EngineName), get_args(Origin), get_args(Grade), get_args(Metric)):
        if (origin, grade) == ("own", "same"):
            continue  # the calibration's band `point`
        held = held_out(series, series, (engine, origin, grade, metric), generations)
        if len({one.group for one in held}) < _LEAST_GROUPS:
            continue
        shrink = min(_SHRINKS, key=lambda share: _error(held, share))
        band, judged = _band(held, (engine, origin, grade, metric), shrink, known_device=True)
        yield band, judged, shrink > 0 and judged.with_near < _WORTH * judged.without
        if origin == "own":
            yield *_band(held, (engine, origin, grade, metric), 1.0, known_device=False), True


def _band(held: Sequence[Held], of: Class, shrink: float, *, known_device: bool) -> tuple[NearBand, Judged]:
    engine, origin, grade, metric = of
    low, high = _range(held, shrink)
    judged = judge(held, shrink, ranges=_leave_one_out(held, shrink))
    ends = round(min(low, 1.0), 2), round(max(high, 1.0), 2)
    return NearBand(engine, origin, grade, metric, known_device, shrink, *ends, judged.words), judged


def held_out(
    targets: Sequence[Series],
    known: Sequence[Series],
    of: Class,
    generations: Mapping[EngineName, tuple[str, ...]],
) -> list[Held]:
    """Targets of a class with what the known ones say of each: published ones together, as they are used; own ones each for itself."""
    engine, origin, grade, metric = of
    found = []
    for target in targets:
        if target.setup.engine != engine or not target.logs(metric):
            continue
        near = [
            other.middle(metric)
            for other in known
            if other is not target
            and (other.source_id == target.source_id) == (origin == "own")
            and target.setup.grade(other.setup, generations.get(engine, ())) == grade
        ]
        said = [middle for middle in near if middle is not None]
        if said:
            found.append(Held(target.group, tuple(target.logs(metric)), tuple(said) if origin == "own" else (fmean(said),)))
    return found


def judge(held: Sequence[Held], shrink: float, *, ranges: Mapping[tuple[str, str, str], tuple[float, float]]) -> Judged:
    """Errors and coverage of a class, by groups."""
    before, after, covered = [], [], []
    for group, own in grouped(held, lambda one: one.group).items():
        before.append(median(_off(log) for one in own for log in one.logs))
        logs = [log for one in own for log in one.corrected(shrink)]
        after.append(median(map(_off, logs)))
        low, high = ranges[group]  # type: ignore[index]
        covered.append(fmean(low <= exp(log) <= high for log in logs))
    return Judged(len(before), median(before), median(after), quantile(before, 0.9), quantile(after, 0.9), fmean(covered))


def _leave_one_out(held: Sequence[Held], shrink: float) -> dict[tuple[str, str, str], tuple[float, float]]:
    """The range for each group from the others."""
    groups = {one.group for one in held}
    return {group: _range([one for one in held if one.group != group], shrink) for group in groups}


def _range(held: Sequence[Held], shrink: float) -> tuple[float, float]:
    """The quantiles that leave a tenth on either side, groups weighing alike."""
    logs: list[float] = []
    weights: list[float] = []
    for own in grouped(held, lambda one: one.group).values():
        mine = [log for one in own for log in one.corrected(shrink)]
        logs += mine
        weights += [1 / len(mine)] * len(mine)
    tail = (1 - NOMINAL) / 2
    return exp(quantile(logs, tail, weights)), exp(quantile(logs, 1 - tail, weights))


def _error(held: Sequence[Held], shrink: float) -> float:
    """The mean over groups of the mean absolute logarithm: smoother than a median, so that the choice is no accident."""
    by_group = grouped(held, lambda one: one.group).values()
    return fmean(fmean(abs(log) for one in own for log in one.corrected(shrink)) for own in by_group)


def _off(log_ratio: float) -> float:
    """|predicted / measured - 1|."""
    return abs(exp(-log_ratio) - 1)
