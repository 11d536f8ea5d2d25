"""What a rule said about a candidate, and the six words for a number held against a requirement."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from advisor.domain.quantity import Basis, Quantity

Severity = Literal["block", "warn", "note"]


class Standing(StrEnum):
    """How a predicted number stands against a requirement."""

    CERTAIN = "certain"  # exact or measured, inside
    HOLDS = "holds"  # whole range inside
    LIKELY = "likely"  # expected value inside, range straddles
    UNLIKELY = "unlikely"  # expected value outside, range straddles
    BREAKS = "breaks"  # whole range outside
    NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a rule's knowledge comes from."""

    source: str
    retrieved: str
    says: str
    engine_version: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule that fired. `confidence` is the weakest basis among the facts that the rule reads."""

    rule: str
    severity: Severity
    message: str
    confidence: Basis
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing the workload needs, with what the deployment is expected to give. At least one bound is set."""

    name: str  # a claim name: ttft_p95_s, usd_per_month …
    given: Quantity | None  # None: not estimated
    at_most: float | None = None
    at_least: float | None = None
    hard: bool = True

    @property
    def standing(self) -> Standing:
        """The word for it."""
        if self.given is None:
            return Standing.NOT_TESTED
        return stand(self.given, at_most=self.at_most, at_least=self.at_least)


def stand(given: Quantity, *, at_most: float | None = None, at_least: float | None = None) -> Standing:
    """Hold a quantity against its bounds."""

    def inside(value: float) -> bool:
        return (at_most is None or value <= at_most) and (at_least is None or value >= at_least)

    expected, low, high = inside(given.value), inside(given.low), inside(given.high)
    if low and high:
        return Standing.CERTAIN if given.basis in (Basis.EXACT, Basis.MEASURED, Basis.STATED) else Standing.HOLDS
    if not (low or high or expected):
        return Standing.BREAKS
    return Standing.LIKELY if expected else Standing.UNLIKELY


AT_LEAST_LIKELY = frozenset({Standing.CERTAIN, Standing.HOLDS, Standing.LIKELY})
