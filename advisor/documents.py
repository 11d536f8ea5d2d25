"""YAML text to typed values, with every fault of a file at its line and column.

Scalars stay raw text until the schema gives them a type: `NO`, `off`, `1.10`, an all-digit revision, `22:30` and dates
survive where a string is wanted (YAML 1.1 would have turned each into something else). Only `null`, `~` and nothing are null.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from advisor.domain.position import Position
from advisor.domain.strict import FieldFault
from advisor.errors import DataError, Fault, UserInputError, did_you_mean

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 64
_MAX_VALUES = 100_000
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
Path_ = tuple[int | str, ...]
T = typing.TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document as raw values plus the position of every key and value, by path."""

    file: str
    raw: Any
    values_at: dict[Path_, Position]
    keys_at: dict[Path_, Position]

    def position(self, path: Path_ = ()) -> Position:
        """Where the value at `path` stands; of the nearest parent where there is none."""
        while path and path not in self.values_at:
            path = path[:-1]
        return self.values_at.get(path, Position(self.file, 1, 1))

    def key_position(self, path: Path_) -> Position:
        """Where the key at `path` stands; of its value or parent where there is none."""
        return self.keys_at.get(path) or self.position(path)


def read_text(path: Path) -> str:
    """The text of a file a user named. Raises UserInputError for a missing, oversized or non-UTF-8 file."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UserInputError(f"{path}: larger than 16 MiB: not a file of this tool")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserInputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None


def parse_all(text: str, file: str) -> list[Document]:
    """Every YAML document in the text (Kubernetes files hold several). Raises DataError at the first syntax fault."""
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        raise DataError.at(place, f"not valid YAML: {error.problem or error}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError.at(Position(file, 1, 1), f"not valid YAML: {error}") from None
    return [_document(node, file) for node in nodes if node is not None]


def parse(text: str, file: str) -> Document:
    """The single YAML document in the text."""
    documents = parse_all(text, file)
    if len(documents) != 1:
        raise DataError.at(Position(file, 1, 1), f"expected one YAML document, found {len(documents)}")
    return documents[0]


def load(text: str, file: str, kind: type[T]) -> T:
    """Parse and check in one step."""
    return typed(parse(text, file), kind)


def typed(document: Document, kind: type[T]) -> T:
    """The document as `kind`. Raises DataError with every fault at its position."""
    try:
        return typing.cast(T, _adapter(typing.cast(Any, kind)).validate_python(document.raw))
    except ValidationError as error:
        raise DataError([_fault(document, kind, details) for details in error.errors(include_url=False)]) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type that pydantic knows
    return TypeAdapter(kind)


def json_schema(kind: type) -> dict[str, Any]:
    """The JSON Schema of a file's type."""
    return _adapter(kind).json_schema()


# ---- YAML nodes to raw values and positions


def _document(root: yaml.Node, file: str) -> Document:
    document = Document(file, None, {}, {})
    raw = _raw(root, (), document, frozenset())
    return dataclasses.replace(document, raw=raw)


def _raw(node: yaml.Node, path: Path_, into: Document, parents: frozenset[int]) -> Any:  # noqa: ANN401
    at = _place(node, into.file)
    if id(node) in parents or len(path) > _MAX_DEPTH:
        raise DataError.at(at, "nested too deep or referring to itself")
    if len(into.values_at) >= _MAX_VALUES:
        raise DataError.at(at, f"more than {_MAX_VALUES:,} values: aliases that blow up a small file are refused")
    into.values_at[path] = at
    inside = parents | {id(node)}
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, into, inside)
    if isinstance(node, yaml.SequenceNode):
        return [_raw(child, (*path, index), into, inside) for index, child in enumerate(node.value)]
    plain = isinstance(node, yaml.ScalarNode) and not node.style
    return None if plain and node.value in _NULLS else node.value


def _mapping(node: yaml.MappingNode, path: Path_, into: Document, parents: frozenset[int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise DataError.at(_place(key, into.file), "a key must be plain text")
        if key.value in result:
            raise DataError.at(_place(key, into.file), f"{key.value}: given twice")
        into.keys_at[(*path, key.value)] = _place(key, into.file)
        result[key.value] = _raw(value, (*path, key.value), into, parents)
    return result


def _place(node: yaml.Node, file: str) -> Position:
    return Position(file, node.start_mark.line + 1, node.start_mark.column + 1)


# ---- pydantic's faults in our words


def _fault(document: Document, kind: type, details: ErrorDetails) -> Fault:
    path = _document_path(document, details["loc"])
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FieldFault):
        path = (*path, cause.field)
    place = document.position(path)
    name = ".".join(str(part) for part in path) or "file"
    match details["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            return Fault(str(document.key_position(path)), f"{name}: unknown key{_suggest(kind, path)}")
        case "missing":
            return Fault(str(place), f"{name}: required, but missing")
        case "value_error":
            return Fault(str(place), f"{name}: {cause}")
        case _:
            given = details["input"]
            shown = f", found {given!r}" if isinstance(given, str | int | float) else ""
            return Fault(str(place), f"{name}: {details['msg'][:1].lower()}{details['msg'][1:]}{shown}")


def _document_path(document: Document, location: Path_) -> Path_:
    """Drop the parts of a pydantic location that name a union's branch and not a key of the file."""
    path: Path_ = ()
    value = document.raw
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(value, dict) and (part in value or last):
            path, value = (*path, part), value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path, value = (*path, part), value[part]
    return path


def _suggest(kind: object, path: Path_) -> str:
    """`; did you mean pause_s?` from the fields of the dataclass that holds the unknown key."""
    owner = _owner(kind, path[:-1])
    if owner is None:
        return ""
    wrong = str(path[-1])
    for field in dataclasses.fields(owner):
        if wrong in field.metadata.get("synonyms", ()):
            return f"; did you mean {field.name}?"
    names = [field.name for field in dataclasses.fields(owner)]
    return did_you_mean(wrong, names) or f"; known: {', '.join(names)}"


def _owner(kind: object, path: Path_) -> Any:  # noqa: ANN401 - a dataclass or None
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
