"""Whether the machine was ours while we measured: who else used the processors, and how far the same step's times lie apart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median
from time import perf_counter
from typing import Any, Final, TypeVar

OTHERS_SHARE_LIMIT: Final = 0.05  # of the processors, used by other work: speeds are then somebody else's too
RETRIES: Final = 2  # of a load that was disturbed, before the measurement is called invalid
_MEDIANS_APART: Final = 2.5  # between repeats of the same load: then no median means anything
_COUNTED_S: Final = 0.05  # counters tick in hundredths of a second, each for itself: less than this is nobody's
_ADDED: Final = ("wall_s", "own_cpu_s", "host_busy_s")
Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Contention:
    """`others_share` of all processor time went to other work; `stall_ratio` is the slowest step over the median."""

    others_share: float | None
    stall_ratio: float | None
    medians_apart: float | None
    load_average: float | None
    cores: int | None

    @property
    def disturbed(self) -> bool:
        """Speeds may be wrong and are not judged."""
        return (self.others_share or 0.0) > OTHERS_SHARE_LIMIT or (self.medians_apart or 1.0) > _MEDIANS_APART

    def as_dict(self) -> dict[str, Any]:
        """For evidence."""
        return {**asdict(self), "disturbed": self.disturbed}

    def words(self) -> str:
        """What was seen, in one sentence."""
        others = f"other work used {self.others_share:.0%} of the processors" if self.others_share is not None else "unknown load"
        stall = f", the slowest step took {self.stall_ratio:.1f} x the median" if self.stall_ratio is not None else ""
        apart = f", repeats of one load differ by {self.medians_apart:.1f} x" if (self.medians_apart or 0.0) > _MEDIANS_APART else ""
        return f"{others}{stall}{apart}"


def judge_contention(told: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Contention:
    """From a validator's counters and its runs' step times."""
    wall_s, cores = told.get("wall_s"), told.get("cores")
    own_s, busy_s = told.get("own_cpu_s"), told.get("host_busy_s")
    others = None
    if wall_s and cores and own_s is not None and busy_s is not None:
        others = min(1.0, max(0.0, busy_s - own_s - _COUNTED_S) / (wall_s * cores))
    load = told.get("load_average")
    return Contention(others, told.get("max_step_over_median"), _medians_apart(runs), load[0] if load else None, cores)


def pooled(told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Counters of several watches as one; empty where nothing was counted."""
    counted = [each for each in told if each]
    return {**counted[-1], **{name: sum(each[name] for each in counted) for name in _ADDED}} if counted else {}


def worst(states: Iterable[Contention]) -> Contention:
    """The most that was seen in any of them."""
    rows = [asdict(state) for state in states]
    return Contention(**{name: max((row[name] for row in rows if row[name] is not None), default=None) for name in Contention.__slots__})


def undisturbed(
    measure: Callable[[], Measured],
    *,
    disturbed: Callable[[Measured], str | None],
    retries: int,
    left_s: Callable[[], float],
    say: Callable[[str], None],
) -> Measured:
    """What `measure` returns; while `disturbed` gives a reason it is measured anew, `retries` times at most.

    A repeat is begun where it takes at most half of the time left. The last one counts, disturbed or not.
    """
    for again in range(1, retries + 1):
        began_s = perf_counter()
        found = measure()
        reason = disturbed(found)
        if reason is None or 2 * (perf_counter() - began_s) > left_s():
            return found
        say(f"again ({again} of {retries}): {reason}")
    return measure()


def stall_ratio(loads: Iterable[Sequence[float]]) -> float | None:
    """The slowest step over the median of its own load, of the load where that is most; None when nothing was timed."""
    ratios = [max(steps_s) / median(steps_s) for steps_s in loads if steps_s and median(steps_s) > 0]
    return max(ratios, default=None)


def _medians_apart(runs: Sequence[Mapping[str, Any]]) -> float | None:
    """The largest ratio between the median steps of two repeats of one load."""
    ratios = []
    for _, repeats in groupby(runs, key=lambda run: run["concurrency"]):
        medians = [median(run["steps_s"]) for run in repeats if run["steps_s"]]
        if medians and min(medians) > 0:
            ratios.append(max(medians) / min(medians))
    return max(ratios, default=None)
