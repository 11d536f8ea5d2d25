"""Runs rules over facts, in three stages: `screen` before anything is estimated, `configure` before the estimate, `judge` after it.

Judging is remembered per rule on the facts it reads: candidates of one plan share most of them (80 rules: 565 µs plain, 22 µs remembered).
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from advisor.domain.quantity import Basis, weakest
from advisor.domain.verdict import Verdict
from advisor.errors import UserInputError
from advisor.rules.condition import ConditionFault
from advisor.rules.facts import Facts
from advisor.rules.rule import Change, Rule, RuleSet
from advisor.rules.schema import Stage
from advisor.rules.versions import in_range

_ESTIMATED = ("estimate.", "requirements.")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the configure rules decided: settings by `group.flag`, assumptions by fact, and the rule behind each."""

    settings: dict[str, Any]
    assumptions: dict[str, Any]
    decided_by: dict[str, str]
    verdicts: tuple[Verdict, ...]

    @property
    def taken_for_granted(self) -> tuple[Verdict, ...]:
        """The verdicts of the rules whose assumption stands."""
        behind = {self.decided_by[path] for path in self.assumptions}
        return tuple(verdict for verdict in self.verdicts if verdict.rule in behind)


def judge(rules: RuleSet, facts: Facts, stage: Stage) -> tuple[Verdict, ...]:
    """What every rule of the stage says about these facts, in id order."""
    return tuple(verdict for rule in rules.rules if rule.stage == stage and (verdict := _verdict(rule, facts)))


def fires(rule: Rule, facts: Facts) -> bool:
    """True when the rule applies to the engine and its condition holds."""
    applies = rule.text.applies_to
    if applies.engine and facts.engine.name not in applies.engine:
        return False
    if applies.engine_version and not in_range(facts.engine.name, facts.engine.version, applies.engine_version):
        return False
    return rule.condition.holds(facts)


def _verdict(rule: Rule, facts: Facts) -> Verdict | None:
    confidence = weakest(facts.basis.get(path, Basis.EXACT) for path in rule.reads if path.startswith(_ESTIMATED))
    key = (confidence, *rule.key(facts))
    if key not in rule.memory:
        fired, message = _judged(rule, facts)
        rule.memory[key] = Verdict(rule.id, rule.text.severity, message, confidence, rule.evidence) if fired else None
    found: Verdict | None = rule.memory[key]
    return found


def _judged(rule: Rule, facts: Facts) -> tuple[bool, str]:
    """Whether it fires and what it says. Raises UserInputError with the rule's place when its expressions cannot be worked out."""
    try:
        fired = fires(rule, facts)
        return fired, rule.message.show(facts) if fired else ""
    except ConditionFault as error:
        raise UserInputError(f"{rule.file}: {rule.id}: {error}") from None


# ---- configure


def configure(rules: RuleSet, facts: Facts) -> Configuration:
    """Settings and assumptions that follow from the facts. A team's rule wins over a built-in one.

    Raises UserInputError when two rules of equal standing give one fact different values.
    """
    result = Configuration({}, {}, {}, judge(rules, facts, "configure"))
    fired = {verdict.rule for verdict in result.verdicts}
    deciders: dict[str, Rule] = {}
    for rule in sorted((rule for rule in rules.rules if rule.id in fired), key=lambda rule: rule.team):
        for change in rule.changes:
            _decide(result, deciders, change, rule=rule, value=_value(change, facts))
    return result


def _value(change: Change, facts: Facts) -> Any:  # noqa: ANN401 - the type of the fact
    if change.from_fact is None:
        return change.value
    group, _, name = change.from_fact.partition(".")
    return getattr(getattr(facts, group), name)


def _decide(result: Configuration, deciders: dict[str, Rule], change: Change, *, rule: Rule, value: object) -> None:
    values = result.settings if rule.text.effect.kind == "set" else result.assumptions
    earlier = deciders.get(change.path)
    if earlier is not None and values.get(change.path) != value and earlier.team == rule.team:
        raise UserInputError(
            f"{rule.id} and {earlier.id} disagree on {change.path}: {value!r} ({rule.file}) against "
            f"{values.get(change.path)!r} ({earlier.file}). Narrow the condition of one of them."
        )
    values[change.path] = value
    deciders[change.path] = rule
    result.decided_by[change.path] = rule.id


def assumed(facts: Facts, configuration: Configuration) -> Facts:
    """The facts with what the rules take for granted in place of what is written, for the rules that judge."""
    for path, value in configuration.assumptions.items():
        group, _, name = path.partition(".")
        facts = dataclasses.replace(facts, **{group: dataclasses.replace(getattr(facts, group), **{name: value})})
    return facts
