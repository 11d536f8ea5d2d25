"""The conversation, with a list of lines instead of a person."""

import pytest

from advisor.errors import Interrupted
from advisor.questionnaire.session import Session
from advisor.rules import load_rules
from tests.unit.questionnaire.interviews import HOSPITAL, interview

RULES = load_rules()


def hold(lines, start=None):
    """How it ended and everything that was said; the lines run out like the end of input, an exception in them is raised."""
    said, waiting = [], iter(lines)

    def read(prompt):
        said.append(prompt)
        line = next(waiting, EOFError())
        if isinstance(line, BaseException):
            raise line
        return line

    return Session(RULES, read, said.append).hold(start or interview()), "\n".join(said)


def test_a_whole_conversation():
    ended, said = hold(HOSPITAL.values())
    assert ended.how == "complete" and ended.interview.question() is None
    assert "rented machines (rule PRV001)." in said
    assert "Assumed: load.users.pause_s = 120." in said
    assert " 1/" in said and "11/11" in said
    assert max(map(len, said.splitlines())) <= 100


def test_why_i_ask_comes_from_the_question_and_asks_again():
    ended, said = hold(["?", "premises", "q"])
    assert "removes as many options" in said
    assert [answer.text for answer in ended.interview.answers] == ["premises"]


def test_a_wrong_answer_is_explained_and_asked_again():
    ended, said = hold(["moon", "premises", "", "4 h100", "4 h100-sxm", "q"])
    assert "choose one of" in said and "is three devices" in said
    assert ended.interview.values["hardware.owned"] == [{"device": "h100-sxm", "count": 4}]


def test_hardware_that_a_rule_forbids_is_asked_again():
    ended, said = hold(["premises", "", "rent", "q"])
    assert "[PRV001]" in said and not ended.interview.situation.has("hardware")


def test_back_and_on_again():
    ended, _ = hold(["premises", "patient", "b", "b", "anywhere", "", "q"])
    assert ended.interview.values == {"privacy.stays_on": "anywhere", "privacy.data": "patient"}


def test_back_shows_the_last_answer_in_the_brackets():
    _, said = hold(["premises", "personal", "b", "q"])
    assert "[personal]" in said


@pytest.mark.parametrize(
    ("last", "how", "code"),
    [
        ("q", "stopped", 0),
        (EOFError(), "stopped", 0),
        (KeyboardInterrupt(), "interrupted", 130),
        (Interrupted(2), "interrupted", 130),
        (Interrupted(15), "interrupted", 143),
    ],
)
def test_every_way_to_stop_keeps_the_answers(last, how, code):
    ended, _ = hold(["premises", "patient", last])
    assert (ended.how, ended.exit_code) == (how, code) and [answer.text for answer in ended.interview.answers] == ["premises", "patient"]
