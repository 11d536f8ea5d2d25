"""The page of speeds shows the figures beside it, and the ranges hold on measurements that nothing was fitted on."""

from pathlib import Path

import pytest

from advisor.accuracy.baselines import best_efficiency, roofline
from advisor.accuracy.cases import published_cases
from advisor.accuracy.errors import grouped, summary
from advisor.accuracy.judge import judge
from advisor.accuracy.predict import predict
from advisor.catalog import load_catalog
from advisor.catalog.layers import layers_in_use
from advisor.catalog.measurements import load_published
from advisor.report.accuracy_json import read_accuracy
from advisor.report.accuracy_page import accuracy_page

DOCS = Path(__file__).parents[2] / "docs" / "accuracy"
COMMITTED = read_accuracy((DOCS / "performance.json").read_text(encoding="utf-8"))
PER_GROUP = 4  # runs of a group that this test predicts, from the least loaded to the most
AT_MOST = {  # median of group medians, loosely: above it would be a step back
    ("vllm", "tpot_s"): 0.25,
    ("vllm", "ttft_s"): 0.60,
    ("llama.cpp", "tpot_s"): 0.15,
    ("llama.cpp", "prefill_s"): 0.25,
}


@pytest.fixture(scope="module")
def judged():
    """A few runs of every group of the report side with a fixed number in flight: what arrives at a rate or at once hangs on more."""
    catalog = load_catalog()
    cases, _ = published_cases(catalog, load_published(layers_in_use()), "report")
    fixed = [case for case in cases if case.in_flight is not None]
    few = [case for runs in grouped(fixed, lambda case: case.group).values() for case in spread(runs)]
    return grouped(judge(few, lambda case: predict(case, catalog))[0], lambda one: (one.engine, one.metric))


def spread(runs):
    ordered = sorted(runs, key=lambda case: case.in_flight or 0)
    return (
        [ordered[index * (len(ordered) - 1) // max(PER_GROUP - 1, 1)] for index in range(PER_GROUP)]
        if len(ordered) > PER_GROUP
        else ordered
    )


def test_the_page_shows_the_committed_figures():
    assert accuracy_page(COMMITTED) == (DOCS / "performance.md").read_text(encoding="utf-8"), "make docs"


def test_the_committed_figures_are_of_the_catalog_as_it_is():
    bands = [(engine, *band) for engine, told in sorted(load_catalog().calibrations.items()) for band in map(_band, told.errors)]
    assert [(band.engine, *_band(band)) for band in COMMITTED.bands] == bands, "make docs"


def _band(band):
    return band.backend, band.metric, band.level, band.low, band.high


@pytest.mark.parametrize(("engine", "metric"), AT_MOST)
def test_the_headline_is_no_worse_than_it_was_and_ranges_hold(judged, engine, metric):
    told = summary(one.compared for one in judged[engine, metric])
    assert told.groups >= 15
    assert told.median_error < AT_MOST[engine, metric]
    assert 0.60 <= told.coverage <= 0.95


@pytest.mark.parametrize(("engine", "metric"), AT_MOST)
def test_the_advisor_beats_the_best_single_efficiency(judged, engine, metric):
    runs = [one for one in judged[engine, metric] if one.floor_s]
    ours, theirs = (summary(compared) for compared in ([one.compared for one in runs], roofline(runs, best_efficiency(runs))))
    assert ours.median_error < theirs.median_error


def test_only_what_was_never_fitted_is_judged(judged):
    assert COMMITTED.split == "report"
    assert all(one.case.row.split == "report" for runs in judged.values() for one in runs)


def test_whatever_is_left_out_has_a_reason():
    assert all(one.why and one.rows for one in COMMITTED.excluded)
    for count in COMMITTED.counted:
        out = sum(one.rows for one in COMMITTED.excluded if one.engine == count.engine and one.what == "row")
        assert count.judged + out <= count.rows
        assert count.judged > 300
