"""catalog/left_out/*.csv: what was read and left out of the tables, and why, so that nobody adds it again unawares."""

from dataclasses import dataclass
from typing import Literal

from advisor.catalog.layers import Root
from advisor.catalog.records import csv_records
from advisor.domain.strict import STRICT


@dataclass(frozen=True, slots=True)
class LeftOut:
    """`rows` of a source that are not in a table, for one reason."""

    __pydantic_config__ = STRICT
    table: Literal["offers", "api_prices", "quality", "measurements"]
    what: str
    rows: int
    reason: str


def load_left_out(root: Root) -> tuple[LeftOut, ...]:
    """Everything that was left out."""
    return tuple(row for row, _ in csv_records(root, "left_out", LeftOut))
