"""YAML text to typed values, with every fault of a file at its line and column.

Scalars stay raw text until the schema gives them a type: `NO`, `off`, `1.10`, an all-digit revision, `22:30` and dates
survive where a string is wanted (YAML 1.1 would have turned each into something else). Only `null`, `~` and nothing are null.
"""

import typing
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from advisor.document_faults import expectation, unknown_key, wording
from advisor.document_tree import position_of, read_trees
from advisor.domain import position
from advisor.domain.position import Position
from advisor.domain.strict import FieldFault
from advisor.errors import DataError, Fault, UserInputError

_MAX_BYTES = 16 * 1024 * 1024
Path_ = position.Path_
T = typing.TypeVar("T")


class Places(typing.Protocol):
    """Where the values and keys of a document stand, by path."""

    def value_at(self, path: Path_) -> Position | None:
        """Where a value starts; None where there is none."""

    def key_at(self, path: Path_) -> Position | None:
        """Where a key starts; None where there is none."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as raw values, and where each of them stands. `controls` are the paths of texts that would steer a terminal."""

    file: str
    raw: Any
    places: Places
    controls: tuple[Path_, ...] = ()

    def has(self, path: Path_) -> bool:
        """True where there is a value at `path`."""
        return self.places.value_at(path) is not None

    def position(self, path: Path_ = ()) -> Position:
        """Where the value at `path` stands; of the nearest parent where there is none."""
        while path and not self.has(path):
            path = path[:-1]
        return self.places.value_at(path) or Position(self.file, 1, 1)

    def key_position(self, path: Path_) -> Position:
        """Where the key at `path` stands; of its value or parent where there is none."""
        return self.places.key_at(path) or self.position(path)


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
        trees = read_trees(text, file)
    except yaml.MarkedYAMLError as error:
        place = position_of(error.problem_mark or error.context_mark, file)
        raise DataError.at(place, f"not valid YAML: {error.problem or error}") from None
    except yaml.reader.ReaderError as error:
        character = chr(error.character)  # its position counts bytes or characters, depending on the parser
        before = text[: text.find(character)]
        place = Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DataError.at(place, f"not valid YAML: the control character U+{error.character:04X}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError.at(Position(file, 1, 1), f"not valid YAML: {error}") from None
    return [Document(file, tree.raw, tree.places, tree.controls) for tree in trees]


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
        raise DataError([Fault(str(document.key_position(path)), f"{dotted(path)!r}: {fault}") for path in document.controls])
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
