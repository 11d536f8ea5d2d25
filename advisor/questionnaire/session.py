"""The conversation around an interview: prompts, `?`, `b`, `q`, what each answer removed. It knows two functions, no terminal."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from advisor.errors import Interrupted, UserInputError
from advisor.questionnaire.effects import Options, difference, options, removed_by_place, require_allowed
from advisor.questionnaire.interview import Answer, Interview
from advisor.questionnaire.question import Question
from advisor.rules.rule import RuleSet

KEYS: Final = "Enter takes [the default] - ? why I ask - u I don't know - b back - q save and stop here"
_INDENT: Final = " " * 7
_PROMPT: Final = _INDENT + "> "
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Ended:
    """How a conversation ended: all answered, stopped with `q` or the end of input, or interrupted by a signal; with its exit code."""

    interview: Interview
    how: Literal["complete", "stopped", "interrupted"]
    exit_code: int = 0


class Session:
    """One conversation. `read` prompts and returns a line (EOFError at the end of input), `say` prints one."""

    def __init__(self, rules: RuleSet, read: Callable[[str], str], say: Callable[[str], None]) -> None:
        self._rules = rules
        self._read = read
        self._say = say
        self._left: Options | None = None

    def hold(self, interview: Interview) -> Ended:
        """Ask until everything that matters is answered."""
        try:
            while (question := interview.question()) is not None:
                self._introduce(interview, question)
                after = self._ask(interview, question)
                if after is None:
                    return Ended(interview, "stopped")
                interview = after
        except EOFError:
            return Ended(interview, "stopped")
        except (KeyboardInterrupt, Interrupted) as signal:
            return Ended(interview, "interrupted", getattr(signal, "exit_code", Interrupted().exit_code))
        return Ended(interview, "complete")

    def _introduce(self, interview: Interview, question: Question) -> None:
        number, total = interview.number(question)
        following = bool(interview.answers) and interview.answers[-1].question.step == question.step
        head = _INDENT if following else f"{number:>2}/{total}  "
        default = question.about_default(interview.situation) or question.default(interview.situation)
        shown = interview.remembered.get(question.key) or default
        self._paragraph(f"{question.text}{f'  [{shown}]' if shown else ''}", first=f"{head:<7}")
        if question.choices:
            self._paragraph("   ".join(question.choices), indent=_INDENT + "  ")
        elif question.examples:
            self._paragraph(question.examples, indent=_INDENT + "  ")

    def _ask(self, interview: Interview, question: Question) -> Interview | None:
        """The interview after an answer or a step back; None to stop."""
        while True:
            line = self._read(_PROMPT).strip()
            match line.casefold():
                case "?":
                    for text in (question.why, *question.known(interview.situation)):
                        self._paragraph(text)
                case "b":
                    return self._back(interview)
                case "q":
                    return None
                case _:
                    try:
                        return self._answered(interview, question, line)
                    except UserInputError as error:
                        self._paragraph(str(error))

    def _answered(self, interview: Interview, question: Question, line: str) -> Interview:
        after = interview.answered(question, line)
        require_allowed(after, self._rules)
        for text in (_echo(after.answers[-1]), self._effect(after, question)):
            if text:
                self._paragraph(text)
        return after

    def _back(self, interview: Interview) -> Interview:
        before = interview.back()
        self._left = options(before, self._rules) if before.situation.has("hardware") else None
        return before

    def _effect(self, after: Interview, question: Question) -> str:
        if question.key == "place":
            return removed_by_place(after, self._rules)
        if not after.situation.has("hardware"):
            return ""
        before, self._left = self._left, options(after, self._rules)
        return difference(before, self._left)

    def _paragraph(self, text: str, *, first: str = "", indent: str = _INDENT) -> None:
        for line in text.splitlines():
            self._say(textwrap.fill(line, width=_WIDTH, initial_indent=first or indent, subsequent_indent=indent, break_on_hyphens=False))


def _echo(answer: Answer) -> str:
    """What was understood, and what had to be assumed for it."""
    if answer.text.casefold() != "u":
        return answer.understood.said
    taken = ", ".join(f"{path} = {value}" for path, value in answer.understood.values.items()) or "no limit"
    return f"Assumed: {taken}. {answer.understood.said}".strip()
