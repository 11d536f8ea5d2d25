"""A closed form that is held to the load simulation of the product, so that what is fitted is what is used.

Simulating every case at every step of an optimiser takes hours, a closed form is off by what it leaves out (rounds in step, whole prompts
in a step, a queue). So the closed form gives the slopes and the simulation the values: log t = closed(c) + [simulated(c0) - closed(c0)],
with c0 the constants of the fit before, until nothing moves (defect correction).
"""

from collections.abc import Sequence

import numpy as np

from advisor.accuracy.case import Case, CaseMetric
from advisor.accuracy.predict import Prediction, predict
from advisor.catalog import Catalog
from advisor.errors import UserInputError
from fit_step_time.observations import Array
from fit_step_time.optimise import Constants, Predict


def simulated(cases: Sequence[Case], wanted: Sequence[tuple[int, CaseMetric]], catalog: Catalog) -> Array:
    """Logarithms of what the product says of these metrics, by the place of their case; nan where it refuses the case."""
    told = [_told(case, catalog) for case in cases]
    return np.log([_value(told[place], metric) for place, metric in wanted])


def held_to(closed_form: Predict, simulated_log: Array, constants: Constants) -> Predict:
    """The closed form, moved to the simulation at these constants."""
    gap = np.nan_to_num(simulated_log - closed_form(constants))
    return lambda found: closed_form(found) + gap


def _told(case: Case, catalog: Catalog) -> Prediction | None:
    try:
        return predict(case, catalog, near=False, ranges=False)
    except UserInputError:
        return None


def _value(told: Prediction | None, metric: CaseMetric) -> float:
    found = told.metrics.get(metric) if told else None
    return found.value if found and found.value > 0 else float("nan")
