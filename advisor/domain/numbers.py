"""Numbers of a file that cannot be meant: each fault names its field."""

from collections.abc import Sequence
from typing import Final

from advisor.domain.strict import FieldFault

_MOST: Final = 10**9  # of tokens, users, seconds: beyond any service, and where a slip of units shows


def shown(value: float) -> str:
    """A number as its owner wrote it; of a very long one its length."""
    text = str(value) if isinstance(value, int) else f"{value:g}"
    return text if len(text) <= 20 else f"a number of {len(text)} digits"


def positive(owner: object, *names: str, most: float = _MOST) -> None:
    """Raises FieldFault for the first of these fields that is given and not above 0, or above `most`."""
    for name in names:
        value = getattr(owner, name)
        if value is not None and value <= 0:
            raise FieldFault(name, f"{shown(value)} must be above 0")
    _not_above(owner, names, most)


def not_negative(owner: object, *names: str, most: float = _MOST) -> None:
    """The same with 0 allowed."""
    for name in names:
        value = getattr(owner, name)
        if value is not None and value < 0:
            raise FieldFault(name, f"{shown(value)} must not be negative")
    _not_above(owner, names, most)


def _not_above(owner: object, names: Sequence[str], most: float) -> None:
    for name in names:
        value = getattr(owner, name)
        if value is not None and value > most:
            raise FieldFault(name, f"{shown(value)} is above {most:,}, the most that is reckoned with: a slip of units?")
