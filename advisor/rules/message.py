"""The `message` of a rule: a sandboxed Jinja2 template over the same facts, with every name checked at load."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from jinja2 import Environment, StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from advisor.errors import did_you_mean
from advisor.rules.condition import ConditionFault
from advisor.rules.fact_paths import fact_paths, groups, unknown_fact
from advisor.rules.facts import Facts
from advisor.units import significant, time_unit

_LONGEST: Final = 4_000
_ALLOWED: Final = (
    *(nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Filter, nodes.Const, nodes.Keyword),
    *(nodes.If, nodes.CondExpr, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Add, nodes.Sub, nodes.Neg, nodes.Concat),
)


@dataclass(frozen=True, slots=True)
class Message:
    """A compiled message: the facts it prints, and how to print it."""

    text: str
    reads: tuple[str, ...]
    show: Callable[[Facts], str]


def compile_message(text: str) -> Message:
    """The message, checked. Raises ConditionFault for a syntax fault, an unknown fact or filter, and what a message has no use for."""
    if len(text) > _LONGEST:
        raise ConditionFault(f"message: {len(text):,} characters; at most {_LONGEST:,}")
    try:
        tree = _environment().parse(text)
    except TemplateSyntaxError as error:
        raise ConditionFault(f"message: {error.message}") from None
    _check_names(tree)
    _check_kinds(tree)
    reads = tuple(dict.fromkeys(_read(node) for node in tree.find_all(nodes.Getattr)))
    return Message(text, reads, _shower(text))


def _shower(text: str) -> Callable[[Facts], str]:
    @cache
    def template() -> Template:  # compiled when the rule first fires: few do
        return _environment().from_string(text)

    def show(facts: Facts) -> str:
        try:
            return " ".join(template().render({group: getattr(facts, group) for group in groups()}).split())
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise ConditionFault(f"message: {error}") from None

    return show


def _read(node: nodes.Getattr) -> str:
    if not isinstance(node.node, nodes.Name):
        raise ConditionFault(f"message: facts are group.name; {node.attr!r} is read from something else", node.attr)
    path = f"{node.node.name}.{node.attr}"
    if path not in fact_paths():
        raise ConditionFault(f"message: {unknown_fact(path)}", node.attr)
    return path


def _check_kinds(tree: nodes.Template) -> None:
    """No calls, loops, products, powers or includes: a message shows facts, it computes nothing and reaches for nothing."""
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__.lower()
            raise ConditionFault(f"message: {kind} is not allowed; a message has facts, filters, if, comparisons, + and -")


def _check_names(tree: nodes.Template) -> None:
    for name in tree.find_all(nodes.Name):
        if name.name not in groups():
            raise ConditionFault(f"message: unknown name {name.name!r}{did_you_mean(name.name, groups())}", name.name)
    for used in tree.find_all(nodes.Filter):
        if used.name not in _FILTERS:
            raise ConditionFault(f"message: unknown filter {used.name!r}; filters are {', '.join(_FILTERS)}", used.name)


@cache
def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.filters = dict(_FILTERS)
    return environment


def _short(value: float | None) -> str:
    """Two significant digits."""
    return "unknown" if value is None else significant(value)


def _count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return "unknown" if value is None else f"{value:,.0f}"


def _gib(value: float | None) -> str:
    """GiB with one decimal."""
    return "unknown" if value is None else f"{value:,.1f} GiB"


def _seconds(value: float | None) -> str:
    """Seconds, or milliseconds below one, with two significant digits."""
    if value is None:
        return "unknown"
    scale, unit = time_unit(value)
    return f"{significant(value / scale)} {unit}"


def _listed(values: tuple[str, ...]) -> str:
    """`a, b and c`; nothing for none."""
    return " and ".join(filter(None, [", ".join(values[:-1]), *values[-1:]]))


_FILTERS: Final[dict[str, Callable[..., str]]] = {"short": _short, "count": _count, "gib": _gib, "seconds": _seconds, "listed": _listed}
