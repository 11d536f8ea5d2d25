"""The names of all facts, `group.field`, with the type and the closed vocabulary of each."""

import dataclasses
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

from advisor.errors import did_you_mean
from advisor.rules.facts import Facts


@dataclass(frozen=True, slots=True)
class FactPath:
    """One fact: its dotted name, its Python type, and the only words it may hold (empty: any)."""

    path: str
    kind: Any
    choices: tuple[str, ...]

    @property
    def group(self) -> str:
        """The part before the dot."""
        return self.path.partition(".")[0]


@cache
def fact_paths() -> dict[str, FactPath]:
    """Every fact by its dotted name, in the order of `Facts`."""
    found = {}
    for group, owner in typing.get_type_hints(Facts).items():
        if dataclasses.is_dataclass(owner):
            hints = typing.get_type_hints(owner)
            for field in dataclasses.fields(owner):
                path = f"{group}.{field.name}"
                found[path] = FactPath(path, hints[field.name], field.metadata.get("choices", ()))
    return found


@cache
def groups() -> tuple[str, ...]:
    """The groups of facts."""
    return tuple(dict.fromkeys(path.group for path in fact_paths().values()))


def unknown_fact(path: str) -> str:
    """The sentence for a fact that does not exist."""
    group, _, name = path.partition(".")
    if group not in groups():
        return f"unknown group of facts {group!r}{did_you_mean(group, groups()) or '; known: ' + ', '.join(groups())}"
    names = [p.path.partition(".")[2] for p in fact_paths().values() if p.group == group]
    return f"unknown fact {path!r}{did_you_mean(name, names) or f'; known in {group}: ' + ', '.join(names)}"
