"""A measured point written out on the command line."""

import pytest

from advisor.domain.measured import MeasuredPoint
from advisor.errors import UserInputError
from advisor.intake.measured_text import is_point_text, measured_text

GIVEN = {
    "tpot_s=0.031@8": {"tpot_s": 0.031, "concurrency": 8},
    "tpot_s=0.031@8,ttft_s=0.4": {"tpot_s": 0.031, "ttft_s": 0.4, "concurrency": 8},
    "tpot_s=0.031@8, ttft_s=0.4@8, input_tokens=2000": {"tpot_s": 0.031, "ttft_s": 0.4, "concurrency": 8, "input_tokens": 2000},
    "ttft_s=1,model=a/b,engine=vllm,tensor=2": {"ttft_s": 1.0, "model": "a/b", "engine": "vllm", "tensor": 2},
}


@pytest.mark.parametrize(("text", "fields"), GIVEN.items(), ids=list(GIVEN))
def test_a_point_is_what_was_written(text, fields):
    assert measured_text(text) == MeasuredPoint(source=f"your measurement {text}", **fields)


REFUSED = {
    "tpot_ms=31@8": "tpot_ms: no such key; did you mean tpot_s",
    "tpot_s=fast": "tpot_s: 'fast' is not a number",
    "tpot_s=0.03@eight": "tpot_s: 'eight' is not a whole number",
    "tpot_s=0.03@8,ttft_s=0.4@9": "concurrency is given twice: 8 and 9",
    "tpot_s=-1": "-1: must be above 0",
    "tpot_s=nan": "nan: must be above 0",
    "input_tokens=100": "neither tpot_s nor ttft_s: nothing was measured",
    "tpot_s=0.03@8,ttft_s": "'ttft_s': write key=value",
    "tpot_s=0.03@0": "0: must be above 0",
}


@pytest.mark.parametrize(("text", "says"), REFUSED.items(), ids=list(REFUSED))
def test_what_is_no_point_is_refused(text, says):
    with pytest.raises(UserInputError, match=says):
        measured_text(text)


@pytest.mark.parametrize(("text", "expected"), [("tpot_s=1", True), ("tpot_ms=1", True), ("result.json", False), ("a/b=c.json", False)])
def test_a_point_is_told_from_a_file(text, expected):
    assert is_point_text(text) is expected
