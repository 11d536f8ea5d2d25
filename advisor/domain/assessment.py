"""A deployment with everything that is known about it: the one object that plan, check, validate and reports share."""

from dataclasses import dataclass

from advisor.domain.deployment import Deployment
from advisor.domain.estimate import Estimate
from advisor.domain.hardware import Available
from advisor.domain.verdict import AT_LEAST_LIKELY, Requirement, Verdict


@dataclass(frozen=True, slots=True)
class Assessment:
    """An estimate held against the workload's requirements, with what the rules said."""

    deployment: Deployment
    available: Available
    estimate: Estimate
    verdicts: tuple[Verdict, ...]
    requirements: tuple[Requirement, ...]

    @property
    def blocked(self) -> bool:
        """True when a rule of severity block fired."""
        return any(verdict.severity == "block" for verdict in self.verdicts)

    @property
    def recommended(self) -> bool:
        """Not blocked, and at least likely on every hard requirement."""
        return not self.blocked and all(r.standing in AT_LEAST_LIKELY for r in self.requirements if r.hard)
