"""YAML text to typed values, with every fault of a file at its line and column.

Scalars stay raw text until the schema gives them a type: `NO`, `off`, `1.10`, an all-digit revision, `22:30` and dates
survive where a string is wanted (YAML 1.1 would have turned each into something else). Only `null`, `~` and nothing are null.
"""

import dataclasses
import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from advisor.document_faults import expectation, unknown_key, wording
from advisor.domain.position import Position
from advisor.domain.strict import FieldFault
from advisor.errors import DataError, Fault, UserInputError

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 64
_MAX_VALUES = 100_000
_CHECKED_FROM_CHARACTERS = 2_000  # a shorter text cannot nest deep enough to exhaust the stack of the parser written in C
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
Path_ = tuple[int | str, ...]
T = typing.TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document as raw values plus the position of every key and value, by path."""

    file: str
    raw: Any
    values_at: dict[Path_, Position]
    keys_at: dict[Path_, Position]
    controls: dict[Path_, Position] = field(default_factory=dict)  # texts that would steer a terminal

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
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)  # a device or a pipe may have no end
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # a null byte in the name
        raise UserInputError(f"{str(path)!r}: not a file name: {error}") from None
    if len(content) > _MAX_BYTES:
        raise UserInputError(f"{path}: larger than 16 MiB: not a file of this tool")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserInputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def parse_all(text: str, file: str) -> list[Document]:
    """Every YAML document in the text (Kubernetes files hold several). Raises DataError at the first syntax fault."""
    try:
        _refuse_bombs(text, file)
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        raise DataError.at(place, f"not valid YAML: {error.problem or error}") from None
    except yaml.reader.ReaderError as error:
        character = chr(error.character)  # its position counts bytes or characters, depending on the parser
        before = text[: text.find(character)]
        place = Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DataError.at(place, f"not valid YAML: the control character U+{error.character:04X}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError.at(Position(file, 1, 1), f"not valid YAML: {error}") from None
    return [_document(node, file) for node in nodes if node is not None]


def _refuse_bombs(text: str, file: str) -> None:
    """Stop at too much depth or too many values while reading events, before a tree is built: the C parser's recursion ends in a crash."""
    if len(text) < _CHECKED_FROM_CHARACTERS:
        return
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH or count > 3 * _MAX_VALUES:
            what = f"nested deeper than {_MAX_DEPTH} levels" if depth > _MAX_DEPTH else f"more than {_MAX_VALUES:,} values"
            raise DataError.at(_place(event, file), f"{what}: not a file of this tool")


def parse(text: str, file: str) -> Document:
    """The single YAML document in the text."""
    documents = parse_all(text, file)
    if not documents:
        raise DataError.at(Position(file, 1, 1), "the file is empty")
    if len(documents) > 1:
        raise DataError.at(documents[1].position(), f"a second YAML document: expected one, found {len(documents)}")
    return documents[0]


def load(text: str, file: str, kind: type[T]) -> T:
    """Parse and check in one step."""
    return typed(parse(text, file), kind)


def typed(document: Document, kind: type[T]) -> T:
    """The document as `kind`. Raises DataError with every fault at its position."""
    if document.controls:
        fault = "holds control characters, which would steer the terminal of whoever reads it: remove them"
        raise DataError([Fault(str(place), f"{dotted(path)!r}: {fault}") for path, place in document.controls.items()])
    try:
        return typing.cast(T, _adapter(typing.cast(Any, kind)).validate_python(document.raw))
    except ValidationError as error:
        raise DataError(faults_of(error, document, kind)) from None


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
    _note_controls(node.value, path, into)
    return None if plain and node.value in _NULLS else node.value


def _mapping(node: yaml.MappingNode, path: Path_, into: Document, parents: frozenset[int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise DataError.at(_place(key, into.file), "a key must be plain text")
        if key.value in result:
            raise DataError.at(_place(key, into.file), f"{key.value}: given twice")
        into.keys_at[(*path, key.value)] = _place(key, into.file)
        _note_controls(key.value, (*path, key.value), into)
        result[key.value] = _raw(value, (*path, key.value), into, parents)
    return result


def _note_controls(text: str, path: Path_, into: Document) -> None:
    if not text.isprintable() and _CONTROL.search(text):
        into.controls[path] = into.keys_at.get(path) or into.position(path)


def _place(node: yaml.Node | yaml.Event, file: str) -> Position:
    mark = node.start_mark
    return Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)


# ---- pydantic's faults in our words


def faults_of(error: ValidationError, document: Document, kind: type) -> list[Fault]:
    """One fault a value, in the order of the file's schema."""
    by_path: dict[Path_, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        path = _document_path(document, details["loc"])
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, FieldFault):
            path = (*path, cause.field)
        by_path.setdefault(path, []).append(details)
    return [_fault(document, kind, path, details) for path, details in by_path.items() if not _other_branch(path, details, by_path)]


def _other_branch(path: Path_, details: list[ErrorDetails], others: Iterable[Path_]) -> bool:
    """True for "or it could have been another kind of value", where a fault inside the value shows which kind was meant."""
    inside = any(len(other) > len(path) and other[: len(path)] == path for other in others)
    return inside and all(expectation(one) is not None for one in details)


def _fault(document: Document, kind: type, path: Path_, details: list[ErrorDetails]) -> Fault:
    place, name = document.position(path), dotted(path)
    match details[0]["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            return Fault(str(document.key_position(path)), f"{name}: {unknown_key(kind, path)}")
        case "missing":
            return Fault(str(place), f"{name}: required, but missing")
        case "value_error":
            return Fault(str(place), f"{name}: {details[0].get('ctx', {}).get('error')}")
        case _:
            return Fault(str(place), f"{name}: {wording(details, whole_file=not path)}")


def dotted(path: Path_) -> str:
    """`hardware.owned[0].device`"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "file"


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
