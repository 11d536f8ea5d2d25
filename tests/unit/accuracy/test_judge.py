"""What is judged, what is set aside, and in which drawer each run lies."""

from dataclasses import replace

import pytest

from advisor.accuracy.judge import judge, region_of
from advisor.accuracy.one_point import judged_after_one_point
from advisor.accuracy.predict import predict
from advisor.errors import UserInputError
from tests.unit.accuracy.runs_for_tests import bench, served
from tests.unit.estimate.serving_for_tests import CATALOG


def told(case):
    return predict(case, CATALOG)


def as_predicted(case, factor):
    """The same run on a host so many times slower."""
    metrics = told(case).metrics
    return replace(case, measured={name: metrics[name].value * factor for name in case.measured})


@pytest.mark.parametrize(
    ("case", "region"),
    [
        (served(in_flight=1), "single"),
        (served(in_flight=16), "2-16 in flight"),
        (served(in_flight=17), "17-64 in flight"),
        (served(in_flight=65), "above 64 in flight"),
        (served(in_flight=None, load_class="open_loop"), "open loop"),
        (served(in_flight=None, load_class="burst"), "offline"),
        (bench(), "single"),
    ],
)
def test_regions_of_load(case, region):
    assert region_of(case) == region


def test_an_unreliable_metric_is_set_aside_with_its_reason():
    case = replace(served(), unreliable={"ttft_s": "a warm prefix"})
    judged, aside, left_out = judge([case], told)
    assert [one.metric for one in judged] == ["tpot_s"]
    assert [(one.metric, one.why) for one in aside] == [("ttft_s", "a warm prefix")]
    assert left_out == ()


def test_what_an_open_loop_serves_is_no_test():
    loads = {"in_flight": None, "load_class": "open_loop", "request_rate_rps": 1.0}
    judged, aside, _ = judge([served(measured={"e2e_s": 2.0, "requests_per_s": 1.0}, **loads)], told)
    assert [one.metric for one in judged] == ["e2e_s"]
    assert "offered" in aside[0].why


def test_a_throughput_counts_once():
    judged, aside, _ = judge([served(measured={"output_tokens_per_s": 900.0, "requests_per_s": 4.5})], told)
    assert [one.metric for one in judged] == ["output_tokens_per_s"]
    assert [one.metric for one in aside] == ["requests_per_s"]


def test_a_run_that_is_refused_is_left_out_with_the_words_of_the_refusal():
    def refuse(_):
        raise UserInputError("it would not start")

    judged, aside, left_out = judge([served()], refuse)
    assert (judged, aside) == ((), ())
    assert left_out[0].why == "it would not start"


def test_one_measured_point_tells_the_rest_of_its_series():
    runs = [as_predicted(served(str(n), in_flight=n), 2.0) for n in (1, 4, 16)]
    before, _, _ = judge(runs, told)
    after = judged_after_one_point(runs, CATALOG)
    assert {one.case.row.row_id for one in after} == {"4", "16"}
    assert all(one.compared.error == pytest.approx(0.5) for one in before)
    assert all(one.compared.error < 0.1 for one in after)


def test_one_measured_point_of_a_benchmark_tells_its_other_depths():
    runs = [as_predicted(bench(str(depth), depth=depth), 1.8) for depth in (0, 2048)]
    after = judged_after_one_point(runs, CATALOG)
    assert {one.metric for one in after} == {"tpot_s", "prefill_s"}
    assert all(one.compared.error < 0.1 for one in after)


def test_a_series_of_one_run_has_nothing_to_predict():
    assert judged_after_one_point([served()], CATALOG) == ()


def test_latency_above_capacity_is_set_aside_because_it_hangs_on_how_long_the_load_lasts():
    loads = {"in_flight": None, "load_class": "open_loop", "request_rate_rps": 1000.0}
    judged, aside, _ = judge([served(measured={"ttft_s": 0.1, "tpot_s": 0.01}, **loads)], told)
    assert judged == ()
    assert all("above capacity" in one.why for one in aside)
