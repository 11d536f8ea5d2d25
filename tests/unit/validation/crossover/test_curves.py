"""Where two lines cross, in words and numbers, and the report that shows them."""

import json

import pytest

from advisor.domain.quantity import Basis, Quantity
from advisor.report.crossover_json import crossover_document
from advisor.report.crossover_text import crossover_text
from advisor.validation.contention import Contention
from advisor.validation.crossover.curves import Curve, Point, compare_measured, compare_predicted
from advisor.validation.crossover.run import Crossover

LOADS = (1, 2, 4, 8, 16)
QUIET = Contention(0.01, 1.2, 1.0, 0.5, 2)
BUSY = Contention(0.4, 30.0, 4.0, 9.0, 2)


def curve(engine, rates, *, predicted=None, loads=LOADS, failed=0, contention=QUIET, ended=None):
    expected = [Quantity(rate, rate / 2, rate * 2, Basis.MODELLED, "steps") for rate in predicted] if predicted else [None] * len(rates)
    points = [Point(load, rate, 0.25, 0.04, failed, quantity) for load, rate, quantity in zip(loads, rates, expected, strict=False)]
    return Curve(engine, f"{engine}-serve", "1.0", "bf16", 12.0, tuple(points), contention, ended)


LLAMA = curve("llama.cpp", [28.1, 40, 56.6, 62.1, 76.7], predicted=[30, 45, 60, 70, 80])
VLLM = curve("vllm", [20.6, 35.7, 59.6, 90.6, 116.8], predicted=[10, 20, 40, 60, 79])


def test_a_crossing_lies_between_the_loads_that_decide_it():
    found = compare_measured(LLAMA, VLLM)
    assert [(one.overtakes, one.overtaken, one.between) for one in found.crossings] == [("vllm", "llama.cpp", (2, 4))]
    assert 2 < found.crossings[0].concurrency < 4
    assert found.sentence() == "vllm overtakes llama.cpp at about 3.2 at once (between 2 and 4)"


def test_the_crossing_is_where_straight_lines_meet():
    found = compare_measured(curve("a", [100, 100], loads=(2, 8)), curve("b", [50, 200], loads=(2, 8)))
    assert found.crossings[0].concurrency == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("rates", "says"),
    [
        ([30, 50, 60, 80, 90], "vllm is ahead at every load, 1.06x to 1.29x: the lines do not cross from 1 to 16 at once"),
        ([14, 20, 28, 31, 38], "llama.cpp is ahead at every load, 2.00x to 2.02x: the lines do not cross from 1 to 16 at once"),
        ([28, 40, 56, 62, 77], "llama.cpp and vllm are even at every load"),
        ([], "nothing to compare: no load was served by both llama.cpp and vllm"),
    ],
)
def test_without_a_crossing_it_is_said_who_leads(rates, says):
    assert compare_measured(LLAMA, curve("vllm", rates)).sentence() == says


def test_even_loads_decide_nothing_and_lines_may_cross_twice():
    even_between = compare_measured(curve("a", [100, 100, 100], loads=(1, 2, 4)), curve("b", [50, 101, 200], loads=(1, 2, 4)))
    assert [one.between for one in even_between.crossings] == [(1, 4)]
    twice = compare_measured(curve("a", [100] * 3, loads=(1, 2, 4)), curve("b", [50, 200, 50], loads=(1, 2, 4)))
    assert [(one.overtakes, one.between) for one in twice.crossings] == [("b", (1, 2)), ("a", (2, 4))]


def test_loads_that_one_side_did_not_reach_or_did_not_serve_are_left_out():
    short = curve("vllm", [20, 0], loads=(1, 2))
    assert list(compare_measured(LLAMA, short).ratios) == [1]


def test_the_prediction_is_compared_the_same_way():
    assert compare_predicted(LLAMA, VLLM).sentence().startswith("llama.cpp is ahead at every load, 1.01x to 3.00x")
    assert compare_predicted(LLAMA, curve("vllm", [1.0])).ratios == {}


def found(**changes):
    shown = {"curves": (LLAMA, VLLM), "reduced": ("layers 28 -> 4",), **changes}
    return Crossover("Qwen/Qwen3-0.6B", "machine-123456789abc", 128, 64, **shown)


def test_the_text_has_a_table_a_picture_and_both_findings():
    text = crossover_text(found())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "layers 28 -> 4" in text
    assert "       1      28.1  250 ms   40 ms      20.6  250 ms   40 ms  llama.cpp 1.36x" in lines
    assert any(line.startswith("      16  llama.cpp ") and "█" in line and "76.7 (predicted 80)" in line for line in lines)
    longest = next(line for line in lines if "117 (predicted 79)" in line)
    assert longest.count("█") == 34
    assert lines[-3] == "Measured   vllm overtakes llama.cpp at about 3.2 at once (between 2 and 4)"
    assert lines[-2].startswith("Predicted  llama.cpp is ahead at every load")


def test_what_went_wrong_is_said():
    text = crossover_text(found(curves=(LLAMA, curve("vllm", [1.0, 2.0], failed=1, contention=BUSY, ended="the time limit of 60 s"))))
    assert "1.00!" in text
    assert "vllm: ended early: the time limit of 60 s" in text
    assert "measurement invalid: vllm: other work used 40% of the processors" in text


def test_the_document_is_plain_json_with_everything_in_it():
    document = json.loads(json.dumps(crossover_document(found()), allow_nan=False))
    assert document["schema"] == "advisor.crossover/1"
    assert document["measured"]["crossings"][0]["overtakes"] == "vllm"
    assert [point["concurrency"] for point in document["curves"][1]["points"]] == list(LOADS)
    assert document["curves"][0]["points"][0]["predicted"]["basis"] == "modelled"
    assert document["invalid"] == []
