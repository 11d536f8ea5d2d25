"""Two engines' throughput over the number of requests at once, and where the lines cross: the same arithmetic for what was measured and
for what is predicted.

The range of a ratio of two predictions: their errors come from different fits, so the logarithms of their ranges add as squares.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from advisor.domain.quantity import Quantity, weakest

EVEN = 0.03  # closer than this is called even: runs of the same server differ by as much


@dataclass(frozen=True, slots=True)
class Crossing:
    """`overtakes` is ahead from about `concurrency` requests at once, which lies between two loads that were looked at.

    `low` and `high`: where it is with the ratio at either end of its range; None beyond the loads looked at, or without a range.
    """

    concurrency: float
    between: tuple[int, int]
    overtakes: str
    overtaken: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both engines under the loads that both have. `ratios` are second over first, by load; `crossings` from low to high."""

    first: str
    second: str
    ratios: dict[int, float]
    crossings: tuple[Crossing, ...]

    def sentence(self) -> str:
        """The finding in words."""
        if not self.ratios:
            return f"nothing to compare: no load was served by both {self.first} and {self.second}"
        if self.crossings:
            return "; ".join(_words(crossing) for crossing in self.crossings)
        low, high = min(self.ratios.values()), max(self.ratios.values())
        if low > 1 - EVEN and high < 1 + EVEN:
            return f"{self.first} and {self.second} are even at every load"
        ahead, least, most = (self.second, low, high) if high > 1 + EVEN else (self.first, 1 / high, 1 / low)
        return f"{ahead} is ahead at every load, {times(least)} to {times(most)}: the lines do not cross from {self._loads()} at once"

    def _loads(self) -> str:
        return f"{min(self.ratios)} to {max(self.ratios)}"


def ratio_of(second: Quantity, first: Quantity) -> Quantity:
    """Second over first. Both must be above 0."""
    value = second.value / first.value
    down = math.hypot(math.log(second.value / second.low), math.log(first.high / first.value))
    up = math.hypot(math.log(second.high / second.value), math.log(first.value / first.low))
    basis, source = weakest((second.basis, first.basis)), f"{second.source}; {first.source}"
    return Quantity(value, value * math.exp(-down), value * math.exp(up), basis, source)


def compare(first: str, second: str, ratios: Mapping[int, Quantity]) -> Comparison:
    """Where one passes the other, by load: `ratios` are second over first."""
    values = {load: ratio.value for load, ratio in ratios.items()}
    found = tuple(crossings(first, second, values))
    ranged = any(ratio.low < ratio.high for ratio in ratios.values())
    return Comparison(first, second, values, tuple(_with_range(one, ratios) for one in found) if ranged and len(found) == 1 else found)


def crossings(first: str, second: str, ratios: Mapping[int, float]) -> Iterator[Crossing]:
    """Loads at which they are even decide nothing; the crossing lies between those that do."""
    decided = [(load, ratio) for load, ratio in ratios.items() if abs(ratio - 1) > EVEN]
    for (below, before), (above, after) in pairwise(decided):
        if (before < 1) != (after < 1):
            overtakes, overtaken = (second, first) if after > 1 else (first, second)
            yield Crossing(_zero_between(below, math.log(before), above, math.log(after)), (below, above), overtakes, overtaken)


def _zero_between(below: int, before: float, above: int, after: float) -> float:
    """Straight between the two points in log(ratio) over log(load): loads double from one to the next."""
    share = before / (before - after)
    return float(below * (above / below) ** share)


def _with_range(crossing: Crossing, ratios: Mapping[int, Quantity]) -> Crossing:
    """The same lines, each at the end of its range that lets the crossing come early, and late."""

    def at(end: Callable[[Quantity], float]) -> float | None:
        moved = list(crossings("", "", {load: end(ratio) for load, ratio in ratios.items()}))
        return moved[0].concurrency if moved else None

    ends = sorted(found for found in (at(lambda r: r.low), at(lambda r: r.high)) if found is not None)
    low = next((found for found in ends if found <= crossing.concurrency), None)
    high = next((found for found in reversed(ends) if found >= crossing.concurrency), None)
    return replace(crossing, low=low, high=high)


def _words(crossing: Crossing) -> str:
    low, high = crossing.between
    return f"{crossing.overtakes} overtakes {crossing.overtaken} at about {crossing.concurrency:.1f} at once (between {low} and {high})"


def times(ratio: float) -> str:
    """`1.25x`; whole from ten on."""
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"
