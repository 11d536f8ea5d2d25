"""vLLM's calibration file is what its fit writes, and states of itself what its own rows show."""

import json
from functools import cache

import numpy as np
import pytest

from advisor.catalog.calibration import load_calibrations
from advisor.catalog.memory_constants import load_memory_constants
from advisor.domain.calibration import error_band
from tests.scripts_for_tests import script

fitting = script("fit_step_time.vllm")
model = script("fit_step_time.vllm_model")
optimise = script("fit_step_time.optimise")
folds = script("fit_step_time.folds")
closed_loop = script("fit_step_time.closed_loop")
simulated = script("fit_step_time.simulated")
CALIBRATION = load_calibrations()["vllm"]


@cache
def columns():
    cases, _ = fitting.cases_of("fit")
    return model.columns(fitting.fitted_cases(cases, CALIBRATION), CALIBRATION, load_memory_constants())


@cache
def simulated_log():
    return fitting.simulated_by(columns(), CALIBRATION)


@cache
def fitted():
    data = columns()
    start = fitting.constants_in(CALIBRATION)
    predict = simulated.held_to(model.predictor(data), simulated_log(), start)
    return data, predict, optimise.fit(predict, data.observed, model.PRIORS, start=start)


def in_file(place):
    """The value at a dotted place; generations are found by name."""
    found = CALIBRATION
    names = place.split(".")
    if names[0] == "generations":
        found = next(g for g in CALIBRATION.generations if g.name == ".".join(names[1:-1]))
        names = names[-1:]
    for name in names:
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    return found


def test_every_constant_in_the_file_is_what_the_fit_finds():
    """Held to the simulation with the file's constants, the fit stays where it is."""
    _, _, constants = fitted()
    for place, value in fitting.stated(constants).items():
        assert in_file(place).value == pytest.approx(value, rel=0.02), place


def test_a_closed_form_is_moved_to_the_simulation():
    _, predict, _ = fitted()
    said = simulated_log()
    known = np.isfinite(said)
    assert known.mean() > 0.95
    assert predict(fitting.constants_in(CALIBRATION))[known] == pytest.approx(said[known], abs=1e-9)


def test_the_file_names_what_was_measured():
    data, _, _ = fitted()
    assert set(CALIBRATION.measured_devices) == {case.candidate.node.device.id for case in data.cases}
    assert f"{len(data.cases)} public runs" in CALIBRATION.source
    assert all(case.row.split == "fit" for case in data.cases)


def test_the_bands_of_the_file_hold_the_fitted_rows():
    """In-sample coverage is no less than the nominal one of held-out cases, and not all of them: the bands are neither narrow nor idle."""
    data, predict, constants = fitted()
    errors = data.observed.log_measured - predict(constants)
    for metric in ("decode", "prefill"):
        band = error_band(CALIBRATION, metric, "group")
        own = errors[data.observed.where(metric)]
        assert 0.78 < np.mean((own > np.log(band.low)) & (own < np.log(band.high))) < 0.97


def test_less_knowledge_is_never_a_narrower_band():
    for metric in ("decode", "prefill"):
        bands = [error_band(CALIBRATION, metric, level) for level in fitting.LEVELS]
        assert [b.low for b in bands] == sorted((b.low for b in bands), reverse=True)
        assert [b.high for b in bands] == sorted(b.high for b in bands)


def test_columns_predict_what_the_product_predicts():
    """One formula: a case alone through the product's step times, and in the columns of the fit."""
    from advisor.estimate.step_time import step_time_model

    data, _, constants = fitted()
    tpot_s, _, _ = model.times(data, model.Generations(data.generation), constants)
    for index, case in enumerate(data.cases):
        if case.in_flight != 1:
            continue
        steps = step_time_model(case.candidate, case.weights, CALIBRATION, quantization=case.quantization)
        context = case.depth_tokens + case.input_tokens + case.output_tokens / 2
        assert steps.decode_s(1, context) == pytest.approx(tpot_s[index], rel=0.01)


def loop(clients, *, decode_s=0.01, prompt_s=0.05, budget=8192.0):
    one = np.array([1.0])
    load = closed_loop.Loop(one * clients, one * 1000.0, one * 100.0, one * budget)
    step = closed_loop.Step(one * decode_s, one * prompt_s, one * prompt_s, one * 0.0)
    per_token_s, ttft_s = closed_loop.closed_loop(load, step, floor_s=one * 0.02, waits=one * 0.5)
    return float(per_token_s[0]), float(ttft_s[0])


def test_one_client_waits_for_nobody():
    assert loop(1) == pytest.approx((0.01, 0.07))


def test_each_token_waits_for_the_prompts_of_the_others():
    """Eleven clients: ten prompts of 50 ms in the 100 tokens of each are 5 ms a token, less what comes while its own prompt waits."""
    per_token_s, ttft_s = loop(11)
    assert 0.0135 < per_token_s < 0.015
    assert 0.07 < ttft_s < 0.14


def test_a_loop_that_asks_for_more_than_prompts_allow_queues():
    """A step of 2,000 tokens takes 110 ms, so at most 18.2 prompts a second: what 200 clients wait beyond their tokens is the queue."""
    per_token_s, ttft_s = loop(200, budget=2000.0)
    assert 200 / (100 * per_token_s + ttft_s) == pytest.approx(2 / 0.11, rel=0.02)


def test_text_is_written_where_it_stands():
    data, _, constants = fitted()
    found = fitting.Fit(data, constants, [constants, constants], {}, CALIBRATION.errors)
    text = fitting.text_of(found, fitting.FILE.read_text(encoding="utf-8"))
    assert text == fitting.text_of(found, text)
    assert json.dumps(CALIBRATION.source) in text
    assert text.count("\n  - {metric: ") == len(CALIBRATION.errors)
