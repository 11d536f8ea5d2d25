"""Answers as a file: written, resumed, filled, and refused at their place."""

from pathlib import Path

import pytest

from advisor.errors import DataError, UserInputError
from advisor.questionnaire.answers_file import answers_text, fill, not_asked, read_answers, replay
from tests.unit.questionnaire.interviews import HOSPITAL, after, interview


def read(tmp_path: Path, text: str):
    path = tmp_path / "letters.answers.yaml"
    path.write_text(text)
    return read_answers(path)


def test_answers_survive_the_file(tmp_path):
    held = after(HOSPITAL)
    again = replay(interview(), *read(tmp_path, answers_text(held)))
    assert again.values == held.values and again.assumed == held.assumed


def test_a_part_is_resumed_where_it_stopped(tmp_path):
    held = after(dict(list(HOSPITAL.items())[:5]))
    assert replay(interview(), *read(tmp_path, answers_text(held))).question().key == "quality"


def test_what_is_missing_is_assumed_and_recorded(tmp_path):
    held = fill(interview(), *read(tmp_path, "place: anywhere\nload: 3/s\nmodels: [Qwen/Qwen3-32B, Qwen/Qwen3-8B]\n"))
    assert held.question() is None
    assert held.values["models"] == ["Qwen/Qwen3-32B", "Qwen/Qwen3-8B"]
    assert {"privacy.data", "hardware.rent", "task"} <= set(held.assumed) and "load.requests_per_s" not in held.assumed


@pytest.mark.parametrize(
    ("text", "key"), [("load: 3/s\n", "place"), ("place: anywhere\n", "load"), ("place: region\nload: 3\n", "regions")]
)
def test_what_cannot_be_assumed_is_asked_for_by_name(tmp_path, text, key):
    with pytest.raises(UserInputError, match=f"{key} is missing"):
        fill(interview(), *read(tmp_path, text))


def test_unknown_keys_are_refused_at_their_place_with_near_names(tmp_path):
    with pytest.raises(DataError) as refused:
        read(tmp_path, "place: premises\nhardwear: 4 l4\nload: {users: 3}\n")
    first, second = refused.value.faults
    assert first.place.endswith(":2:1") and "did you mean hardware?" in first.message
    assert second.place.endswith(":3:7") and "as text" in second.message


def test_an_answer_that_is_not_understood_is_refused_at_its_place(tmp_path):
    with pytest.raises(DataError, match=r"answers.yaml:3:11: hardware: .*three devices"):
        replay(interview(), *read(tmp_path, "place: premises\ndata: public\nhardware: 4 h100\n"))


def test_answers_to_questions_that_became_pointless_are_named(tmp_path):
    answers, document = read(tmp_path, "place: this_device\nload: 1\nbudget: 500\n")
    assert not_asked(fill(interview(), answers, document), answers) == ["budget"]


def test_a_list_of_answers_is_refused(tmp_path):
    with pytest.raises(DataError, match="answers are a mapping"):
        read(tmp_path, "- premises\n")
