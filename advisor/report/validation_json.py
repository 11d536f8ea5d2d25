"""Coverage of a plan by its evidence, as a row of `advisor.evidence-verify/1`."""

from typing import Any

from advisor.domain.evidence import EvidenceFile
from advisor.validation.verify import Coverage


def coverage_row(coverage: Coverage) -> dict[str, Any]:
    """One deployment."""
    return {
        "deployment": coverage.deployment,
        "fingerprint": coverage.fingerprint,
        "exit_code": coverage.exit_code,
        "outcomes": coverage.outcomes,
        "why_not": coverage.why_not,
        "covered_by": [_described(evidence) for evidence in coverage.evidence],
        "not_covering": [{**_described(other.evidence), "why": other.why} for other in coverage.not_covering],
    }


def _described(evidence: EvidenceFile) -> dict[str, Any]:
    """Which run it was, in a few words."""
    return {
        "fingerprint": evidence.fingerprint,
        "measured_on": evidence.measured_on,
        "source": evidence.source,
        "engine": evidence.engine.get("name"),
        "device": evidence.device,
        "weights": evidence.weights,
    }
