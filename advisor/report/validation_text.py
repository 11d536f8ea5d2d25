"""A validation run in text: one claim a line, in two columns of outcome, and what was reduced or disturbed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.domain.evidence import ClaimResult, EvidenceFile
from advisor.report.rungs_text import rung_lines
from advisor.units import significant, size_unit, time_unit
from advisor.validation.expectations import is_speed
from advisor.validation.verdict import tally
from advisor.validation.verify import Coverage, version_that_ran

_FACTS = ("starts", "settings_as_planned")  # 1 is yes
_COLUMNS = ("claim", "required", "predicted", "measured", "requirement", "prediction")


def validation_lines(evidence: EvidenceFile) -> Iterator[str]:
    """The lines to print."""
    yield _headline(evidence)
    yield from _table([_COLUMNS, *(_row(claim) for claim in _shown(evidence.claims))])
    yield from rung_lines(evidence.benchmark) if evidence.source == "endpoint" else ()
    for text in evidence.reduced:
        yield f"reduced: {text}"
    if evidence.differs:
        yield f"not the planned deployment: {'; '.join(evidence.differs)}. Nothing else was held against the plan"
    yield from evidence.remarks
    if evidence.contention.get("disturbed"):
        others = evidence.contention.get("others_share")
        known = isinstance(others, int | float)
        share = f"other work used {others:.0%} of the processors" if known else "steps of the same load differ too much"
        yield f"disturbed: {share}; speeds are shown and not judged. Run again on an idle machine"
    free = [claim.name for claim in evidence.claims if not claim.gates and claim.requirement is not None and is_speed(claim.name)]
    if free:
        yield f"not gating: {', '.join(free)} (speeds whose prediction is modelled)"


def _shown(claims: Sequence[ClaimResult]) -> list[ClaimResult]:
    """What was measured or gates; bytes only where the plan has no claim of the same thing in GiB."""
    names = {claim.name for claim in claims}
    twice = {name for name in names if name.endswith("_bytes") and name.replace("_bytes", "_gib") in names}
    return [claim for claim in claims if (claim.measured is not None or claim.gates) and claim.name not in twice]


def summary(evidence: EvidenceFile, code: int) -> str:
    """`proven 4, refuted 0, not tested 2   (exit 3: not proven yet)`."""
    counted = tally(evidence.claims)
    meaning = {0: "every claim that gates is proven", 1: "refuted", 3: "not proven yet", 5: "measurement invalid: host contention"}[code]
    outside = f"; {counted.outside} prediction{'s' if counted.outside > 1 else ''} outside" if counted.outside else ""
    return f"{counted}{outside}   (exit {code}: {meaning})"


def _headline(evidence: EvidenceFile) -> str:
    engine = evidence.engine
    if evidence.source == "log":
        version = engine.get("version") or "of an untold version"
        return (
            f"{evidence.deployment}: read-only: a start-up log of {engine.get('name')} {version} on {evidence.device}, no request was sent"
        )
    concurrency = ", ".join(str(row.get("concurrency", "?")) for row in evidence.benchmark) or "none"
    if evidence.source == "endpoint":
        version = engine.get("version") or "of an untold version"
        named = engine.get("name") or "an unnamed engine"
        return f"{evidence.deployment}: a running server, {named} {version}; requests at once: {concurrency}"
    scaled = ", scaled down" if evidence.hardware == "scaled" else ""
    return (
        f"{evidence.deployment}: loaded on {engine.get('name')} ({_version(engine)}) on {evidence.device}{scaled}, "
        f"{evidence.weights} weights; requests at once: {concurrency}"
    )


def _version(engine: Mapping[str, Any]) -> str:
    """What ran: the binding in its own process, or the server as deployed."""
    if binding := engine.get("binding_version"):
        return f"llama-cpp-python {binding}"
    build = f"build {engine.get('build')}, commit {engine.get('commit')}" if engine.get("commit") else "of an untold version"
    return f"{engine.get('planned_runtime')} {engine.get('version') or build}"


def _row(claim: ClaimResult) -> tuple[str, ...]:
    return (
        claim.name,
        _bound(claim),
        _predicted(claim),
        claim.note if claim.measured is None else _number(claim.name, claim.measured),
        claim.requirement or "-",
        _prediction(claim),
    )


def _bound(claim: ClaimResult) -> str:
    if claim.name in _FACTS:
        return "yes"
    if claim.at_most is not None:
        return f"<= {_number(claim.name, claim.at_most)}"
    return f">= {_number(claim.name, claim.at_least)}" if claim.at_least is not None else "-"


def _predicted(claim: ClaimResult) -> str:
    if claim.predicted is None:
        return "-"
    value = _number(claim.name, claim.predicted)
    if claim.low is None or claim.high is None or claim.low == claim.high:
        return value if claim.name in _FACTS else f"{value} {claim.basis}"
    scale, unit = _scale(claim.name, claim.predicted)
    low, high = (_digits(claim.name, bound / scale) for bound in (claim.low, claim.high))
    return f"{_digits(claim.name, claim.predicted / scale)} ({low}-{high}){unit}"


def _prediction(claim: ClaimResult) -> str:
    if claim.prediction != "outside" or not claim.predicted or claim.measured is None:
        return claim.prediction or "-"
    off_pct = 100 * (claim.measured / claim.predicted - 1)
    return f"{abs(off_pct):.0f} % {'above' if off_pct > 0 else 'below'}, outside"


def _number(name: str, value: float) -> str:
    if name in _FACTS:
        return "yes" if value else "no"
    scale, unit = _scale(name, value)
    return f"{_digits(name, value / scale)}{unit}"


def _scale(name: str, value: float) -> tuple[float, str]:
    """What to divide by, and the unit that gives."""
    if not (name.endswith("_bytes") or _is_seconds(name)):
        return 1.0, ""
    scale, unit = time_unit(value) if _is_seconds(name) else size_unit(value)
    return scale, f" {unit}"


def _digits(name: str, value: float) -> str:
    if _is_seconds(name):
        return significant(value)
    if name.endswith(("_bytes", "_gib")):
        return f"{value:,.2f}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else significant(value)


def _is_seconds(name: str) -> bool:
    return name.split(" ", maxsplit=1)[0].endswith("_s") and not name.endswith("_per_s")


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def coverage_line(coverage: Coverage) -> str:
    """`letters: 4 of 4 required claims proven on h100-sxm, 2026-11-24; covers this plan`."""
    if not coverage.evidence:
        return f"{coverage.deployment}: {coverage.why_not}"
    proven = list(coverage.outcomes.values()).count("proven")
    rest = [f"{name} {outcome}" for name, outcome in coverage.outcomes.items() if outcome != "proven"]
    shown = " and ".join(_shown_by(evidence) for evidence in coverage.evidence)
    return (
        f"{coverage.deployment}: {proven} of {len(coverage.outcomes)} required claims proven on {shown}; covers this plan "
        f"(same model, engine, device, settings){'; ' + ', '.join(rest) if rest else ''}"
    )


def _shown_by(evidence: EvidenceFile) -> str:
    engine = evidence.engine
    version = version_that_ran(evidence) or engine.get("binding_version") or engine.get("commit") or "of an untold version"
    kind = " (start-up log)" if evidence.source == "log" else ", synthetic weights" if evidence.weights == "synthetic" else ""
    return f"{evidence.device}, {engine.get('name')} {version}{kind}, {evidence.measured_on}"


def not_covering_lines(coverage: Coverage) -> Iterator[str]:
    """What lies there beside and says nothing about this plan, with the reason; nothing where the coverage line says it already."""
    for other in coverage.not_covering[0 if coverage.evidence else 1 :]:
        yield f"  not covering: the evidence of {other.evidence.measured_on} on {other.evidence.device}: {other.why}"
