"""The page of speeds is what the advisor predicts today, and its ranges hold on measurements that nothing was fitted on."""

import json
from pathlib import Path

import pytest

from advisor.cli.accuracy import judged_study
from advisor.report.accuracy_json import accuracy_json, read_accuracy
from advisor.report.accuracy_page import accuracy_page

DOCS = Path(__file__).parents[2] / "docs" / "accuracy"
FIGURES = (DOCS / "performance.json").read_text(encoding="utf-8")
AT_MOST = {  # median of group medians, loosely: what would be a step back
    ("vllm", "tpot_s"): 0.25,
    ("vllm", "ttft_s"): 0.50,
    ("llama.cpp", "tpot_s"): 0.15,
    ("llama.cpp", "prefill_s"): 0.25,
}


@pytest.fixture(scope="module")
def today():
    return judged_study("report")


def test_the_page_shows_the_committed_figures():
    assert accuracy_page(read_accuracy(FIGURES)) == (DOCS / "performance.md").read_text(encoding="utf-8"), "make docs"


def test_the_committed_figures_are_what_is_predicted_today(today):
    told, wanted = accuracy_json(today), json.loads(FIGURES)
    for part in ("counted", "excluded", "bands"):
        assert told[part] == wanted[part], "make docs"
    for line, committed in zip(told["headline"], wanted["headline"], strict=True):
        assert (line["engine"], line["metric"], line["rows"]) == (committed["engine"], committed["metric"], committed["rows"])
        assert line["median_error"] == pytest.approx(committed["median_error"], abs=0.002), "make docs"


@pytest.mark.parametrize(("engine", "metric"), AT_MOST)
def test_the_headline_is_no_worse_than_it_was_and_ranges_hold(today, engine, metric):
    line = next(line for line in today.headline if (line.engine, line.metric) == (engine, metric))
    assert line.median_error < AT_MOST[engine, metric]
    assert 0.60 <= line.coverage <= 0.95
    assert line.groups >= 20


def test_the_advisor_beats_a_roofline_with_the_best_single_efficiency(today):
    errors = {(line.engine, line.metric, line.of.partition(",")[0]): line.median_error for line in today.baselines if "1" != line.of[-1]}
    for engine, metric in AT_MOST:
        assert errors[engine, metric, "the advisor"] < errors[engine, metric, "roofline"]


def test_no_group_that_was_fitted_is_judged(today):
    assert today.split == "report"
    assert sum(count.judged for count in today.counted) > 800


def test_every_row_is_judged_or_left_out_with_a_reason(today):
    for count in today.counted:
        out = sum(one.rows for one in today.excluded if one.engine == count.engine and one.what == "row")
        assert count.judged + out <= count.rows
        assert all(one.why for one in today.excluded)
