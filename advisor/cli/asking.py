"""What `advisor ask` does around the conversation: find the answers, hold it, write the workload or keep what there is."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.files.writing import write_beside
from advisor.intake.machine import this_machine
from advisor.questionnaire.answers_file import answers_text, fill, not_asked, read_answers, replay
from advisor.questionnaire.draft import assumptions, finished_text, workload_name
from advisor.questionnaire.interview import Interview
from advisor.questionnaire.session import KEYS, Ended, Session
from advisor.resources import advisor_version
from advisor.rules.load import load_rules


@dataclass(frozen=True, slots=True)
class Written:
    """What a finished interview left: the file, the difference to an edited one that was there, and what is assumed."""

    path: Path
    difference: str
    lines: int
    assumed: tuple[str, ...]


def interview_for(answers: Path | None, *, quiet: bool) -> Ended:
    """Hold the interview: with a person where there is a terminal, from the file where there is none.

    Raises UserInputError without either: a prompt that nobody sees would wait for ever.
    """
    if answers is None and not _somebody_is_here():
        raise UserInputError("nobody can answer here: this is no terminal. Give --answers FILE, one line a question")
    given, document = read_answers(answers) if answers else ({}, None)
    interview = Interview(load_catalog(), partial(this_machine, load_catalog()))
    if document is not None and not _somebody_is_here():
        return Ended(fill(interview, given, document), "complete")
    if document is not None:
        interview = replay(interview, given, document)
        interview = interview.remembering({key: given[key] for key in not_asked(interview, given)})
    if not quiet:
        typer.echo(
            f"LLM Serving Advisor {advisor_version()} - catalog of {interview.catalog.as_of}. This command contacts nobody.\n{KEYS}\n"
        )
    return Session(load_rules(), input, typer.echo).hold(interview)


def write_workload(interview: Interview, output: Path, *, name: str | None, force: bool) -> Written:
    """Write the workload, beside an edited one rather than over it."""
    parent = output.absolute().parent.name if output.parent.name else ""
    text = finished_text(interview, workload_name(name or (output.stem if output.stem != "workload" else parent)))
    path, difference = write_beside(output, text, force=force)
    return Written(path, difference, text.count("\n"), tuple(assumptions(interview)))


def keep_answers(interview: Interview, output: Path, answers: Path | None) -> Path | None:
    """Save the answers of an unfinished interview; over the file they came from, never over another one."""
    if not interview.answers:
        return None
    target = answers or output.with_name(f"{output.stem}.answers.yaml")
    path, _ = write_beside(target, answers_text(interview), force=target == answers)
    return path


def _somebody_is_here() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
