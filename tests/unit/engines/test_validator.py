"""A report is an object on the last line; anything else is the engine's failure, said once."""

import sys
from pathlib import Path

import pytest

from advisor.engines import validator
from advisor.engines.process import Limits
from advisor.errors import EngineFailed

FAKES = Path(__file__).parents[2] / "fakes"
LIMITS = Limits(time_s=20, silence_s=10, output_bytes=1_000_000, grace_s=0.4)


@pytest.fixture(autouse=True)
def fakes_are_validators(monkeypatch):
    monkeypatch.setattr(validator, "folder", lambda _: FAKES)


def ask(request, script="answering.py"):
    return validator.ask_validator(Path(sys.executable), script, request, name="fake engine", limits=LIMITS)


def test_the_report_is_the_last_line():
    assert ask({"say": '{"a": [1, 2]}'}) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{not json", "without a report.*not json"),
        ("", "without a report.*chatter"),
        ("[1]", "where an object was expected"),
        ('{"a": NaN}', "without a report"),
        ('{"error": "unknown architecture"}', "refused: unknown architecture"),
    ],
)
def test_what_is_no_report_is_a_failure_of_the_engine(said, words):
    with pytest.raises(EngineFailed, match=words):
        ask({"say": said})
