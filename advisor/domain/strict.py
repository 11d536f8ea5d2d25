"""How the dataclasses of files behave: unknown keys refused, no infinities. One constant, so that every schema is equally strict."""

from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

STRICT: Final[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}


def _iso(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is not a date such as 2026-11-20") from None


IsoDate = Annotated[str, AfterValidator(_iso)]
Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FieldFault(ValueError):
    """A fault that a dataclass finds in one of its own fields; the loader turns `field` into a line and column."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


def plain_scalar(value: bool | int | float | str) -> bool | int | float | str:
    """A flag's value as people mean it: `true`, `16384` and `0.92` are not text, whether they were quoted or not."""
    if not isinstance(value, str):
        return value
    if value in ("true", "false"):
        return value == "true"
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value
