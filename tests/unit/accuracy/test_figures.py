"""Rooflines, peers and reasons on runs made by hand."""

from dataclasses import replace

import pytest

from advisor.accuracy.baselines import best_efficiency, roofline
from advisor.accuracy.case import Group
from advisor.accuracy.judge import judge
from advisor.accuracy.peers import peer_lines
from advisor.accuracy.predict import predict
from advisor.accuracy.reasons import likely_reason, limits
from advisor.accuracy.unseen import seen_in
from advisor.catalog.measurements import Names
from advisor.domain.published import FreeName, PeerAnswer
from tests.unit.accuracy.runs_for_tests import bench, served
from tests.unit.estimate.serving_for_tests import CATALOG


def judged(*cases):
    return judge(cases, lambda case: predict(case, CATALOG))[0]


def at_floor_over(efficiency, case):
    """A run that reaches just this share of the roofline."""
    floors = predict(case, CATALOG).floors_s
    return replace(case, measured={"tpot_s": floors["tpot_s"] / efficiency})


def test_the_best_efficiency_is_the_one_that_the_runs_have():
    runs = judged(*(at_floor_over(share, bench(str(share), source=str(share))) for share in (0.4, 0.5, 0.7)))
    assert best_efficiency(runs) == pytest.approx(0.5)
    assert [compared.error for compared in roofline(runs, 0.5)] == pytest.approx([0.2, 0.0, 0.4])
    assert [compared.error for compared in roofline(runs)] == pytest.approx([0.6, 0.5, 0.3])


def test_without_a_roofline_there_is_no_efficiency():
    with pytest.raises(ValueError, match="no run"):
        best_efficiency([replace(one, floor_s=None) for one in judged(bench())])


def test_a_peer_is_compared_on_the_runs_that_it_answered_only():
    runs = judged(served("1", measured={"tpot_s": 0.010}), served("2", measured={"tpot_s": 0.010}))
    lines = peer_lines(runs, [PeerAnswer("1", "somebody's", "1.0", tpot_ms=12.0), PeerAnswer("9", "somebody's", "1.0", tpot_ms=1.0)])
    assert [(line.of, line.rows) for line in lines] == [("", 1), ("h100-sxm", 1)]
    assert lines[0].peer_median_error == pytest.approx(0.2)


def test_a_reason_is_one_that_most_runs_of_the_group_have():
    host = judged(at_floor_over(0.1, served("1")), at_floor_over(0.2, served("2")))
    assert likely_reason(host).startswith("host time")
    fast = judged(at_floor_over(0.9, served("3")), at_floor_over(0.9, served("4")))
    assert likely_reason(fast) == ""
    assert likely_reason((*host, *fast)) == ""


def test_limits_are_counted_by_rows():
    counted = dict(limits(judged(served("1"), served("2", launch_args="--max-num-seqs 8"), bench("3"))))
    assert next(count for what, count in counted.items() if what.startswith("the host")) == 3
    assert next(count for what, count in counted.items() if what.startswith("settings")) == 1


@pytest.mark.parametrize(
    ("group", "new"),
    [
        (Group("a", "d", "m"), "group"),
        (Group("a", "d", "other"), "model"),
        (Group("a", "other", "other"), "device"),
        (Group("other", "d", "m"), "source"),
    ],
)
def test_what_is_new_is_the_hardest_thing_that_no_fitted_row_has(group, new):
    rows = [replace(served().row, source_id="a", gpu="words", model="m's words", split="fit"), replace(served().row, source_id="other")]
    devices, models = ({word: FreeName(spelling=word, id=meant)} for word, meant in (("words", "d"), ("m's words", "m")))
    names = Names(devices, models, {})
    assert seen_in(rows, names).unseen(group) == new
