"""What is wrong with a value of a file, in words for the person who wrote it: expected what, found what, perhaps meant what."""

import dataclasses
import re
import types
import typing
from collections.abc import Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from advisor.errors import did_you_mean

_SHOWN_CHARACTERS: Final = 60
_EXPECTED: Final = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of a sane size",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys and values",
    "dataclass_type": "keys and values",
}
_CHOICE: Final = "literal_error"


def expectation(details: ErrorDetails) -> str | None:
    """`a whole number`, `'none', 'slight', 'some' or 'any'`; None for a fault of another kind."""
    if details["type"] == _CHOICE:
        return str(details.get("ctx", {}).get("expected"))
    return _EXPECTED.get(details["type"])


def wording(same_place: Sequence[ErrorDetails], *, whole_file: bool = False) -> str:
    """One sentence for the faults of one value: several where several kinds are allowed and it is none of them.

    Of a `whole_file` that is something else nothing is quoted: it may be a file that its reader should not see.
    """
    given = same_place[0]["input"]
    if whole_file:
        return "not a file of this kind: expected keys and values"
    expected = [text for details in same_place if (text := expectation(details))]
    if not expected:
        message = same_place[0]["msg"]
        return f"{message[:1].lower()}{message[1:]}, found {shown(given)}"
    choices = re.findall(r"'([^']*)'", " ".join(expected))
    meant = did_you_mean(given, choices) if isinstance(given, str) else ""
    return f"expected {' or '.join(dict.fromkeys(expected))}, found {shown(given)}{meant}"


def shown(value: object) -> str:
    """What stands there, shortened: a person sees the file anyway."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…")
    if isinstance(value, int | float):
        digits = repr(value)
        return digits if len(digits) <= _SHOWN_CHARACTERS else f"a number of {len(digits)} digits"
    return "a list" if isinstance(value, list | tuple) else "keys and values"


def unknown_key(kind: object, path: tuple[int | str, ...]) -> str:
    """`unknown key; did you mean pause_s?` from the fields of the dataclass that holds the key at `path`."""
    owner = _owner(kind, path[:-1])
    if owner is None:
        return "unknown key"
    wrong = str(path[-1])
    fields = dataclasses.fields(owner)
    for field in fields:
        if wrong in field.metadata.get("synonyms", ()):
            return f"unknown key; did you mean {field.name}?"
    names = [field.name for field in fields]
    return f"unknown key{did_you_mean(wrong, names) or '; known: ' + ', '.join(names)}"


def _owner(kind: object, path: tuple[int | str, ...]) -> Any:  # noqa: ANN401 - a dataclass or None
    """The dataclass that describes the mapping at `path`."""
    options = _members(kind)
    if not path:
        return next((option for option in options if dataclasses.is_dataclass(option)), None)
    for option in options:
        if dataclasses.is_dataclass(option):
            hint = typing.get_type_hints(option).get(str(path[0]))
            found = _owner(hint, path[1:]) if hint is not None else None
        else:
            arguments = typing.get_args(option)
            found = next((o for a in arguments if (o := _owner(a, path[1:])) is not None), None)
        if found is not None:
            return found
    return None


def _members(kind: object) -> tuple[Any, ...]:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return tuple(member for option in typing.get_args(kind) for member in _members(option))
    return (kind,)
