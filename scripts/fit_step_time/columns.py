"""Dataclasses of numbers as one dataclass of columns, so that a formula written for numbers runs on all rows at once."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def stacked(rows: Sequence[T]) -> T:
    """The same dataclass with an array in each field."""
    kind = type(rows[0])
    return kind(**{f.name: np.array([float(getattr(row, f.name)) for row in rows]) for f in fields(kind)})  # type: ignore[arg-type]
