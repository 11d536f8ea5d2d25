"""What the data sheet alone says of the same runs: the roofline, as it is and divided by the one efficiency that suits it best."""

from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from advisor.accuracy.errors import Compared, grouped
from advisor.accuracy.judge import Judged


def roofline(judged: Iterable[Judged], efficiency: float = 1.0) -> tuple[Compared, ...]:
    """Bytes at nominal bandwidth or arithmetic at the peak, over an efficiency. It has no range."""
    return tuple(_at(one, one.floor_s / efficiency) for one in judged if one.floor_s)


def best_efficiency(judged: Iterable[Judged]) -> float:
    """Fitted on the very runs that it is judged on, each group counting once: no other single efficiency does much better.

    Raises ValueError where no run has a roofline.
    """
    with_floor = [one for one in judged if one.floor_s]
    by_group = grouped(with_floor, lambda one: one.case.group)
    if not by_group:
        raise ValueError("no run with a roofline")
    return median(median((one.floor_s or 0.0) / one.compared.measured for one in group) for group in by_group.values())


def _at(one: Judged, predicted: float) -> Compared:
    return replace(one.compared, predicted=predicted, low=predicted, high=predicted)
