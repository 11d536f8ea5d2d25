"""Quantities as people write them and as we print them: `3.35 TB/s` in, `1.2 s` out. No bare number escapes without a unit."""

import re
from typing import Final

MIB: Final = 1024**2
GIB: Final = 1024**3
HOURS_PER_MONTH: Final = 730
MONTHS_PER_YEAR: Final = 12
SECONDS_PER_HOUR: Final = 3600

_SCALE: Final = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_QUANTITY: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<prefix>[kMGTP]i?)?(?P<unit>[A-Za-z/]+)")


def parse_quantity(text: str, unit: str) -> float:
    """Read `3.35 TB/s` with `unit="B/s"` as 3.35e12. Raises ValueError that says what was expected.

    >>> parse_quantity("80 GiB", "B")
    85899345920.0
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match["unit"] != unit:
        raise ValueError(f"{text!r} is not a quantity in {unit}, such as '3.35 T{unit}'")
    return float(match["number"]) * _SCALE[match["prefix"] or ""]


def gib(size_bytes: float) -> float:
    """Bytes as GiB, for printing and for the two files that people edit."""
    return size_bytes / GIB


def gib_text(size_bytes: float, decimals: int = 1) -> str:
    """`1,234.5 GiB`."""
    return f"{gib(size_bytes):,.{decimals}f} GiB"


def size_unit(size_bytes: float) -> tuple[float, str]:
    """The bytes of the unit that a size is printed in, and its name: MiB below one GiB."""
    return (GIB, "GiB") if size_bytes >= GIB else (MIB, "MiB")


def time_unit(seconds: float) -> tuple[float, str]:
    """The seconds of the unit that a time is printed in, and its name: milliseconds below one second."""
    return (1.0, "s") if seconds >= 1 else (0.001, "ms")


def round_up(number: int, step: int) -> int:
    """The next multiple of `step`, the number itself where it is one."""
    return -(-number // step) * step


def significant(value: float, digits: int = 2) -> str:
    """A number with `digits` significant digits and thousands separators: 1234 -> '1,200', 0.0345 -> '0.034'."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    if abs(rounded) >= 10 ** (digits - 1):
        return f"{rounded:,.0f}"
    decimals = max(0, digits - 1 - int(f"{rounded:e}".split("e")[1]))
    return f"{rounded:,.{decimals}f}"
