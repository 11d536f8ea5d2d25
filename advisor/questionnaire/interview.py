"""An interview: the answers so far, which question comes next, one step back. Immutable: each answer makes a new one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from advisor.catalog.catalog import Catalog
from advisor.domain.hardware import Node
from advisor.errors import UserInputError
from advisor.questionnaire.question import Question, Situation, Understood, Values
from advisor.questionnaire.questions import QUESTIONS

UNKNOWN = "u"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was typed (nothing for Enter, `u` for "I don't know") and what it means."""

    question: Question
    text: str
    understood: Understood

    @property
    def key(self) -> str:
        """The question's key."""
        return self.question.key


@dataclass(frozen=True)
class Interview:
    """Questions are asked in their order; going back takes the last answer away and keeps its text as the next default."""

    catalog: Catalog
    find_machine: Callable[[], Node]
    answers: tuple[Answer, ...] = ()
    remembered: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> Values:
        """Everything answered so far, by dotted path."""
        return {path: value for answer in self.answers for path, value in answer.understood.values.items()}

    @property
    def assumed(self) -> Mapping[str, str]:
        """What nobody has confirmed: path -> where its value comes from."""
        return {path: why for answer in self.answers for path, why in answer.understood.assumed.items()}

    @property
    def situation(self) -> Situation:
        """What the next question may refer to."""
        return Situation(self.catalog, self.find_machine, self.values)

    def question(self) -> Question | None:
        """The next question, None when all that matters is answered."""
        answered, situation = {answer.key for answer in self.answers}, self.situation
        return next((q for q in QUESTIONS if q.key not in answered and q.applies(situation)), None)

    def number(self, question: Question) -> tuple[int, int]:
        """`(3, 10)`: the question's number, and how many there are as far as is known now."""
        answered, situation = {answer.key for answer in self.answers}, self.situation
        steps = list(dict.fromkeys(q.step for q in QUESTIONS if q.key in answered or q.applies(situation)))
        return steps.index(question.step) + 1, len(steps)

    def default(self, question: Question) -> str | None:
        """What Enter takes: the answer given before going back, else the question's own default."""
        return self.remembered.get(question.key) or question.default(self.situation)

    def answered(self, question: Question, text: str) -> "Interview":
        """The interview with this answer; empty text is Enter. Raises UserInputError for an answer that is not understood."""
        typed = text.strip() or self.remembered.get(question.key, "")
        understood = self._understood(question, typed)
        remembered = {key: value for key, value in self.remembered.items() if key != question.key}
        return replace(self, answers=(*self.answers, Answer(question, typed, understood)), remembered=remembered)

    def remembering(self, texts: Mapping[str, str]) -> "Interview":
        """The interview with these texts as defaults of questions that are still to come."""
        return replace(self, remembered={**self.remembered, **texts})

    def back(self) -> "Interview":
        """The interview without its last answer."""
        if not self.answers:
            return self
        last = self.answers[-1]
        return replace(self, answers=self.answers[:-1], remembered={**self.remembered, last.key: last.text})

    def _understood(self, question: Question, typed: str) -> Understood:
        situation = self.situation
        if typed.casefold() == UNKNOWN:
            return _unconfirmed(question.parse(question.unknown(situation), situation), _source(question, situation))
        if typed:
            return question.parse(typed, situation)
        default = question.default(situation)
        if default is None:
            raise UserInputError("there is no default here; type an answer, ? for why I ask, u if you do not know")
        understood = question.parse(default, situation)
        return _unconfirmed(understood, _source(question, situation)) if question.fact else understood


def _source(question: Question, situation: Situation) -> str:
    return f'preset "{situation.preset.task}"' if question.from_preset else "assumed"


def _unconfirmed(understood: Understood, why: str) -> Understood:
    return replace(understood, assumed=dict.fromkeys(understood.values, why) | dict(understood.assumed))
