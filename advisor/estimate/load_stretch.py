"""A stretch of steps without change, which grow longer with the context: how many pass before a time, and the gaps between their tokens."""

from math import ceil


def steps_until(left_s: float, steps: int, *, mean_s: float, first_s: float) -> tuple[int, float]:
    """The fewest of so many steps that take so long, and their mean; `mean_s` is of all, `first_s` of the first."""
    slope = (mean_s - first_s) / max(steps - 1, 1)  # of the mean, by the number of steps
    fewest = max(1, ceil(left_s / first_s))
    fewest = max(1, ceil(left_s / (first_s + slope * (fewest - 1))))
    return fewest, first_s + slope * (fewest - 1)


def gaps_by_halves(steps: int, batch: int, mean_s: float, late_s: float) -> tuple[tuple[float, int], ...]:
    """Seconds between two tokens, and how many such, where a step three quarters through takes `late_s`."""
    half = steps // 2 * batch
    return ((2 * mean_s - late_s, half), (late_s, steps * batch - half))
