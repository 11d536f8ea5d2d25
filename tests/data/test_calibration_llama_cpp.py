"""catalog/calibration/llama.cpp.yaml is what `make fit` writes from the rows of the `fit` side."""

from itertools import pairwise

import numpy as np
import pytest

from advisor.catalog.calibration import load_calibrations
from tests.scripts_for_tests import script

llama_cpp = script("fit_step_time.llama_cpp")
model = script("fit_step_time.llama_cpp_model")
optimise = script("fit_step_time.optimise")
FILE = load_calibrations()["llama.cpp"]


@pytest.fixture(scope="module")
def data():
    cases, _ = llama_cpp.cases_of("fit")
    return model.columns(model.fit_cases(cases), FILE)


def committed(name):
    """The value at a constant's place in the file."""
    found = FILE
    for step in _steps(llama_cpp.place_of(name)):
        if isinstance(found, tuple):
            found = next(item for item in found if step in (getattr(item, "name", None), str(getattr(item, "before_build", ""))))
        else:
            found = found[step] if isinstance(found, dict) else getattr(found, step)
    return found.value


def _steps(place):
    return place.split(".")


def test_the_committed_constants_are_where_the_fit_ends(data):
    """Cheaply: from the committed values, which are rounded, the loss has nowhere to go."""
    before, predict = model.priors(data), model.predictor(data)
    start = {prior.name: committed(prior.name) for prior in before}
    again = optimise.fit(predict, data.observed, before, start=start)
    assert loss(predict, data, before, start) == pytest.approx(loss(predict, data, before, again), rel=0.002)


def loss(predict, data, priors, constants):
    """What the fit makes small: robust errors of the rows, and steps away from the priors."""
    errors = (predict(constants) - data.observed.log_measured) / data.observed.sigma
    steps = [np.log(constants[prior.name] / prior.value) / prior.sigma for prior in priors]
    return np.sum(data.observed.weight * optimise.robust(errors) ** 2) + np.sum(np.square(steps))


def test_only_the_fit_side_is_read(data):
    assert {case.row.split for case in data.cases} == {"fit"}
    assert len(data.cases) > 1000
    assert len({case.group for case in data.cases}) > 50


def test_what_is_said_to_be_measured_was(data):
    measured = llama_cpp._measured(data, FILE)
    for cell in FILE.cells:
        assert measured[f"cells.{cell.name}.devices"] == f"[{', '.join(cell.devices)}]"
    for backend, kinds in FILE.measured_kinds.items():
        assert measured[f"measured_kinds.{backend}"] == f"[{', '.join(kinds)}]"


def test_less_knowledge_never_makes_a_narrower_band():
    for owner in (None, "cpu"):
        for metric in ("decode", "prefill"):
            bands = [band for band in FILE.errors if (band.metric, band.backend) == (metric, owner)]
            assert [band.level for band in bands] == [level for level in llama_cpp.LEVELS if level in {band.level for band in bands}]
            assert all(wide.low <= narrow.low and wide.high >= narrow.high for narrow, wide in pairwise(bands))


def test_the_fit_is_not_far_from_what_it_was_fitted_to(data):
    constants = {prior.name: committed(prior.name) for prior in model.priors(data)}
    errors = np.abs(np.expm1(data.observed.log_measured - model.predictor(data)(constants)))
    assert np.median(errors) < 0.15
