"""How many hours of a month a deployment is on, how often it starts, and how many requests find it off.

Scale to zero after T seconds of rest, T counted from the end of an answer, with requests that arrive at random at a rate r while it may
be on: a request finds it off when the gap before it was longer than T, P = exp(-r T); of a gap it stays on for
E[min(gap, T)] = (1 - exp(-r T)) / r. Both follow from the exponential gaps of a Poisson stream; the answer's own time lengthens T.

A batch that comes p times a month, each pile of n requests served at R a second, is on for p n / R and starts p times.
"""

import math
from dataclasses import dataclass

from advisor.domain.running import Running
from advisor.units import HOURS_PER_MONTH, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Duty:
    """Of a month: hours on without starting, starts from cold, and the share of requests that has to wait for one."""

    hours: float
    starts: float
    cold_share: float

    def hours_with_starts(self, start_s: float) -> float:
        """Hours that are paid: a machine that starts is paid as well. Never more than the month has."""
        return min(HOURS_PER_MONTH, self.hours + self.starts * start_s / SECONDS_PER_HOUR)

    @property
    def always(self) -> bool:
        """True when it is never switched off."""
        return not self.starts


ALWAYS_ON = Duty(HOURS_PER_MONTH, 0.0, 0.0)


def duty_of(running: Running | None, requests_per_month: float | None, answer_s: float = 0.0) -> Duty:
    """The duty of a workload; `answer_s` is how long one request keeps the deployment busy."""
    if running is None:
        return ALWAYS_ON
    days = min(running.days_per_month, HOURS_PER_MONTH / 24)
    open_hours = running.hours_per_day * days
    starts = running.starts_per_day * days if open_hours < HOURS_PER_MONTH else 0.0
    if running.scale_to_zero_after_s is None or not requests_per_month:
        return Duty(open_hours, starts, 0.0)  # switched on ahead of the first request
    return scaled_to_zero(open_hours, requests_per_month, after_s=running.scale_to_zero_after_s, answer_s=answer_s)


def by_the_pile(piles_per_month: float, requests: int, requests_per_s: float) -> Duty:
    """On for each pile of a batch and off between two of them; switched on ahead of it."""
    hours = piles_per_month * requests / max(requests_per_s * SECONDS_PER_HOUR, 1e-9)
    return Duty(min(hours, HOURS_PER_MONTH), piles_per_month, 0.0)


def scaled_to_zero(open_hours: float, requests_per_month: float, *, after_s: float, answer_s: float) -> Duty:
    """Off after `after_s` of rest, on again with the next request, within so many hours of a month."""
    rate_per_s = requests_per_month / (open_hours * SECONDS_PER_HOUR)
    cold = math.exp(-rate_per_s * (after_s + answer_s))
    return Duty(open_hours * (1 - cold), requests_per_month * cold, cold)
