"""A rule ready to run: its text, its compiled condition and message, and where it came from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from advisor.documents import Document
from advisor.domain.position import Position
from advisor.domain.verdict import Evidence
from advisor.rules.condition import Condition
from advisor.rules.facts import Facts
from advisor.rules.message import Message
from advisor.rules.schema import RuleText, Stage


@dataclass(frozen=True, slots=True)
class Change:
    """What a `set` or `assume` gives one fact: a literal of its type, or another fact."""

    path: str
    value: Any
    from_fact: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `reads` are the facts of its condition, in the order of its text: the first names what a finding points at."""

    text: RuleText
    stage: Stage
    file: str
    team: bool  # from a `--rules` folder
    condition: Condition
    message: Message
    changes: tuple[Change, ...]
    evidence: tuple[Evidence, ...]
    key: Callable[[Facts], tuple[Any, ...]]  # every fact that its verdict depends on
    document: Document = field(repr=False, compare=False)
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        """Its id, such as QNT003."""
        return self.text.id

    def position(self, *path: int | str) -> Position:
        """Where a part of the rule stands in its file."""
        return self.document.position(path)

    @property
    def reads(self) -> tuple[str, ...]:
        """The facts that its condition reads."""
        return self.condition.reads

    @property
    def depends_on(self) -> frozenset[str]:
        """Every fact that it reads, in its condition, its message or its changes."""
        return frozenset((*self.reads, *self.message.reads, *(c.from_fact for c in self.changes if c.from_fact)))


@dataclass(frozen=True, slots=True)
class Replaced:
    """A built-in rule that a team's rule of the same id stands in for."""

    rule: str
    built_in: str  # file
    by: str  # file


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules in id order, and the built-in ones that were replaced."""

    rules: tuple[Rule, ...]
    replaced: tuple[Replaced, ...] = ()

    def get(self, rule_id: str) -> Rule | None:
        """The rule of this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def ask_for(self, facts: frozenset[str], stage: Stage) -> bool:
        """True when a rule of the stage reads one of these facts."""
        return any(rule.stage == stage and not facts.isdisjoint(rule.depends_on) for rule in self.rules)
