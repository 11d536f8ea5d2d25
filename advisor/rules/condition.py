"""The `when` of a rule: a rule-engine expression, type-checked against `Facts` before it ever runs.

rule_engine is imported when the first condition is compiled, with its parser tables ready-made.
"""

import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from advisor.errors import did_you_mean
from advisor.rules.fact_paths import fact_paths, groups, unknown_fact
from advisor.rules.facts import Facts
from advisor.rules.grammar import offer_tables

if TYPE_CHECKING:
    import rule_engine

_READ = re.compile(r"\b([a-z_]+)(?:&?\.)([a-z_0-9]+)")
_LONGEST = 2_000
_REPEATED_GROUP = re.compile(r"\)[*+{?]")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition: the facts it reads, in the order of its text, and whether it holds."""

    text: str
    reads: tuple[str, ...]
    holds: Callable[[Facts], bool]


class ConditionFault(ValueError):
    """A condition that cannot be used; `word` is the piece of its text to point at."""

    def __init__(self, message: str, word: str = "") -> None:
        self.word = word
        super().__init__(message)


def compile_condition(text: str) -> Condition:
    """The condition, checked. Raises ConditionFault for a syntax fault, an unknown fact, a wrong type, an unguarded null."""
    if len(text) > _LONGEST or "**" in _TEXT.sub("''", text):  # worked out while parsing: to be refused before
        raise ConditionFault("powers are not allowed in a condition" if len(text) <= _LONGEST else f"longer than {_LONGEST:,} characters")
    reads = _reads(text)
    rule = _rule(text)
    expression = rule.statement.expression
    if expression.result_type.name != "BOOLEAN":
        raise ConditionFault(f"the condition is a {expression.result_type.name.lower()}, not true or false")
    for node in _nodes(expression):
        _check_comparison(node)
        _check_effort(node)
    return Condition(text, reads, _holds(rule))


def _holds(rule: "rule_engine.Rule") -> Callable[[Facts], bool]:
    import rule_engine

    def holds(facts: Facts) -> bool:
        try:
            return rule.matches(facts)
        except (rule_engine.EngineError, ArithmeticError, ValueError, TypeError) as error:
            raise ConditionFault(f"when: {getattr(error, 'message', None) or error or type(error).__name__}") from None

    return holds


def _reads(text: str) -> tuple[str, ...]:
    known = fact_paths()
    found = list(dict.fromkeys(f"{group}.{name}" for group, name in _READ.findall(_TEXT.sub("''", text)) if group in groups()))
    for path in found:
        if path not in known:
            raise ConditionFault(unknown_fact(path), path.partition(".")[2])
    if not found:
        raise ConditionFault("the condition reads no fact")
    return tuple(found)


@cache
def _context() -> "rule_engine.Context":
    import rule_engine

    hints = typing.get_type_hints(Facts)
    kinds = {group: rule_engine.DataType.OBJECT.from_dataclass(group, hints[group]) for group in groups()}
    return rule_engine.Context(type_resolver=rule_engine.type_resolver_from_dict(kinds), resolver=rule_engine.resolve_attribute)


def _rule(text: str) -> "rule_engine.Rule":
    offer_tables()
    import rule_engine

    try:
        return rule_engine.Rule(text, context=_context())
    except rule_engine.RuleSyntaxError as error:
        token = getattr(error.token, "value", "")
        raise ConditionFault(f"syntax error{f' at {token!r}' if token else ' at its end'}", str(token)) from None
    except rule_engine.SymbolResolutionError as error:
        name = str(error.symbol_name)
        raise ConditionFault(f"unknown name {name!r}{did_you_mean(name, groups()) or '; facts are group.name'}", name) from None
    except rule_engine.AttributeResolutionError as error:
        raise ConditionFault(f"unknown attribute {error.attribute_name!r}", str(error.attribute_name)) from None
    except rule_engine.EngineError as error:
        raise ConditionFault(str(error.message or error)) from None
    except (ArithmeticError, ValueError, RecursionError) as error:  # constants are worked out while parsing
        raise ConditionFault(f"cannot be worked out: {error or type(error).__name__}") from None


# ---- what rule-engine lets pass: `==` between unlike types, and words that a fact can never hold


def _nodes(node: Any) -> Iterator[Any]:  # noqa: ANN401 - rule-engine's syntax tree has no public base to name
    yield node
    slots = [slot for kind in type(node).__mro__ for slot in getattr(kind, "__slots__", ())]
    for name in dict.fromkeys([*slots, *getattr(node, "__dict__", {})]):
        child = getattr(node, name, None)
        for part in child if isinstance(child, tuple | list) else (child,):
            if hasattr(part, "result_type"):
                yield from _nodes(part)


def _check_effort(node: Any) -> None:  # noqa: ANN401
    """Refuse what may take for ever: a pattern that repeats a repetition."""
    pattern = getattr(getattr(node, "right", None), "value", None)
    if type(node).__name__.startswith("Fuzzy") and isinstance(pattern, str) and _REPEATED_GROUP.search(pattern):
        raise ConditionFault(f"the pattern {pattern[:60]!r} repeats a group, which may take for ever", pattern[:60])


def _check_comparison(node: Any) -> None:  # noqa: ANN401
    if type(node).__name__ == "ComparisonExpression":
        _check_types(node)
        for one, other in ((node.left, node.right), (node.right, node.left)):
            _check_words(_path(one), [other])
    elif type(node).__name__ == "ContainsExpression":
        listed = getattr(node.container, "value", None)
        if isinstance(listed, tuple | list):  # fact in ['a', 'b']
            _check_words(_path(node.member), list(listed))
        else:  # 'a' in fact
            _check_words(_path(node.container), [node.member])


def _check_types(node: Any) -> None:  # noqa: ANN401
    from rule_engine import DataType

    kinds = [DataType.NULLABLE.unwrap(side.result_type) for side in (node.left, node.right)]
    if DataType.NULL not in kinds and not DataType.is_compatible(*kinds):
        left, right = (kind.name.lower() for kind in kinds)
        word = _path(node.left) or _path(node.right) or ""
        raise ConditionFault(f"{word or 'a value'}: compares a {left} with a {right}", word.partition(".")[2])


def _path(node: Any) -> str | None:  # noqa: ANN401
    owner = getattr(node, "object", None)
    if owner is not None and type(node).__name__ == "GetAttributeExpression" and type(owner).__name__ == "SymbolExpression":
        return f"{owner.name}.{node.name}"
    return None


def _check_words(path: str | None, values: list[Any]) -> None:
    choices = fact_paths()[path].choices if path in fact_paths() else ()
    for value in values:
        word = getattr(value, "value", None)
        if choices and isinstance(word, str) and word not in choices:
            known = ", ".join(choice for choice in choices if choice)
            raise ConditionFault(f"{path} is never {word!r}{did_you_mean(word, choices) or f'; it is one of {known}'}", word)
