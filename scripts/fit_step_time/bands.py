"""Error bands: quantiles of measured over predicted on cases that were held out, groups counting alike, and the coverage of such bands."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from advisor.accuracy.case import Group
from advisor.accuracy.errors import Compared, Summary, grouped, quantile, summary
from advisor.domain.calibration import ErrorBand, ErrorLevel, Metric
from fit_step_time.folds import UNIT
from fit_step_time.observations import Array, Mask, Observations

NOMINAL = 0.80


@dataclass(frozen=True, slots=True)
class _Error:
    group: Group
    unit: Hashable
    log_ratio: float  # of measured over predicted


def level_errors(observed: Observations, errors: Array, *, metric: Metric, level: ErrorLevel, corrected: bool = False) -> Summary | None:
    """Errors, coverage and width at a level: each unit is judged by the band of the others."""
    found = _known(observed, errors, observed.where(metric), level)
    if len({error.unit for error in found}) < 2:
        return None
    compared = []
    for unit, own in grouped(found, lambda error: error.unit).items():
        low, high = _quantiles([error for error in found if error.unit != unit], corrected=corrected)
        compared += [Compared(error.group, 1.0, exp(low), exp(high), exp(error.log_ratio)) for error in own]
    return summary(compared)


def error_band(observed: Observations, errors: Array, *, metric: Metric, level: ErrorLevel, corrected: bool = False) -> ErrorBand:
    """The band of a level from all its held-out errors, with what it says of itself. Raises ValueError where nothing was held out.

    `corrected`: n units that were held out say less of the next than n can tell, so the share inside is raised by 1 + 1/n (split
    conformal prediction, units as the exchangeable samples): a wider band where only a few were held out.
    """
    found = _known(observed, errors, observed.where(metric), level)
    low, high = _quantiles(found, corrected=corrected)
    of_level = level_errors(observed, errors, metric=metric, level=level, corrected=corrected)
    note = "" if of_level is None else note_of(of_level)
    return ErrorBand(metric, level, round(min(exp(low), 1.0), 2), round(max(exp(high), 1.0), 2), note)


def note_of(errors: Summary) -> str:
    """The errors in words."""
    return (
        f"held out: median {errors.median_error:.1%}, 90th percentile {errors.p90_error:.0%} of {errors.groups} groups "
        f"({errors.rows} rows), coverage {errors.coverage:.2f}"
    )


def _known(observed: Observations, errors: Array, wanted: Mask, level: ErrorLevel) -> list[_Error]:
    unit: Callable[..., Hashable] = UNIT["group" if level == "point" else level]
    return [
        _Error(row.group, unit(row), float(error))
        for row, error, want in zip(observed.rows, errors, wanted, strict=True)
        if want and np.isfinite(error)
    ]


def _quantiles(errors: Sequence[_Error], *, corrected: bool) -> tuple[float, float]:
    """The quantiles that leave a tenth on either side, or less of few units; each group weighs alike."""
    rows = grouped(errors, lambda error: error.group)
    share = [1.0 / len(rows[error.group]) for error in errors]
    ratios = [error.log_ratio for error in errors]
    units = len({error.unit for error in errors})
    inside = min(NOMINAL * (1 + 1 / units), 1.0) if corrected else NOMINAL
    tail = (1.0 - inside) / 2
    return quantile(ratios, tail, share), quantile(ratios, 1.0 - tail, share)
