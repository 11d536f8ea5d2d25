"""Predictions of cases that the fit had not seen: each level of strangeness holds out something else."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from math import exp
from typing import Final

import numpy as np

from advisor.domain.calibration import ErrorLevel
from fit_step_time.observations import Array, Observation, Observations
from fit_step_time.optimise import Constants, Predict, Prior, fit, without

UNIT: Final[Mapping[ErrorLevel, Callable[[Observation], Hashable]]] = {  # what is held out at once
    "group": lambda row: row.group,
    "model": lambda row: row.group.model,
    "device": lambda row: row.group.device,
    "source": lambda row: row.group.source,
}


def held_out(predict: Predict, observed: Observations, priors: Sequence[Prior], level: ErrorLevel, *, start: Constants) -> Array:
    """Logarithm of measured over predicted of every observation, by constants that never saw its unit."""
    units = [UNIT[level](row) for row in observed.rows]
    errors = np.full(len(observed), np.nan)
    for unit in dict.fromkeys(units):
        out = np.array([other == unit for other in units], dtype=bool)
        constants = fit(predict, observed, priors, weight=without(observed.weight, out), start=start)
        errors[out] = (observed.log_measured - predict(constants))[out]
    return errors


def after_one_point(observed: Observations, errors: Array) -> Array:
    """The errors of a series' other runs once it is scaled by its run of the lowest load; nan for that run and for single runs."""
    scaled = np.full(len(observed), np.nan)
    by_series: dict[Hashable, list[int]] = {}
    for index, row in enumerate(observed.rows):
        by_series.setdefault((row.metric, row.group, row.series), []).append(index)
    for indices in by_series.values():
        first, *others = sorted(indices, key=lambda index: observed.rows[index].load)
        for index in others:
            scaled[index] = errors[index] - errors[first]
    return scaled


def bootstrap(
    predict: Predict, observed: Observations, priors: Sequence[Prior], *, start: Constants, draws: int = 25, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """The 10th and 90th percentile of each constant over fits of groups drawn with replacement."""
    fits = bootstrap_fits(predict, observed, priors, start=start, draws=draws, seed=seed)
    return {prior.name: spread([constants[prior.name] for constants in fits]) for prior in priors}


def bootstrap_fits(
    predict: Predict,
    observed: Observations,
    priors: Sequence[Prior],
    *,
    start: Constants,
    draws: int = 25,
    seed: int = 0,
    redraw_priors: bool = False,
) -> list[dict[str, float]]:
    """Fits of groups drawn with replacement, the same each time.

    With `redraw_priors` each fit also draws what it believed before, so that a constant of which no row tells keeps its prior's range.
    """
    groups = sorted({row.group for row in observed.rows})
    place = {group: index for index, group in enumerate(groups)}
    of_row = np.array([place[row.group] for row in observed.rows])
    random = np.random.default_rng(seed)
    fits = []
    for _ in range(draws):
        times = np.bincount(random.integers(0, len(groups), len(groups)), minlength=len(groups))
        steps = random.standard_normal(len(priors)) * redraw_priors
        before = [Prior(p.name, p.value * exp(p.sigma * step), p.sigma) for p, step in zip(priors, steps, strict=True)]
        fits.append(fit(predict, observed, before, weight=observed.weight * times[of_row], start=start))
    return fits


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The 10th and 90th percentile: an 80 % range."""
    low, high = np.quantile(values, (0.1, 0.9))
    return float(low), float(high)
