"""Two engines' throughput over the number of requests at once, and where the lines cross. Pure arithmetic."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from advisor.domain.quantity import Quantity
from advisor.validation.contention import Contention

EVEN = 0.03  # closer than this is called even: runs of the same server differ by as much


@dataclass(frozen=True, slots=True)
class Point:
    """One load of one engine: so many requests at once. `predicted` is the output throughput that was expected.

    Times are medians over requests, in seconds; None where nothing was answered whole. `failed` requests count for nothing else.
    """

    concurrency: int
    output_tokens_per_s: float
    ttft_s: float | None
    tpot_s: float | None
    failed: int
    predicted: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """One engine: what was started, how long that took, what it did under each load, why it ended early (None: it did not)."""

    engine: str
    runtime: str
    version: str
    quantization: str
    start_s: float
    points: tuple[Point, ...]
    contention: Contention
    ended: str | None = None

    def at(self, concurrency: int) -> Point | None:
        """The point of this load."""
        return next((point for point in self.points if point.concurrency == concurrency), None)


@dataclass(frozen=True, slots=True)
class Crossing:
    """`overtakes` is ahead from about `concurrency` requests at once, which lies between two measured loads."""

    concurrency: float
    between: tuple[int, int]
    overtakes: str
    overtaken: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both engines under the loads that both were measured at. `ratios` are second over first, by load; `crossings` from low to high."""

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
        return f"{ahead} is ahead at every load, {_times(least)} to {_times(most)}: the lines do not cross from {self._loads()} at once"

    def _loads(self) -> str:
        return f"{min(self.ratios)} to {max(self.ratios)}"


def finding(curves: Sequence[Curve]) -> str:
    """Where the lines cross, or that there is only one."""
    return compare_measured(*curves).sentence() if len(curves) == 2 else f"only {curves[0].engine} was measured: nothing to compare"


def compare_measured(first: Curve, second: Curve) -> Comparison:
    """By measured output throughput."""
    return _compare(first, second, lambda point: point.output_tokens_per_s)


def compare_predicted(first: Curve, second: Curve) -> Comparison:
    """By the throughput that was predicted for the same loads."""
    return _compare(first, second, lambda point: point.predicted.value if point.predicted else 0.0)


def _compare(first: Curve, second: Curve, rate: Callable[[Point], float]) -> Comparison:
    ratios: dict[int, float] = {}
    for point in sorted(first.points, key=lambda each: each.concurrency):
        other = second.at(point.concurrency)
        if other is not None and rate(point) > 0 and rate(other) > 0:
            ratios[point.concurrency] = rate(other) / rate(point)
    return Comparison(first.engine, second.engine, ratios, tuple(_crossings(first.engine, second.engine, ratios)))


def _crossings(first: str, second: str, ratios: dict[int, float]) -> Iterator[Crossing]:
    """Where one passes the other. Loads at which they are even decide nothing; the crossing lies between those that do."""
    decided = [(load, ratio) for load, ratio in ratios.items() if abs(ratio - 1) > EVEN]
    for (below, before), (above, after) in pairwise(decided):
        if (before < 1) != (after < 1):
            overtakes, overtaken = (second, first) if after > 1 else (first, second)
            yield Crossing(_zero_between(below, math.log(before), above, math.log(after)), (below, above), overtakes, overtaken)


def _zero_between(below: int, before: float, above: int, after: float) -> float:
    """Straight between the two points in log(ratio) over log(load): loads double from one to the next."""
    share = before / (before - after)
    return float(below * (above / below) ** share)


def _words(crossing: Crossing) -> str:
    low, high = crossing.between
    return f"{crossing.overtakes} overtakes {crossing.overtaken} at about {crossing.concurrency:.1f} at once (between {low} and {high})"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"
