"""Reading YAML objects that other tools wrote: by path, forgiving about what is missing, exact about places."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from advisor.documents import Document, Path_
from advisor.domain.position import Position
from advisor.manifests.found import Word


@dataclass(frozen=True, slots=True)
class At:
    """A value inside a document and its path; missing steps give an empty one."""

    document: Document
    path: Path_ = ()

    def __truediv__(self, step: str | int) -> "At":
        return At(self.document, (*self.path, step))

    @property
    def value(self) -> Any:  # noqa: ANN401 - whatever the file holds
        """The raw value, through YAML merges (`<<`); None where there is nothing."""
        return self._resolved()[0]

    @property
    def position(self) -> Position:
        """Where the value stands, or its nearest parent."""
        return self.document.position(self._resolved()[1])

    def _resolved(self) -> tuple[Any, Path_]:
        value: Any = self.document.raw
        path: Path_ = ()
        for step in self.path:
            value, path = _step(value, path, step)
            if value is None:
                return None, path
        return value, path

    def text(self) -> str | None:
        """The value, if it is a scalar."""
        value = self.value
        return value if isinstance(value, str) else None

    def number(self) -> int | None:
        """The value, if it is a whole number."""
        text = self.text()
        return int(text) if text is not None and text.isdigit() else None

    def mapping(self) -> dict[str, str]:
        """Text values of a mapping."""
        value = self.value
        return {key: each for key, each in value.items() if isinstance(each, str)} if isinstance(value, dict) else {}

    def items(self) -> "Iterator[At]":
        """The items of a list."""
        value = self.value
        return (self / index for index in range(len(value))) if isinstance(value, list) else iter(())

    def keys(self) -> "Iterator[str]":
        """The keys of a mapping."""
        value = self.value
        return iter(value) if isinstance(value, dict) else iter(())

    def words(self) -> list[Word]:
        """The scalars of a list."""
        return [Word(text, item.position) for item in self.items() if (text := item.text()) is not None]


def _step(value: Any, path: Path_, step: str | int) -> tuple[Any, Path_]:  # noqa: ANN401
    if isinstance(value, list) and isinstance(step, int):
        return (value[step] if step < len(value) else None), (*path, step)
    if not isinstance(value, dict):
        return None, path
    if step in value:
        return value[step], (*path, step)
    merged = value.get("<<")
    sources = merged if isinstance(merged, list) else [merged]
    for index, source in enumerate(sources):
        where: Path_ = (*path, "<<", index) if isinstance(merged, list) else (*path, "<<")
        if isinstance(source, dict):
            found, found_at = _step(source, where, step)
            if found is not None:
                return found, found_at
    return None, (*path, step)
