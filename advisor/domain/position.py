"""A place in a file. Every value read from a file can say where it stands."""

from dataclasses import dataclass

Path_ = tuple[int | str, ...]  # of a value in a document: keys, and indices of lists


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A one-based line and column in a file, printed as `file:line:column`."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
