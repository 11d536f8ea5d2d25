"""Evidence of `advisor validate` as points. What it is of stands in the plan that it lies beside, found by its fingerprint."""

from collections.abc import Iterator
from pathlib import Path

from advisor.domain.evidence import EvidenceFile
from advisor.domain.measured import MeasuredPoint
from advisor.domain.plan import PlannedDeployment
from advisor.errors import DataError, UserInputError
from advisor.files.evidence import read_evidence
from advisor.files.plan import fingerprint, read_plan
from advisor.validation.measured.rows import row_points
from advisor.validation.record import measurements_of


def evidence_points(path: Path) -> tuple[MeasuredPoint, ...]:
    """Raises UserInputError for evidence of no sound speed, or whose plan is not there."""
    evidence = read_evidence(path)
    if evidence.hardware == "scaled" or evidence.differs:
        reason = "; ".join(evidence.differs or evidence.reduced) or "other hardware"
        raise UserInputError(f"{path}: is of a run that was scaled down or of another deployment ({reason}): it scales nothing")
    return row_points(measurements_of(evidence, _planned(path, evidence)), str(path))


def _planned(path: Path, evidence: EvidenceFile) -> PlannedDeployment:
    for planned in _deployments_near(path):
        if fingerprint(planned) == evidence.fingerprint:
            return planned
    raise UserInputError(f"{path}: no plan near it has the deployment {evidence.fingerprint[:12]} that it shows")


def _deployments_near(path: Path) -> Iterator[PlannedDeployment]:
    """Of the plans in the evidence's folder and in the one above."""
    folder = path.resolve().parent
    for plan in [*sorted(folder.parent.glob("*.yaml")), *sorted(folder.glob("*.yaml"))]:
        try:
            yield from read_plan(plan)[0].deployments
        except (DataError, UserInputError):
            continue  # another file that merely lies there
