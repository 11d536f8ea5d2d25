"""measurements/<deployment>.csv beside a plan: rows are added, never changed; half a row is never left behind."""

import contextlib
import csv
import dataclasses
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from advisor.documents import read_text
from advisor.domain.measurement import Measurement
from advisor.errors import DataError, UserInputError

FOLDER: Final = "measurements"
COLUMNS: Final = tuple(field.name for field in dataclasses.fields(Measurement))


def measurements_path(plan: Path, deployment: str) -> Path:
    """Beside the plan, one table a deployment."""
    return plan.parent / FOLDER / f"{deployment}.csv"


def append_measurements(plan: Path, deployment: str, rows: Sequence[Measurement]) -> tuple[Path, int]:
    """Add the rows that are not there yet; where they are, and how many were new.

    Raises DataError for a table of other columns, UserInputError when it cannot be written.
    """
    path = measurements_path(plan, deployment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path)
        held = _held(path)
        new = [row for row in rows if row.row_id not in held]
        if new:
            _append(path, _text(new))
    except OSError as error:
        raise UserInputError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path, len(new)


def _create(path: Path) -> None:
    """With its header, in one step; a table that is there, or that somebody else makes meanwhile, stays as it is."""
    if path.exists():
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".measurements.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(_line(COLUMNS))
        Path(name).chmod(0o644)
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _held(path: Path) -> set[str]:
    """The ids of the rows there."""
    try:
        rows = list(csv.reader(io.StringIO(read_text(path))))
    except csv.Error as error:
        raise DataError.at(path, f"not a table: {error}") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise DataError.at(f"{path}:1:1", "has other columns than this version writes: rename it, then --record starts a new one")
    return {row[0] for row in rows[1:] if row}


def _append(path: Path, text: str) -> None:
    """One write at the end of the file, so that two recorders do not mix; taken back where the disk was full in the middle."""
    data = text.encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(descriptor).st_size
        if size and os.lseek(descriptor, -1, os.SEEK_END) and os.read(descriptor, 1) != b"\n":
            data = b"\n" + data  # a row that somebody's editor left without its end
        if os.write(descriptor, data) < len(data):
            os.ftruncate(descriptor, size)
            raise OSError("the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(rows: Sequence[Measurement]) -> str:
    return "".join(_line(["" if value is None else value for value in dataclasses.astuple(row)]) for row in rows)


def _line(cells: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
