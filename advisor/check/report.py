"""The outcome of a check: findings, what was checked, what was not, and files that could not be read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from advisor.domain.finding import Finding
from advisor.domain.quantity import Basis
from advisor.domain.verdict import Severity
from advisor.errors import Fault
from advisor.manifests.found import NotChecked

_ORDER: Final[dict[Severity, int]] = {"note": 0, "warn": 1, "block": 2}
_ARGUABLE: Final = frozenset({Basis.SCALED, Basis.MODELLED})


@dataclass(frozen=True, slots=True)
class Checked:
    """One deployment that was judged, and what it was held against."""

    file: str
    what: str  # "plan", "Kubernetes Deployment" …
    deployment: str
    against: str  # the plan's path, the workload's, or "no plan and no workload"


@dataclass(slots=True)
class CheckReport:
    """Everything one run found; filled file by file."""

    findings: list[Finding] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)
    not_checked: list[NotChecked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    workloads: list[str] = field(default_factory=list)  # files of sound workloads; the plans beside them say what is judged

    @property
    def empty(self) -> bool:
        """True when there was nothing to check: no yes, for the path may be the wrong one."""
        return not (self.checked or self.faults or self.workloads)

    def sorted_findings(self) -> list[Finding]:
        """By place; two rules at one place in their ids' order; nothing twice."""
        return sorted(set(self.findings), key=lambda f: (f.position, f.rule, f.message))

    def count(self, severity: Severity) -> int:
        """Findings of this severity."""
        return sum(finding.severity == severity for finding in set(self.findings))

    def fails(self, at: Severity) -> bool:
        """True when a finding is at or above this severity."""
        return reaches(self.findings, at)


def reaches(findings: Iterable[Finding], at: Severity) -> bool:
    """True when one of them is at or above this severity."""
    return any(_ORDER[finding.severity] >= _ORDER[at] for finding in findings)


def capped(severity: Severity, basis: Basis) -> Severity:
    """Only exact, measured and stated grounds block: a model may be wrong, a pull request is not stopped by it."""
    return "warn" if severity == "block" and basis in _ARGUABLE else severity
