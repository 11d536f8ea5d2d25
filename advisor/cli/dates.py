"""The day of a run: the one place that looks at the clock, and only for what is written into evidence."""

import os
from datetime import UTC, date, datetime
from typing import Final

from advisor.errors import UserInputError

_VARIABLE: Final = "ADVISOR_TODAY"


def today() -> str:
    """The date that evidence carries, ISO; ADVISOR_TODAY makes runs repeatable. Raises UserInputError when that is no date."""
    text = os.environ.get(_VARIABLE)
    if not text:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UserInputError(f"{_VARIABLE}: {text[:40]!r} is not a date such as 2026-11-20") from None
