"""Numbers that grow with the cells of a context: one run of the allocator answers for every context in which it would decide the same.

A form is `value * 2^64 + slope`: sums and comparisons of forms are those of whole numbers, and a comparison keeps its outcome until the
cells are reached at which the difference of its sides is zero. Such differences are margins; what lies between the nearest two zeros is a
straight piece of the function (exactly: every tensor's bytes are a multiple of the cells, which come in multiples of 256, or a constant).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SHIFT: Final = 64
_HALF: Final = 1 << (_SHIFT - 1)
_FAR: Final = 1 << 62


class Cells(int):
    """The cells of a cache that is as long as the context, as a dimension of a tensor."""

    __slots__ = ()


def form(value: int, slope: int = 0) -> int:
    """`slope` more for every cell more."""
    return (value << _SHIFT) + slope


def parts(number: int) -> tuple[int, int]:
    """Value and slope of a form."""
    value = (number + _HALF) >> _SHIFT
    return value, number - (value << _SHIFT)


def size_form(shape: tuple[int, ...], size_bytes: int) -> int:
    """Bytes of a tensor: in proportion to the cells where they are its first dimension."""
    return (size_bytes << _SHIFT) + (size_bytes // shape[0] if type(shape[0]) is Cells else 0)


def shape_margins(one: tuple[int, ...], other: tuple[int, ...]) -> list[int]:
    """Dimensions that are equal at some number of cells only."""
    pairs = zip(one, other, strict=False)
    return [form(a - b, (type(a) is Cells) - (type(b) is Cells)) for a, b in pairs if type(a) is not type(b)]


@dataclass(frozen=True, slots=True)
class Piece:
    """A straight piece: `value` at `cells`, `slope` for each one more, from `first` to `last`."""

    cells: int
    value: int
    slope: int
    first: int
    last: int

    def at(self, cells: int) -> int:
        """The value within the piece."""
        return self.value + self.slope * (cells - self.cells)


def piece(cells: int, peak: int, margins: Iterable[int]) -> Piece | None:
    """The piece around `cells`; None where a comparison is undecided just there, so that neither side's outcome holds."""
    first, last = 0, _FAR
    for value, slope in map(parts, margins):
        if not slope:
            continue
        if not value:
            return None
        within = (abs(value) - 1) // abs(slope)
        if (value > 0) == (slope > 0):
            first = max(first, cells - within)
        else:
            last = min(last, cells + within)
    return Piece(cells, *parts(peak), first, last)
