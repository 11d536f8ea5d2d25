"""A report is an object on the last line; anything else is the engine's failure, said once."""

import sys
from pathlib import Path

import pytest

from advisor.engines import validator
from advisor.engines.process import Limits
from advisor.errors import EngineFailed, NotProven

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


def test_a_refusal_is_told_in_the_validators_words():
    with pytest.raises(EngineFailed, match="fake engine refused: out of cells") as raised:
        ask({"say": '{"error": "out of cells"}', "status": 4})
    assert raised.value.exit_code == 4


def test_an_interpreter_without_the_engine_proves_nothing():
    with pytest.raises(NotProven, match="cannot be imported"):
        ask({"say": '{"error": "llama_cpp cannot be imported"}', "status": 3})


def test_a_crash_without_a_word_is_a_failure():
    with pytest.raises(EngineFailed, match=r"exit code 7|exit status 7|without a report"):
        ask({"say": "", "status": 7})
