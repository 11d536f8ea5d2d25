"""Two engines' throughput over the number of requests at once, and where the lines cross. Pure arithmetic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from advisor.domain.quantity import Quantity, exact
from advisor.estimate.crossing import Comparison, compare, ratio_of
from advisor.validation.contention import Contention


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


def finding(curves: Sequence[Curve]) -> str:
    """Where the lines cross, or that there is only one."""
    return compare_measured(*curves).sentence() if len(curves) == 2 else f"only {curves[0].engine} was measured: nothing to compare"


def compare_measured(first: Curve, second: Curve) -> Comparison:
    """By measured output throughput."""
    return _compare(first, second, lambda point: exact(point.output_tokens_per_s, "measured here"))


def compare_predicted(first: Curve, second: Curve) -> Comparison:
    """By the throughput that was predicted for the same loads."""
    return _compare(first, second, lambda point: point.predicted)


def _compare(first: Curve, second: Curve, rate: Callable[[Point], Quantity | None]) -> Comparison:
    ratios: dict[int, Quantity] = {}
    for point in sorted(first.points, key=lambda each: each.concurrency):
        other = second.at(point.concurrency)
        mine, theirs = rate(point), rate(other) if other is not None else None
        if mine is not None and theirs is not None and mine.low > 0 and theirs.low > 0:
            ratios[point.concurrency] = ratio_of(theirs, mine)
    return compare(first.engine, second.engine, ratios)
