"""Answers as a file: one line a question, as they would be typed. What a stopped interview leaves, and what `--answers` takes."""

from pathlib import Path
from typing import Final

from advisor.documents import Document, parse, read_text
from advisor.errors import DataError, Fault, UserInputError, near_names
from advisor.files.yaml_text import flow
from advisor.questionnaire.interview import UNKNOWN, Interview
from advisor.questionnaire.questions import QUESTIONS

_HEAD: Final = "# Answers of `advisor ask`, as typed: nothing is Enter, u is I don't know. Continue with: advisor ask --answers THIS_FILE"


def answers_text(interview: Interview) -> str:
    """The answers so far."""
    return "\n".join([_HEAD, *(f"{answer.key}: {flow(answer.text)}" for answer in interview.answers)]) + "\n"


def read_answers(path: Path) -> tuple[dict[str, str], Document]:
    """Question -> answer. Lists are joined with commas. Raises DataError with every key that is no question, at its place."""
    document = parse(read_text(path), str(path))
    if not isinstance(document.raw, dict):
        raise DataError.at(document.position(), "answers are a mapping: a question's key, then its answer")
    faults = [Fault(str(document.key_position((key,))), _unknown(key)) for key in document.raw if key not in _KEYS]
    faults += [
        Fault(str(document.position((key,))), f"{key}: give the answer as text, as you would type it")
        for key, value in document.raw.items()
        if key in _KEYS and _text(value) is None
    ]
    if faults:
        raise DataError(faults)
    return {key: _text(value) or "" for key, value in document.raw.items()}, document


def replay(interview: Interview, answers: dict[str, str], document: Document) -> Interview:
    """The interview with the given answers, as far as they go. Raises DataError at the first that is not understood."""
    while (question := interview.question()) is not None and question.key in answers:
        try:
            interview = interview.answered(question, answers[question.key])
        except UserInputError as error:
            raise DataError.at(document.position((question.key,)), f"{question.key}: {error}") from None
    return interview


def fill(interview: Interview, answers: dict[str, str], document: Document) -> Interview:
    """The whole interview without a person: what is not answered is assumed; raises UserInputError where nothing sensible can be."""
    interview = replay(interview, answers, document)
    while (question := interview.question()) is not None:
        if question.key in _REQUIRED:
            raise UserInputError(f"{document.file}: {question.key} is missing, and nobody is here to be asked: {question.text}")
        interview = replay(interview.answered(question, UNKNOWN), answers, document)
    return interview


def not_asked(interview: Interview, answers: dict[str, str]) -> list[str]:
    """Answers to questions that the other answers made pointless."""
    asked = {answer.key for answer in interview.answers}
    return [key for key in answers if key not in asked]


def _text(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return None


def _unknown(key: str) -> str:
    near = near_names(key, _KEYS, most=1)
    return f"{key}: not a question; {f'did you mean {near[0]}?' if near else 'known: ' + ', '.join(_KEYS)}"


_KEYS: Final = [question.key for question in QUESTIONS]
_REQUIRED: Final = frozenset({"place", "load", "regions"})
