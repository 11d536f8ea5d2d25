"""What a fit sees: one measured time a row, with what it is grouped and weighed by."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy.case import Group
from advisor.domain.calibration import Metric

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
ROWS_THAT_COUNT = 4  # a group's further rows share the weight of so many
DAMPING = 0.5  # of a source's weight by the number of its groups: 0 counts groups alike, 1 sources


@dataclass(frozen=True, slots=True)
class Observation:
    """One metric of one run. `series` are the runs of one deployment; `load` orders them, lowest first."""

    metric: Metric | Literal["batch"]  # `batch`: requests that all come at once, from the first to the last; no range is of it
    group: Group
    series: Hashable
    load: float
    measured_s: float
    sigma: float  # of the logarithm: how far a good model may be off


@dataclass(frozen=True, slots=True)
class Observations:
    """Observations as columns; every array of a fit has this order."""

    rows: tuple[Observation, ...]
    log_measured: Array
    sigma: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, metric: Metric) -> Mask:
        """The observations of one metric."""
        return np.array([row.metric == metric for row in self.rows], dtype=bool)


def observations(rows: Sequence[Observation], *, rows_that_count: int = ROWS_THAT_COUNT, damping: float = DAMPING) -> Observations:
    """The columns of these rows, weighed by `weights`."""
    return Observations(
        tuple(rows),
        np.log([row.measured_s for row in rows]),
        np.array([row.sigma for row in rows]),
        weights(rows, rows_that_count=rows_that_count, damping=damping),
    )


def weights(rows: Sequence[Observation], *, rows_that_count: int = ROWS_THAT_COUNT, damping: float = DAMPING) -> Array:
    """Weights in the loss, of mean 1: by series and source, never by row.

    Within a metric a group weighs as min(rows, rows_that_count), shared by its series alike and in these by their rows; a source's groups
    are damped by their number to the power of `damping`, so that a site with forty small groups is not the fit.
    """
    of_group = Counter((row.metric, row.group) for row in rows)
    of_series = Counter((row.metric, row.group, row.series) for row in rows)
    series = Counter((metric, group) for metric, group, _ in of_series)
    groups = Counter((metric, group.source) for metric, group in of_group)
    found = []
    for row in rows:
        key = (row.metric, row.group)
        in_group = min(of_group[key], rows_that_count) / series[key] / of_series[*key, row.series]
        found.append(in_group / groups[row.metric, row.group.source] ** damping)
    array = np.array(found)
    return array / array.mean()
