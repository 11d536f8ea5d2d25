"""How long a replica may take to start before somebody gives up on it, derived from the estimate and said why."""

import math
from dataclasses import dataclass
from typing import Final

from advisor.domain.quantity import Quantity
from advisor.units import significant

PERIOD_S: Final = 10
SAFETY: Final = 3  # a pod killed while it loads never starts; one that hangs is only seen later
_LEAST_S: Final = 60


@dataclass(frozen=True, slots=True)
class StartUp:
    """The start-up budget: `failures` probes, one every `period_s` seconds."""

    budget_s: int
    period_s: int
    failures: int
    text: str


def start_up(start_s: Quantity) -> StartUp:
    """Three times the expected start, at least its upper end, in whole probes."""
    wanted = max(SAFETY * start_s.value, start_s.high, _LEAST_S)
    failures = math.ceil(wanted / PERIOD_S)
    expected = f"about {significant(start_s.value)} s ({significant(start_s.low)}-{significant(start_s.high)}, {start_s.basis})"
    return StartUp(
        budget_s=failures * PERIOD_S,
        period_s=PERIOD_S,
        failures=failures,
        text=f"start-up budget {failures * PERIOD_S} s: {expected} x {SAFETY} safety; {start_s.source}",
    )
