"""YAML events to raw values and to where each of them stands: one pass without recursion, whatever the text nests or refers to.

The parser's own trees are not used: they are built by recursion in C, which deep nesting ends in a crash, and they type every scalar.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import yaml

from advisor.domain.position import Path_, Position
from advisor.errors import DataError

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH: Final = 64
_MAX_VALUES: Final = 100_000
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Mark(Protocol):
    """A place as the parsers, in C or not, give it: both numbers count from 0."""

    @property
    def line(self) -> int:
        """Of the text."""

    @property
    def column(self) -> int:
        """Of the line."""


_Places = tuple[Mark | None, Any]  # of a value; then None, its items' places, or by key (the key's mark, the value's places)


@dataclass(frozen=True, slots=True)
class YamlPlaces:
    """Where the values and keys of one document stand. Positions are made when they are asked for: nearly none ever is."""

    file: str
    root: _Places

    def value_at(self, path: Path_) -> Position | None:
        """Where the value at `path` starts; None where there is none."""
        found = self._find(path)
        return found and position_of(found[0], self.file)

    def key_at(self, path: Path_) -> Position | None:
        """Where the key at `path` starts; None where there is none."""
        parent = self._find(path[:-1]) if path else None
        entry = parent[1].get(path[-1]) if parent and isinstance(parent[1], dict) else None
        return entry and position_of(entry[0], self.file)

    def _find(self, path: Path_) -> _Places | None:
        found: _Places | None = self.root
        for step in path:
            inside = found[1] if found else None
            if isinstance(inside, dict):
                found = entry[1] if (entry := inside.get(step)) else None
            else:
                found = inside[step] if isinstance(inside, list) and isinstance(step, int) and 0 <= step < len(inside) else None
        return found


@dataclass(frozen=True, slots=True)
class Tree:
    """One YAML document; `controls` are the paths of texts that would steer a terminal."""

    raw: Any
    places: YamlPlaces
    controls: tuple[Path_, ...]


def read_trees(text: str, file: str) -> list[Tree]:
    """Every document of the text. Raises DataError for what no file of this tool holds, and the parser's own errors."""
    trees = []
    builder = _Builder(file)
    for event in yaml.parse(text, Loader=_Loader):
        match event:
            case yaml.ScalarEvent():
                builder.scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                builder.open(event)
            case yaml.CollectionEndEvent():
                builder.close()
            case yaml.AliasEvent():
                builder.alias(event)
            case yaml.DocumentEndEvent():
                trees.append(builder.tree())
                builder = _Builder(file)
    return trees


def position_of(mark: Mark | None, file: str) -> Position:
    """A mark as people count."""
    return Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet. `values_before` were read before it; `height` is the depth of what it holds."""

    raw: Any
    places: Any
    mark: Mark | None
    anchor: str | None
    values_before: int
    height: int = 0
    key: str | None = None
    key_mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A finished value that an alias may repeat; `text` is a scalar's, which may also stand as a key."""

    raw: Any
    places: _Places
    values: int
    height: int
    text: str | None


