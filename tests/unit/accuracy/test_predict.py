"""A published run is answered as `advisor estimate` answers the same question."""

from dataclasses import replace

import pytest

from advisor.accuracy.predict import case_load, predict, steps_of
from advisor.errors import UserInputError
from advisor.intake.estimation import Traffic
from tests.unit.accuracy.runs_for_tests import asked, bench, served
from tests.unit.estimate.serving_for_tests import CATALOG


def test_a_closed_loop_is_what_estimate_answers():
    told = predict(served(in_flight=8), CATALOG).metrics
    answer = asked(traffic=Traffic(1000, 200, concurrency=8)).estimate.performance
    assert told["tpot_s"] == answer.tpot_s.p50
    assert told["ttft_s"] == answer.ttft_s.p50
    assert told["output_tokens_per_s"] == answer.output_tokens_per_s


def test_an_open_loop_is_what_estimate_answers():
    case = served(in_flight=None, load_class="open_loop", request_rate_rps=2.0)
    answer = asked(traffic=Traffic(1000, 200, requests_per_s=2.0)).estimate.performance
    assert predict(case, CATALOG).metrics["e2e_s"] == answer.e2e_s.p50


def test_a_benchmark_without_a_server_is_the_steps_alone():
    case = bench(depth=4096)
    steps, told = steps_of(case, CATALOG, near=True), predict(case, CATALOG).metrics
    assert told["tpot_s"] == steps.decode(1, 4096 + 64).value_s
    assert told["prefill_s"] == steps.prefill(512, 4096).value_s
    assert "ttft_s" not in told


def test_no_run_beats_its_roofline():
    for case in (bench(), served()):
        prediction = predict(case, CATALOG)
        assert prediction.floors_s.keys() >= {"tpot_s"}
        assert all(floor_s <= prediction.metrics[metric].value for metric, floor_s in prediction.floors_s.items())


def test_what_was_cached_before_is_not_computed():
    cold = served(in_flight=1)
    warm = replace(cold, input_tokens=100.0, depth_tokens=900.0)
    first_s = [predict(case, CATALOG).metrics["ttft_s"].value for case in (warm, cold)]
    assert first_s[0] < first_s[1]


def test_all_requests_at_once_are_a_batch():
    assert case_load(served(in_flight=None, load_class="burst", num_prompts=50)).batch.requests == 50


def test_of_batches_one_after_the_other_one_is_asked_for():
    rows = {"load_class": "offline", "num_prompts": 13000, "max_concurrency": 16, "concurrency_kind": "offline_static_batches"}
    assert case_load(served(in_flight=None, **rows)).batch.requests == 16


@pytest.mark.parametrize("load_class", ["burst", "open_loop", "offline"])
def test_a_load_that_is_not_stated_is_refused(load_class):
    with pytest.raises(UserInputError, match="not stated"):
        predict(served(in_flight=None, load_class=load_class), CATALOG)


def test_what_would_not_start_is_refused():
    case = served()
    settings = replace(case.candidate.settings, gpu_memory_utilization=0.1)
    with pytest.raises(UserInputError, match="not start"):
        predict(replace(case, candidate=replace(case.candidate, settings=settings)), CATALOG)
