"""A number with its range, its basis and its source. No estimate leaves the advisor without them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from advisor.units import significant


class Basis(StrEnum):
    """Where an output number comes from, strongest first; `stated` is for money computed from given prices."""

    EXACT = "exact"
    STATED = "stated"
    MEASURED = "measured"
    SCALED = "scaled"
    MODELLED = "modelled"


class InputBasis(StrEnum):
    """Where an input comes from: the user said it, a preset supplied it, or it was assumed."""

    STATED = "stated"
    PRESET = "preset"
    ASSUMED = "assumed"


_STRENGTH = {basis: rank for rank, basis in enumerate(Basis)}


def weakest(bases: Iterable[Basis]) -> Basis:
    """The basis of a result that rests on all of these; exact when there are none."""
    return max(bases, key=_STRENGTH.__getitem__, default=Basis.EXACT)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its 80 % range. The unit is in the name of the field that holds it."""

    value: float
    low: float
    high: float
    basis: Basis
    source: str

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"a range must hold its value: {self.low} <= {self.value} <= {self.high} ({self.source})")

    def times(self, factor: float) -> "Quantity":
        """The same quantity scaled by an exact, non-negative number."""
        return Quantity(self.value * factor, self.low * factor, self.high * factor, self.basis, self.source)

    def show(self, unit: str = "") -> str:
        """`1.2 s (0.90-1.9, scaled)`; exact numbers in full, without a range."""
        if self.basis in (Basis.EXACT, Basis.STATED) and self.low == self.high:
            return f"{self.value:,.10g}{unit} ({self.basis})"
        return f"{significant(self.value)}{unit} ({significant(self.low)}-{significant(self.high)}, {self.basis})"


def exact(value: float, source: str) -> Quantity:
    """Read from a file or an engine, or arithmetic on such numbers alone."""
    return Quantity(value, value, value, Basis.EXACT, source)


def stated(value: float, source: str) -> Quantity:
    """Money computed from given prices alone."""
    return Quantity(value, value, value, Basis.STATED, source)


def total(parts: Iterable[Quantity], source: str) -> Quantity:
    """The sum; ranges add (errors of one estimate are not independent), the basis is the weakest of the non-zero parts."""
    value: float = 0
    low: float = 0
    high: float = 0
    basis = Basis.EXACT
    for part in parts:
        if part.high > 0:
            value, low, high = value + part.value, low + part.low, high + part.high
            if part.basis is not basis:
                basis = weakest((basis, part.basis))
    return Quantity(value, low, high, basis, source)