@dataclass(slots=True)
class _Builder:
    """Puts the events of one document together."""

    file: str
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Anchored | None] = field(default_factory=dict)  # None: not finished
    controls: list[Path_] = field(default_factory=list)
    values: int = 0
    root: tuple[Any, _Places] | None = None

    def tree(self) -> Tree:
        """The finished document."""
        assert self.root is not None  # noqa: S101 - every document has a root
        raw, places = self.root
        return Tree(raw, YamlPlaces(self.file, places), tuple(self.controls))

    def scalar(self, event: yaml.ScalarEvent) -> None:
        """A key where one is due, else a value."""
        text, mark = event.value, event.start_mark
        if self._key_is_due():
            if event.anchor:
                self._new_anchor(event.anchor, mark, _Anchored(text, (mark, None), 1, 0, text))
            self._set_key(text, mark)
            return
        raw = None if not event.style and text in _NULLS else text
        if event.anchor:
            self._new_anchor(event.anchor, mark, _Anchored(raw, (mark, None), 1, 0, text))
        if not text.isprintable():
            self._note_controls(text)
        self._add(raw, (mark, None), mark, values=1)

    def open(self, event: yaml.CollectionStartEvent) -> None:
        """The start of a mapping or a list."""
        self._refuse_as_key(event)
        if event.anchor:
            self._new_anchor(event.anchor, event.start_mark, None)
        if len(self.stack) >= _MAX_DEPTH:
            raise self._fault(event.start_mark, f"nested deeper than {_MAX_DEPTH} levels: not a file of this tool")
        made: tuple[Any, Any] = ({}, {}) if type(event) is yaml.MappingStartEvent else ([], [])
        self.stack.append(_Open(*made, event.start_mark, event.anchor, self.values))

    def close(self) -> None:
        """The end of the innermost mapping or list."""
        done = self.stack.pop()
        places = (done.mark, done.places)
        self._add(done.raw, places, done.mark, values=1, height=done.height + 1)
        if done.anchor:
            self.anchors[done.anchor] = _Anchored(done.raw, places, self.values - done.values_before, done.height + 1, None)

    def alias(self, event: yaml.AliasEvent) -> None:
        """What an anchor named before, once more."""
        name = str(event.anchor)
        if name not in self.anchors:
            raise self._fault(event.start_mark, f"not valid YAML: found undefined alias *{name}")
        found = self.anchors[name]
        if found is None or len(self.stack) + found.height > _MAX_DEPTH:
            raise self._fault(event.start_mark, "nested too deep or referring to itself")
        if self._key_is_due():
            if found.text is None:
                self._refuse_as_key(event)
            self._set_key(str(found.text), event.start_mark)
            return
        self._add(found.raw, found.places, event.start_mark, values=found.values, height=found.height)

    def _key_is_due(self) -> bool:
        return bool(self.stack) and self.stack[-1].key is None and isinstance(self.stack[-1].raw, dict)

    def _set_key(self, text: str, mark: Mark | None) -> None:
        into = self.stack[-1]
        if text in into.raw:
            raise self._fault(mark, f"{text}: given twice")
        into.key, into.key_mark = text, mark
        if not text.isprintable():
            self._note_controls(text)

    def _refuse_as_key(self, event: yaml.Event) -> None:
        if self._key_is_due():
            raise self._fault(event.start_mark, "a key must be plain text")

    def _new_anchor(self, name: str, mark: Mark | None, value: _Anchored | None) -> None:
        if name in self.anchors:
            raise self._fault(mark, f"not valid YAML: &{name} names something else already")
        self.anchors[name] = value

    def _add(self, raw: Any, places: _Places, mark: Mark | None, *, values: int, height: int = 0) -> None:  # noqa: ANN401
        self.values += values
        if self.values > _MAX_VALUES:
            why = "aliases that blow up a small file are refused" if values > 1 else "not a file of this tool"
            raise self._fault(mark, f"more than {_MAX_VALUES:,} values: {why}")
        if not self.stack:
            self.root = raw, places
            return
        into = self.stack[-1]
        into.height = max(into.height, height)
        if into.key is None:
            into.raw.append(raw)
            into.places.append(places)
        else:
            into.raw[into.key] = raw
            into.places[into.key] = (into.key_mark, places)
            into.key = None

    def _note_controls(self, text: str) -> None:
        """Remember where we are: at a key, or at the value that comes next."""
        if _CONTROL.search(text):
            steps = [len(one.raw) if isinstance(one.raw, list) else one.key for one in self.stack]
            self.controls.append(tuple(step for step in steps if step is not None))

    def _fault(self, mark: Mark | None, message: str) -> DataError:
        return DataError.at(position_of(mark, self.file), message)
