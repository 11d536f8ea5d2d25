"""A file appears under its name only when it is complete; an interrupted run leaves nothing. The disk is looked at first."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from advisor.errors import UserInputError
from advisor.units import gib_text

Progress = Callable[[int, int], None]  # bytes written, bytes in total


@contextmanager
def complete_or_absent(path: Path, *, needed_bytes: int) -> Iterator[BinaryIO]:
    """The file to write. Raises UserInputError when it cannot be written or the disk has less than `needed_bytes` free."""
    partial = path.with_name(path.name + ".partial")
    try:
        free_bytes = shutil.disk_usage(path.parent).free
        if needed_bytes > free_bytes:
            raise UserInputError(f"{path}: needs {gib_text(needed_bytes)}, {gib_text(free_bytes)} are free: free some, or write elsewhere")
        try:
            with partial.open("wb") as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
