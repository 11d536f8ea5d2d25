"""The outcome of a check for programs: schema advisor.findings/1."""

from typing import Any

from advisor.check.report import CheckReport


def findings_document(report: CheckReport) -> dict[str, Any]:
    """Findings by place, counts, what was checked against what, what was not and why, and files that could not be read."""
    return {
        "schema": "advisor.findings/1",
        "findings": [
            {
                "file": finding.position.file,
                "line": finding.position.line,
                "column": finding.position.column,
                "severity": finding.severity,
                "rule": finding.rule,
                "basis": str(finding.basis),
                "message": finding.message,
            }
            for finding in report.sorted_findings()
        ],
        "counts": {severity: report.count(severity) for severity in ("block", "warn", "note")},
        "checked": [
            {"file": each.file, "what": each.what, "deployment": each.deployment, "against": each.against} for each in report.checked
        ],
        "not_checked": [
            {"file": each.at.file, "line": each.at.line, "column": each.at.column, "reason": each.reason} for each in report.not_checked
        ],
        "workloads": report.workloads,
        "faults": [{"place": fault.place, "message": fault.message} for fault in report.faults],
    }
