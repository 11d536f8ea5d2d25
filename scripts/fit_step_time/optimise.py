"""Maximum a posteriori by least squares: constants are logarithms with Gaussian priors, errors of logarithms are weighed robustly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import TypeAlias

import numpy as np
from scipy.optimize import least_squares

from fit_step_time.observations import Array, Mask, Observations

Constants: TypeAlias = Mapping[str, float]
Predict: TypeAlias = Callable[[Constants], Array]  # logarithm of the predicted time of every observation


@dataclass(frozen=True, slots=True)
class Prior:
    """A constant before any measurement: its value, and sigma of its logarithm (0.2 is about 20 %; 0 keeps it as it is)."""

    name: str
    value: float
    sigma: float
    why: str = ""


def fit(
    predict: Predict,
    observed: Observations,
    priors: Sequence[Prior],
    *,
    weight: Array | None = None,
    start: Constants | None = None,
) -> dict[str, float]:
    """The constants of the least loss. `weight` replaces the observations' own, 0 leaves one out; `start` saves time, not more."""
    weight = observed.weight if weight is None else weight
    seen = weight > 0
    root, sigma, measured = np.sqrt(weight[seen]), observed.sigma[seen], observed.log_measured[seen]
    free = [prior for prior in priors if prior.sigma > 0]
    fixed = {prior.name: prior.value for prior in priors if prior.sigma == 0}

    def constants(at: Array) -> dict[str, float]:
        return fixed | {prior.name: prior.value * exp(prior.sigma * step) for prior, step in zip(free, at, strict=True)}

    def residuals(at: Array) -> Array:
        errors = (predict(constants(at))[seen] - measured) / sigma
        return np.concatenate((root * robust(errors), at))

    first = [log((start or {}).get(prior.name, prior.value) / prior.value) / prior.sigma for prior in free]
    found = least_squares(residuals, first, method="trf", diff_step=1e-4, ftol=1e-6, xtol=1e-6)
    return constants(found.x)


def robust(errors: Array) -> Array:
    """Errors whose squares are the soft L1 loss 2 (sqrt(1 + e^2) - 1): a far error pulls like one of its size, not of its square."""
    return np.sign(errors) * np.sqrt(2.0 * (np.sqrt(1.0 + errors**2) - 1.0))


def without(weight: Array, held_out: Mask) -> Array:
    """The weights with the held-out observations at 0."""
    return np.where(held_out, 0.0, weight)
