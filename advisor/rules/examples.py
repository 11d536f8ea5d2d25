"""A rule's examples are its tests: each is laid over `rules/baseline.yaml` and the rule either fires or does not, as it says."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from advisor import resources
from advisor.documents import load, read_text
from advisor.domain.strict import STRICT, FieldFault
from advisor.errors import DataError, Fault
from advisor.rules.condition import ConditionFault
from advisor.rules.fact_paths import fact_paths
from advisor.rules.facts import Facts
from advisor.rules.judge import fires
from advisor.rules.rule import Rule
from advisor.rules.schema import Example
from advisor.rules.values import given_fault, typed_value


@dataclass(frozen=True, slots=True)
class Baseline:
    """The facts that examples start from, and what differs for a rule that applies to another engine alone."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.rule-baseline/1"]
    facts: Facts
    engines: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for engine, given in self.engines.items():
            for path, raw in given.items():
                if message := given_fault(path, raw):
                    raise FieldFault("engines", f"{engine}: {message}")


@cache
def read_baseline() -> Baseline:
    """`rules/baseline.yaml`. Raises DataError."""
    return load(read_text(resources.folder("rules") / "baseline.yaml"), "rules/baseline.yaml", Baseline)


def example_faults(rules: Iterable[Rule]) -> list[Fault]:
    """Every example that does not do what it says, or whose message cannot be printed."""
    return [fault for rule in rules for index, example in enumerate(rule.text.examples) if (fault := _fault(rule, index, example))]


def check_examples(rules: Sequence[Rule]) -> int:
    """How many examples were run. Raises DataError with every one that does not do what it says."""
    if faults := example_faults(rules):
        raise DataError(faults)
    return sum(len(rule.text.examples) for rule in rules)


def facts_of(rule: Rule, example: Example) -> Facts:
    """The facts of one example."""
    baseline = read_baseline()
    engines = rule.text.applies_to.engine
    laid_over = baseline.engines.get(engines[0], {}) if len(engines) == 1 else {}
    return with_facts(with_facts(baseline.facts, laid_over), example.given)


def with_facts(facts: Facts, given: Mapping[str, Any]) -> Facts:
    """The facts with some of them replaced, by dotted path; values as they stand in files."""
    changed: dict[str, dict[str, Any]] = {}
    for path, raw in given.items():
        group, _, name = path.partition(".")
        changed.setdefault(group, {})[name] = typed_value(fact_paths()[path], raw)
    return dataclasses.replace(facts, **{group: dataclasses.replace(getattr(facts, group), **new) for group, new in changed.items()})


def _fault(rule: Rule, index: int, example: Example) -> Fault | None:
    facts = facts_of(rule, example)
    place = str(rule.position("examples", index, "fires"))
    try:
        fired = fires(rule, facts)
        if fired:
            rule.message.show(facts)
    except ConditionFault as fault:
        return Fault(place, f"examples[{index}]: {fault}")
    if fired != example.fires:
        return Fault(place, f"examples[{index}]: expected fires: {str(example.fires).lower()}, got {str(fired).lower()}")
    return None
