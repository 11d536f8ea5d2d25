"""How the dataclasses of files behave: unknown keys refused, no infinities. One constant, so that every schema is equally strict."""

import math
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

STRICT: Final[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}
_LONGEST_NAME: Final = 63


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
            found = number(value)
        except ValueError:
            continue
        return found if math.isfinite(found) else value
    return value


def name_fault(text: str) -> str | None:
    """What is wrong with a name that will be part of file names and resource names; None for a usable one."""
    if text and len(text) <= _LONGEST_NAME and text[0].isalnum() and all(c.isalnum() or c in "._- " for c in text):
        return None
    found = text[:_LONGEST_NAME] + ("…" if len(text) > _LONGEST_NAME else "")
    return f"{found!r} is not a usable name: letters, digits, blanks and . _ -, a letter or digit first, at most {_LONGEST_NAME}"
