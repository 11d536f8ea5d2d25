"""The fit of step times on made-up measurements, where the truth is known."""

import numpy as np
import pytest

from advisor.accuracy.case import Group
from tests.scripts_for_tests import script

observations = script("fit_step_time.observations")
optimise = script("fit_step_time.optimise")
folds = script("fit_step_time.folds")
bands = script("fit_step_time.bands")
write = script("fit_step_time.write")
PRIORS = [optimise.Prior("reading", 0.5, 0.5), optimise.Prior("overhead", 1.0, 0.5), optimise.Prior("kept", 3.0, 0.0)]


def observation(group, load, measured_s, series="a"):
    return observations.Observation("decode", group, series, load, measured_s, 0.1)


def site(name, device="d", model="m"):
    return Group(name, device, model)


def made_up(scatter=0.0, groups=12, rows=8, seed=1):
    """Runs of 2 + 0.8 x load seconds with a factor of its own for each site, and the model that knows the form."""
    random = np.random.default_rng(seed)
    found, loads = [], []
    for index in range(groups):
        factor = np.exp(scatter * random.standard_normal())
        for load in range(1, rows + 1):
            loads.append(load)
            found.append(observation(site(f"s{index}", f"d{index % 4}", f"m{index % 3}"), load, (2.0 + 0.8 * load) * factor))
    loads = np.array(loads, dtype=float)
    return observations.observations(found), lambda c: np.log(c["overhead"] + c["reading"] * loads)


def test_constants_are_found_again():
    observed, predict = made_up()
    constants = optimise.fit(predict, observed, PRIORS)
    assert constants["overhead"] == pytest.approx(2.0, rel=0.02)
    assert constants["reading"] == pytest.approx(0.8, rel=0.02)
    assert constants["kept"] == 3.0


def test_what_no_row_tells_stays_at_its_prior():
    observed, predict = made_up()
    idle = optimise.Prior("idle", 7.0, 0.5)
    assert optimise.fit(predict, observed, [*PRIORS, idle])["idle"] == pytest.approx(7.0)


def test_a_site_with_a_thousand_rows_weighs_no_more_than_its_groups():
    many = [observation(site("many"), load, 1.0) for load in range(1000)]
    few = [observation(site("few"), load, 1.0) for load in range(4)]
    weight = observations.weights([*many, *few])
    assert weight[:1000].sum() == pytest.approx(weight[1000:].sum())
    assert weight.mean() == pytest.approx(1.0)


def test_a_series_of_many_loads_weighs_as_much_as_one_of_few():
    rows = [*(observation(site("s"), load, 1.0, "long") for load in range(9)), *(observation(site("s"), 1, 1.0, "short") for _ in range(3))]
    weight = observations.weights(rows)
    assert weight[:9].sum() == pytest.approx(weight[9:].sum())


def test_a_row_that_is_far_off_moves_the_fit_little():
    observed, predict = made_up()
    log_measured = observed.log_measured.copy()
    log_measured[0] += 5.0
    spoiled = observations.Observations(observed.rows, log_measured, observed.sigma, observed.weight)
    assert optimise.fit(predict, spoiled, PRIORS)["reading"] == pytest.approx(0.8, rel=0.1)


@pytest.mark.parametrize("level", ["group", "device", "model", "source"])
def test_held_out_rows_are_predicted_without_their_unit(level):
    observed, predict = made_up()
    unit = folds.UNIT[level]
    strange = np.array([unit(row) == unit(observed.rows[0]) for row in observed.rows])
    spoiled = observations.Observations(observed.rows, observed.log_measured + 2.0 * strange, observed.sigma, observed.weight)
    errors = folds.held_out(predict, spoiled, PRIORS, level, start={})
    assert errors[strange] == pytest.approx(2.0, abs=0.05)


def test_one_measured_point_takes_the_factor_of_its_site():
    observed, predict = made_up(scatter=0.5)
    errors = observed.log_measured - predict({"overhead": 2.0, "reading": 0.8})
    scaled = folds.after_one_point(observed, errors)
    assert np.isnan(scaled).sum() == 12  # the lowest load of each series
    assert np.nanmax(np.abs(scaled)) == pytest.approx(0.0, abs=1e-9)


def test_bands_cover_as_much_as_they_say():
    observed, predict = made_up(scatter=0.3, groups=120)
    errors = observed.log_measured - predict({"overhead": 2.0, "reading": 0.8})
    found = bands.level_errors(observed, errors, metric="decode", level="group")
    assert 0.72 <= found.coverage <= 0.88
    band = bands.error_band(observed, errors, metric="decode", level="group")
    assert band.low == pytest.approx(np.exp(-0.3 * 1.28), abs=0.1)
    assert band.high == pytest.approx(np.exp(0.3 * 1.28), abs=0.2)


def test_ranges_of_constants_are_the_same_each_time():
    observed, predict = made_up(scatter=0.2, groups=6, rows=4)
    first, again = (folds.bootstrap(predict, observed, PRIORS, start={}, draws=5) for _ in range(2))
    assert first == again
    assert first["overhead"][0] < first["overhead"][1]


def test_values_are_written_where_they_stand_and_nothing_else_moves():
    text = "# kept\na:\n  b: {value: 1, low: 0, high: 2}  # why\n  c: {value: 5, low: 5, high: 5}\nb: {value: 9, low: 9, high: 9}\n"
    value = write.flow(write.fitted(1.23456e-5, (1e-5, 2e-5)))
    assert value == "{value: 1.23e-5, low: 1.0e-5, high: 2.0e-5}"
    assert write.replaced(text, {"a.b": value}) == text.replace("{value: 1, low: 0, high: 2}", value)
    with pytest.raises(KeyError, match=r"a\.d"):
        write.replaced(text, {"a.d": value})


def test_items_of_a_list_are_named_by_their_first_value():
    text = 'list:\n  - name: old\n    before: "3"\n    b: {value: 1}\n  - name: new one\n    b: {value: 1}\nkinds: [a]\n'
    changed = write.replaced(text, {"list.new one.b": "{value: 2}", "kinds": "[a, b]"})
    assert changed == text.replace("new one\n    b: {value: 1}", "new one\n    b: {value: 2}").replace("[a]", "[a, b]")


def test_few_units_make_a_wider_band():
    observed, _ = made_up(groups=5)
    errors = np.random.default_rng(0).normal(0.0, 0.3, len(observed))
    plain, corrected = (bands.error_band(observed, errors, metric="decode", level="group", corrected=c) for c in (False, True))
    assert corrected.low < plain.low and corrected.high > plain.high
