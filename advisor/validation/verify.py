"""Evidence files against a plan: which deployments are covered, and do their required claims hold by today's bounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.evidence import ClaimOutcome, ClaimResult, EvidenceFile
from advisor.domain.plan import Claim, Plan, PlannedDeployment
from advisor.files.plan import fingerprint
from advisor.validation.expectations import may_gate


@dataclass(frozen=True, slots=True)
class Coverage:
    """One deployment: its evidence (None: none that covers it) and the outcome of every required claim, by name."""

    deployment: str
    fingerprint: str
    evidence: EvidenceFile | None
    outcomes: dict[str, ClaimOutcome]
    why_not: str

    @property
    def exit_code(self) -> int:
        """1 when a required claim is refuted, 3 when one is not proven, 0 otherwise."""
        if "refuted" in self.outcomes.values():
            return 1
        return 3 if self.evidence is None or "not tested" in self.outcomes.values() else 0


def verify(plan: Plan, evidence: Sequence[EvidenceFile]) -> tuple[Coverage, ...]:
    """Every deployment of the plan. Replicas, prices and comments may differ from the run; what is in the fingerprint may not."""
    return tuple(_coverage(plan, planned, evidence) for planned in plan.deployments)


def _coverage(plan: Plan, planned: PlannedDeployment, evidence: Sequence[EvidenceFile]) -> Coverage:
    wanted = fingerprint(planned)
    found = next((file for file in evidence if file.fingerprint == wanted), None)
    claims = plan.claims.get(planned.name, {})
    shown = {claim.name: claim for claim in found.claims} if found else {}
    names = dict.fromkeys([*plan.evidence_required, *(name for name, claim in shown.items() if claim.gates)])
    outcomes = {name: _outcome(shown.get(name), claims.get(name)) for name in names if may_gate(name, claims.get(name))}
    return Coverage(planned.name, wanted, found, outcomes, "" if found else _why_not(planned, evidence))


def _outcome(shown: ClaimResult | None, claim: Claim | None) -> ClaimOutcome:
    """The measured number against the plan's bounds as they stand now; without bounds in the plan, as the run judged it."""
    if shown is None or shown.measured is None or shown.requirement == "not tested":
        return "not tested"
    at_most = claim.at_most if claim else shown.at_most
    at_least = claim.at_least if claim else shown.at_least
    inside = (at_most is None or shown.measured <= at_most) and (at_least is None or shown.measured >= at_least)
    return "proven" if inside else "refuted"


def _why_not(planned: PlannedDeployment, evidence: Sequence[EvidenceFile]) -> str:
    others = [file for file in evidence if file.deployment == planned.name]
    if not others:
        return "no evidence"
    newest = max(others, key=lambda file: file.measured_on)
    return f"the evidence of {newest.measured_on} shows another deployment ({_differences(planned, newest)}): validate again"


def _differences(planned: PlannedDeployment, evidence: EvidenceFile) -> str:
    """What moved since, as far as the evidence tells."""
    now = {flag: setting.value for flag, setting in planned.settings.items()}
    flags = [flag for flag in sorted(now.keys() | evidence.settings.keys()) if now.get(flag) != evidence.settings.get(flag)]
    moved = [f"{flag} {evidence.settings.get(flag)} -> {now.get(flag)}" for flag in flags]
    for name, was, is_ in (
        ("engine version", evidence.engine.get("planned_version"), planned.engine.version),
        ("device", evidence.device, planned.hardware.device),
    ):
        if was != is_:
            moved.append(f"{name} {was} -> {is_}")
    return ", ".join(moved[:5]) or "model files or image"
