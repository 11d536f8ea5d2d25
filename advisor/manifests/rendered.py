"""What a render gives: files, and what a person has to provide before they work."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A file's path, relative to the output folder, and its whole text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files of one target. `needs` are sentences: what nobody but the user can provide."""

    files: tuple[RenderedFile, ...]
    needs: tuple[str, ...]
