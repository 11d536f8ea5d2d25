"""`advisor validate --record`: the measured numbers kept beside the plan."""

from pathlib import Path

from advisor.domain.evidence import EvidenceFile
from advisor.files.measurements import append_measurements
from advisor.files.plan import read_plan
from advisor.validation.prepare import choose
from advisor.validation.record import measurements_of


def record(plan: Path, evidence: EvidenceFile) -> str:
    """What was added and where, in words. Raises UserInputError when it cannot be written."""
    planned = choose(read_plan(plan)[0], evidence.deployment)
    rows = measurements_of(evidence, planned)
    if not rows:
        return "recorded nothing: no number of the planned deployment was measured"
    path, added = append_measurements(plan, evidence.deployment, rows)
    return f"recorded {added} row{'' if added == 1 else 's'} in {path}" if added else f"recorded nothing new: {path} has these rows already"
