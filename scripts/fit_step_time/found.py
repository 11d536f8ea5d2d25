"""What a fit is said to be, whichever engine's: its constants, their bootstrap, and the errors on what was held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from advisor.domain.calibration import ErrorBand, ErrorLevel, Metric
from fit_step_time.folds import UNIT, after_one_point, held_out
from fit_step_time.observations import Array, Observations
from fit_step_time.optimise import Constants, Predict, Prior

METRICS: Final[tuple[Metric, ...]] = ("decode", "prefill")
LEVELS: Final[tuple[ErrorLevel, ...]] = ("point", "group", "model", "device", "source")
Data = TypeVar("Data")


@dataclass(frozen=True, slots=True)
class Fit(Generic[Data]):
    """A fit with everything that is stated about it; `data` are the columns of its cases."""

    data: Data
    constants: Constants
    draws: Sequence[Constants]  # of the bootstrap
    errors: Mapping[ErrorLevel, Array]  # logarithm of measured over predicted, held out
    bands: tuple[ErrorBand, ...]


def errors_by_level(predict: Predict, observed: Observations, priors: Sequence[Prior], start: Constants) -> dict[ErrorLevel, Array]:
    """The errors of each level, of things that were held out in turn, and after one point of a series."""
    errors: dict[ErrorLevel, Array] = {level: held_out(predict, observed, priors, level, start=start) for level in LEVELS if level in UNIT}
    errors["point"] = after_one_point(observed, errors["group"])
    return errors
