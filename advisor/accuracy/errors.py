"""Errors of predictions, counted by group: one source with a thousand rows weighs as much as one with three."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TypeVar

from advisor.accuracy.case import Group

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of one run: what was predicted (with its 80 % range) and what was measured, in the same unit."""

    group: Group
    predicted: float
    low: float
    high: float
    measured: float

    @property
    def error(self) -> float:
        """|predicted / measured - 1|."""
        return abs(self.predicted / self.measured - 1)

    @property
    def covered(self) -> bool:
        """The measured value lies in the range."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True, slots=True)
class Summary:
    """Over groups, each of which counts once: median and 90th percentile of the groups' median errors, coverage, width (high / low)."""

    rows: int
    groups: int
    median_error: float
    p90_error: float
    coverage: float
    width: float


def summary(compared: Iterable[Compared]) -> Summary | None:
    """The errors of some rows; None where there are none."""
    by_group = grouped(compared, lambda row: row.group)
    if not by_group:
        return None
    medians = [median(row.error for row in rows) for rows in by_group.values()]
    covered = [sum(row.covered for row in rows) / len(rows) for rows in by_group.values()]
    widths = [median(row.high / row.low for row in rows) for rows in by_group.values()]
    return Summary(
        rows=sum(map(len, by_group.values())),
        groups=len(by_group),
        median_error=median(medians),
        p90_error=quantile(medians, 0.9),
        coverage=sum(covered) / len(covered),
        width=median(widths),
    )


def grouped(rows: Iterable[T], key: Callable[[T], K]) -> Mapping[K, list[T]]:
    """Rows by key, in the order of their first."""
    found: dict[K, list[T]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


def quantile(values: Sequence[float], share: float, weights: Sequence[float] | None = None) -> float:
    """The value below which a share of the weight lies, linear between the middles of neighbours. Raises ValueError for no values."""
    if not values:
        raise ValueError("no values")
    pairs = sorted(zip(values, weights or [1.0] * len(values), strict=True))
    total, reached, points = sum(weight for _, weight in pairs), 0.0, []
    for value, weight in pairs:
        points.append(((reached + weight / 2) / total, value))
        reached += weight
    for (left, below), (right, above) in pairwise(points):
        if left <= share <= right:
            return below + (above - below) * (share - left) / (right - left)
    return points[0][1] if share < points[0][0] else points[-1][1]
