"""The outcome of a check for people: one line a finding, wrapped below itself, then what was and was not checked."""

import textwrap

from advisor.check.report import CheckReport

_SHOWN = 200
_WIDTH = 110
_NOTHING = "nothing to check here: no plan, no workload, no manifest of a model server that could be judged"


def findings_text(report: CheckReport, *, quiet: bool = False) -> str:
    """Findings by place, then the counts."""
    if report.empty:
        return "\n".join([*_not_checked(report), _NOTHING])
    findings = report.sorted_findings()
    lines = [line for finding in findings[:_SHOWN] for line in _wrapped(str(finding))]
    if len(findings) > _SHOWN:
        lines.append(f"and {len(findings) - _SHOWN} more")
    if quiet:
        return "\n".join(lines)
    return "\n".join([*lines, *_not_checked(report), _summary(report)])


def _not_checked(report: CheckReport) -> list[str]:
    return [f"not checked: {each.at}: {each.reason}" for each in report.not_checked]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) or [text]


def _summary(report: CheckReport) -> str:
    counts = [f"{report.count(severity)} {severity}" for severity in ("block", "warn", "note")]
    deployments = len(report.checked)
    against = sorted({checked.against for checked in report.checked})
    held = f", held against {', '.join(against)}" if against else ""
    return f"{', '.join(counts)} in {deployments} deployment{'s' if deployments != 1 else ''}{held}"
