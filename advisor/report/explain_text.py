"""An explained number, as text in 80 columns and as `advisor.explanation/1`."""

import textwrap
from collections.abc import Iterator
from typing import Any

from advisor.planning.describe import money, requirement_text, seconds, shown
from advisor.planning.explanation import Explanation
from advisor.planning.term import Term
from advisor.report.plan_json import quantity_document
from advisor.units import significant

WIDTH = 80
_VALUE = 16


def explanation_text(explanation: Explanation) -> str:
    """The number, its terms, and their sources once each."""
    return "\n".join([*_headline(explanation), *_terms(explanation), *_sources(explanation)])


def _headline(explanation: Explanation) -> Iterator[str]:
    requirement = explanation.requirement
    if requirement is not None:
        text = f"{requirement_text(requirement)}: {requirement.standing}"
    else:
        text = f"{explanation.label} {shown(explanation.value, explanation.unit)}"
    yield from textwrap.wrap(f"{explanation.deployment}: {text}", WIDTH)


def _terms(explanation: Explanation) -> Iterator[str]:
    """What adds up, the sum, then what only stands beside it."""
    adding = [term for term in explanation.terms if term.adds]
    for term in adding:
        yield from _row(term_value(term), _text(term))
    if len(adding) > 1:
        yield from _row(f"= {shown(explanation.value, explanation.unit, bare=True)}", explanation.label)
    for term in explanation.terms:
        if not term.adds:
            yield from _row(term_value(term), _text(term))


def _text(term: Term) -> str:
    return f"{term.text} ({term.basis})" if term.basis else term.text


def _row(value: str, text: str) -> Iterator[str]:
    lines = textwrap.wrap(text, WIDTH - _VALUE - 3)
    yield f"{value:>{_VALUE}}   {lines[0]}"
    yield from (" " * (_VALUE + 3) + line for line in lines[1:])


def _sources(explanation: Explanation) -> Iterator[str]:
    found = dict.fromkeys([term.source for term in explanation.terms] + [explanation.value.source])
    yield "from"
    for source in found:
        yield textwrap.fill(source, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def term_value(term: Term) -> str:
    """The value of a term with its unit: milliseconds below a second, bytes and counts in full."""
    if term.unit == " s":
        return f"-{seconds(-term.value)}" if term.value < 0 else seconds(term.value)
    if term.unit == " USD":
        return f"{money(term.value)}{term.unit}" if term.value >= 10 else f"{significant(term.value, 3)}{term.unit}"
    if term.unit in (" GiB", " MiB"):
        return f"{term.value:.2f}{term.unit}"
    if term.unit in ("", " x") and term.value % 1:
        return f"{term.value:.2f}{term.unit}"
    return f"{term.value:,.0f}{term.unit}"


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """The same for programs."""
    requirement = explanation.requirement
    return {
        "schema": "advisor.explanation/1",
        "deployment": explanation.deployment,
        "claim": explanation.claim,
        "value": quantity_document(explanation.value),
        "unit": explanation.unit.strip(),
        "at_most": requirement.at_most if requirement else None,
        "at_least": requirement.at_least if requirement else None,
        "standing": str(requirement.standing) if requirement else None,
        "terms": [
            {
                "value": term.value,
                "unit": term.unit.strip(),
                "text": term.text,
                "source": term.source,
                "adds": term.adds,
                **({"basis": str(term.basis)} if term.basis else {}),
            }
            for term in explanation.terms
        ],
    }
