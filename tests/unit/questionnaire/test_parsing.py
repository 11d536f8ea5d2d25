"""Answers as people type them."""

import pytest

from advisor.errors import UserInputError
from advisor.questionnaire import parsing

PLACES = ("this_device", "premises", "own_cloud_account", "region", "anywhere")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("premises", "premises"),
        ("prem", "premises"),
        ("This Device", "this_device"),
        ("own-cloud", "own_cloud_account"),
        (" region ", "region"),
    ],
)
def test_choice(text, meant):
    assert parsing.choice(text, PLACES) == meant


@pytest.mark.parametrize(
    ("text", "says"),
    [("premisses", "did you mean premises"), ("moon", "choose one of"), ("", "did you mean this_device or premises")],
)
def test_choice_refuses(text, says):
    with pytest.raises(UserInputError, match=says):
        parsing.choice(text, PLACES)


@pytest.mark.parametrize(("text", "value"), [("240", 240), ("10,000", 10_000), ("4k", 4000), ("1_000", 1000), ("1.5k", 1500)])
def test_count(text, value):
    assert parsing.count(text, "people") == value


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "NaN", "1e9", "9" * 30 + "x"])
def test_count_refuses(text):
    with pytest.raises(UserInputError):
        parsing.count(text, "people")


@pytest.mark.parametrize(("text", "value"), [("2", 2), ("2 s", 2), ("500 ms", 0.5), ("500ms", 0.5), ("2 min", 120), ("0.5 h", 1800)])
def test_seconds(text, value):
    assert parsing.seconds(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("20 tokens/s", 0.05), ("20", 0.05), ("50 ms", 0.05), ("0.05", 0.05), ("0.05 s", 0.05), ("25 tokens per second", 0.04), ("10/s", 0.1)],
)
def test_seconds_per_token(text, value):
    assert parsing.seconds_per_token(text) == value


@pytest.mark.parametrize("text", ["fast", "0", "-3 ms", "20 tokens"])
def test_seconds_per_token_refuses(text):
    with pytest.raises(UserInputError):
        parsing.seconds_per_token(text)


@pytest.mark.parametrize(("text", "value"), [("30 %", 30), ("$6,000", 6000), ("6000 USD", 6000), ("0.20", 0.2)])
def test_number(text, value):
    assert parsing.number(text, "30") == value
