"""Answers as people type them, to values. Each function refuses what it does not understand with an example of what it does."""

import difflib
import re
from collections.abc import Sequence
from typing import Final

from advisor.errors import UserInputError

NOTHING: Final = frozenset({"none", "no", "no limit", "-"})
_NUMBER: Final = r"(\d[\d,_']*(?:\.\d+)?)\s*(k|K|M)?"
_COUNT: Final = re.compile(_NUMBER)
_SECONDS: Final = re.compile(_NUMBER + r"\s*(ms|s|sec|seconds|min|minutes|h|hours)?")
_SPEED: Final = re.compile(_NUMBER + r"\s*(tokens?\s*/\s*s|tokens? per second|tok/s|/s|ms|s)?")
_SCALE: Final = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_UNIT_S: Final = {"": 1.0, "ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "min": 60.0, "minutes": 60.0, "h": 3600.0, "hours": 3600.0}


def choice(text: str, choices: Sequence[str]) -> str:
    """One of the choices, written whole or as a beginning that only one of them has; blanks and dashes count as underscores."""
    wanted = re.sub(r"[\s-]+", "_", text.strip().casefold())
    meant = [name for name in choices if name == wanted] or [name for name in choices if name.startswith(wanted)]
    if len(meant) == 1:
        return meant[0]
    near = meant or difflib.get_close_matches(wanted, choices, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of: {', '.join(choices)}"
    raise UserInputError(f'"{text}" is not one of the choices; {hint}')


def plain(value: float) -> float:
    """Whole numbers without a decimal point, as a person would write them."""
    return int(value) if value == int(value) else float(f"{value:.12g}")


def count(text: str, what: str) -> int:
    """A whole number above zero: `240`, `10,000`, `4k`."""
    value = _number(_COUNT, text, f"{what} as a whole number, such as 240 or 4k")[0]
    if value < 1 or value != int(value):
        raise UserInputError(f'"{text}": {what} must be a whole number of at least 1')
    return int(value)


def number(text: str, example: str) -> float:
    """A number of at least zero, with or without a unit sign that `example` shows."""
    return plain(_number(_COUNT, text.strip().rstrip("%").removeprefix("$").strip().removesuffix("USD"), f"a number such as {example}")[0])


def seconds(text: str) -> float:
    """A duration in seconds: `2`, `500 ms`, `2 min`."""
    value, unit = _number(_SECONDS, text, "a duration such as 2 s, 500 ms or 2 min")
    return plain(value * _UNIT_S[unit])


def seconds_per_token(text: str) -> float:
    """A speed, `20 tokens/s`, or a time per token, `50 ms`, as seconds per token. A bare number of at least 1 is a speed."""
    value, unit = _number(_SPEED, text, "a speed such as 20 tokens/s, or a time per token such as 50 ms")
    if value <= 0:
        raise UserInputError(f'"{text}": must be above 0')
    if unit in ("ms", "s") or (not unit and value < 1):
        return plain(value * _UNIT_S[unit])
    return plain(1 / value)


def _number(pattern: re.Pattern[str], text: str, wanted: str) -> tuple[float, str]:
    match = pattern.fullmatch(text.strip())
    if match is None:
        raise UserInputError(f'"{text}" is not understood; give {wanted}')
    digits = re.sub(r"[,_']", "", match[1])
    return float(digits) * _SCALE[match[2] or ""], (match[3] or "") if pattern.groups > 2 else ""
