"""What a validation run amounts to: how many required claims are proven, refuted, not tested, and the exit code for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.evidence import ClaimResult
from advisor.errors import NotProven, TimedOut
from advisor.validation.speed_rule import is_speed


@dataclass(frozen=True, slots=True)
class Tally:
    """Required claims by outcome, and predictions that were outside."""

    proven: int
    refuted: int
    not_tested: int
    outside: int

    def __str__(self) -> str:
        return f"proven {self.proven}, refuted {self.refuted}, not tested {self.not_tested}"


def tally(claims: Sequence[ClaimResult]) -> Tally:
    """Count the claims that gate; a prediction outside its range teaches, it does not gate."""
    outcomes = [claim.requirement for claim in claims if claim.gates]
    outside = sum(claim.prediction == "outside" for claim in claims)
    return Tally(outcomes.count("proven"), outcomes.count("refuted"), outcomes.count("not tested"), outside)


def exit_code(claims: Sequence[ClaimResult], *, unusable: bool = False) -> int:
    """0 every claim that gates is proven, 1 one is refuted, 3 something is not proven.

    5 when the measurement is `unusable` and a bound on a speed was to be looked at: memory is proven on a busy machine too.
    """
    counted = tally(claims)
    if counted.refuted:
        return 1
    if unusable and any(is_speed(claim.name) and claim.requirement is not None for claim in claims):
        return TimedOut.exit_code
    return NotProven.exit_code if counted.not_tested else 0
