"""Evidence files against a plan: which deployments are covered, and do their required claims hold by today's bounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.catalog.engines import load_engines
from advisor.domain.evidence import ClaimOutcome, ClaimResult, EvidenceFile
from advisor.domain.plan import Claim, Plan, PlannedDeployment
from advisor.files.plan import fingerprint
from advisor.validation.speed_rule import decides_of, may_gate, outcome


@dataclass(frozen=True, slots=True)
class NotCovering:
    """Evidence of this deployment's name that does not cover it, and what has moved since."""

    evidence: EvidenceFile
    why: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """One deployment: what covers it, newest first, the outcome of every required claim by name, and what does not cover it any more."""

    deployment: str
    fingerprint: str
    evidence: tuple[EvidenceFile, ...]
    outcomes: dict[str, ClaimOutcome]
    not_covering: tuple[NotCovering, ...]

    @property
    def exit_code(self) -> int:
        """1 when a required claim is refuted, 3 when one is not proven, 0 otherwise."""
        if "refuted" in self.outcomes.values():
            return 1
        return 3 if not self.evidence or "not tested" in self.outcomes.values() else 0

    @property
    def why_not(self) -> str:
        """Why nothing covers it; empty when something does."""
        if self.evidence:
            return ""
        if not self.not_covering:
            return "no evidence"
        newest = self.not_covering[0]
        return f"the evidence of {newest.evidence.measured_on} shows another deployment ({newest.why}): validate again"


def verify(plan: Plan, evidence: Sequence[EvidenceFile]) -> tuple[Coverage, ...]:
    """Every deployment of the plan. Replicas, prices and comments may differ from the run; what is in the fingerprint may not."""
    newest_first = sorted(evidence, key=lambda file: file.measured_on, reverse=True)
    return tuple(_coverage(plan, planned, newest_first) for planned in plan.deployments)


def _coverage(plan: Plan, planned: PlannedDeployment, evidence: Sequence[EvidenceFile]) -> Coverage:
    wanted = fingerprint(planned)
    covering = tuple(file for file in evidence if file.fingerprint == wanted and not file.differs and not other_version(planned, file))
    others = [file for file in evidence if file.deployment == planned.name and file not in covering]
    not_covering = tuple(NotCovering(file, _differences(planned, file)) for file in others)
    return Coverage(planned.name, wanted, covering, _outcomes(plan, planned, covering), not_covering)


def _outcomes(plan: Plan, planned: PlannedDeployment, covering: Sequence[EvidenceFile]) -> dict[str, ClaimOutcome]:
    """Of everything that is required, by the same rule as when it was measured."""
    claims = plan.claims.get(planned.name, {})
    gating = [claim.name for file in covering for claim in file.claims if claim.gates and file.source != "log"]
    names, sources = dict.fromkeys([*plan.evidence_required, *gating]), [file.source for file in covering]
    return {name: _outcome(name, claims.get(name), covering) for name in names if may_gate(name, claims.get(name), sources)}


def _outcome(name: str, claim: Claim | None, covering: Sequence[EvidenceFile]) -> ClaimOutcome:
    """What the newest evidence that tested it says; of several of one day the worst."""
    tested = [(file.measured_on, outcome) for file in covering if (outcome := _outcome_in(file, name, claim)) != "not tested"]
    if not tested:
        return "not tested"
    newest = [outcome for day, outcome in tested if day == tested[0][0]]
    return "refuted" if "refuted" in newest else "proven"


def _outcome_in(evidence: EvidenceFile, name: str, claim: Claim | None) -> ClaimOutcome:
    """The measured number against the plan's bounds as they stand now; without bounds in the plan, as the run judged it."""
    shown: ClaimResult | None = next((one for one in evidence.claims if one.name == name), None)
    if shown is None:
        return "not tested"
    bounds = claim or shown
    return outcome(shown.measured, at_most=bounds.at_most, at_least=bounds.at_least, decides=decides_of(evidence, shown))


def other_version(planned: PlannedDeployment, evidence: EvidenceFile) -> str:
    """`ran on b11206`: the engine that really ran is not the planned one. Empty where it is, and where the evidence does not tell."""
    ran = version_that_ran(evidence)
    same = ran is None or _public(ran) == _public(planned.engine.version)
    return "" if same else f"ran on {ran}, planned is {planned.engine.version}"


def _public(version: str) -> str:
    """Without `+cpu`, `+cu129`: other builds of the same version; `b11549` and `11549` are one."""
    return version.split("+", maxsplit=1)[0].removeprefix("b")


def version_that_ran(evidence: EvidenceFile) -> str | None:
    """By the version that the engine told, else by its build, else by the binding that vendors it; None where none of them is known."""
    engine = evidence.engine
    record = load_engines().get(str(engine.get("name")))
    build, commit, binding = engine.get("build"), engine.get("commit"), engine.get("binding_version")
    if isinstance(engine.get("version"), str):
        return str(engine["version"])
    if record is None:
        return None
    if isinstance(build, int) and isinstance(commit, str):
        return record.version_of_build(build, commit)
    return next((known.version for known in record.versions.known if binding and known.binding == binding), None)


def _differences(planned: PlannedDeployment, evidence: EvidenceFile) -> str:
    """What moved since, as far as the evidence tells."""
    if evidence.differs:
        return ", ".join(evidence.differs[:5])
    now = {flag: setting.value for flag, setting in planned.settings.items()}
    flags = [flag for flag in sorted(now.keys() | evidence.settings.keys()) if now.get(flag) != evidence.settings.get(flag)]
    moved = [f"{flag} {evidence.settings.get(flag)} -> {now.get(flag)}" for flag in flags]
    for name, was, is_ in (
        ("engine version", evidence.engine.get("planned_version"), planned.engine.version),
        ("runtime", evidence.engine.get("planned_runtime"), planned.engine.runtime),
        ("device", evidence.device, planned.hardware.device),
    ):
        if was != is_:
            moved.append(f"{name} {was} -> {is_}")
    return ", ".join(moved[:5]) or other_version(planned, evidence) or "model files or image"
