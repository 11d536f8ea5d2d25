"""Expectations against measurements: two columns, because "does it hold" and "was it predicted right" are two questions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from advisor.domain.evidence import ClaimOutcome, ClaimResult, Decides
from advisor.validation.expectations import Expected
from advisor.validation.load import SmokeLoad
from advisor.validation.measurements import Measurements
from advisor.validation.speed_rule import decision, outcome
from advisor.validation.subject import Subject

_OF_THE_DEVICE: Final = frozenset(
    {"weights_bytes", "weights_gib", "memory_bytes", "reserved_gib", "required_gib", "compute_buffer_bytes", "repacked_weights_bytes"}
)  # a card holds tied embeddings twice and copies nothing; its buffers are its own


def compare(subject: Subject, load: SmokeLoad, expected: Sequence[Expected], measured: Measurements) -> tuple[ClaimResult, ...]:
    """One result a row, in the order of the expectations."""
    values = dict(measured.values)
    for speed in measured.speeds:
        values |= {f"tpot_s at {speed.concurrency}": speed.step_s, f"ttft_s at {speed.concurrency}": speed.last_first_token_s}
    return tuple(_result(row, _shown(subject, load, row, values, measured), measured, subject) for row in expected)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A measured number, a note on it, and which way it may decide."""

    value: float | None
    note: str = ""
    decides: Decides = "both"


def _shown(subject: Subject, load: SmokeLoad, row: Expected, values: dict[str, float], measured: Measurements) -> _Shown:
    if row.name == "settings_as_planned":
        return _Shown(values.get(row.name), ", ".join(measured.differing_settings))
    if row.name in ("ttft_p95_s", "tpot_p95_s"):
        return _service_speed(subject, load, row.name, measured)
    return _Shown(values.get(row.name))


def _service_speed(subject: Subject, load: SmokeLoad, name: str, measured: Measurements) -> _Shown:
    """Of the burst that is at least as hard as the planned load; nothing when all were easier. A harder one is a proof only."""
    planned = math.ceil(subject.in_flight) if subject.in_flight else None
    if planned is None or load.prompt_tokens < subject.demand.input_tokens.p50:
        return _Shown(None, "the benchmark's requests were shorter than the planned ones" if planned else "the load is not known")
    hard = next((speed for speed in measured.speeds if speed.concurrency >= planned), None)
    if hard is None:
        return _Shown(None, f"needs {planned} requests at once")
    value = hard.first_token_p95_s if name == "ttft_p95_s" else hard.step_s
    harder = hard.concurrency > planned
    note = f"burst of {hard.concurrency} requests with {load.prompt_tokens:,} tokens{f', {planned} planned' if harder else ''}"
    return _Shown(value, note, decision(proof=True, refutation=not harder))


def _result(row: Expected, shown: _Shown, measured: Measurements, subject: Subject) -> ClaimResult:
    if shown.value is not None and (reason := _cannot_tell(row, subject)):
        return judge(row, None, note=reason)
    if row.is_speed and shown.value is not None and (reason := _spoilt(measured)):
        return judge(row, shown.value, note=reason, decides="nothing")
    return judge(row, shown.value, note=shown.note, decides=shown.decides)


def judge(row: Expected, value: float | None, *, note: str = "", decides: Decides = "both") -> ClaimResult:
    """The row with its measured number and which way that may decide; one that decides nothing is shown and not judged."""
    predicted = row.predicted
    return ClaimResult(
        name=row.name,
        predicted=predicted.value if predicted else None,
        low=predicted.low if predicted else None,
        high=predicted.high if predicted else None,
        basis=str(predicted.basis) if predicted else None,
        at_most=row.at_most,
        at_least=row.at_least,
        measured=value,
        requirement=_requirement(row, value, decides),
        prediction=None if decides == "nothing" else prediction(row, value),
        tolerance_pct=row.tolerance_pct if predicted else None,
        gates=row.gates,
        note=note,
        decides=decides,
    )


def unjudged(claim: ClaimResult, why: str) -> ClaimResult:
    """The same number, held against nothing."""
    required: ClaimOutcome | None = None if claim.requirement is None else "not tested"
    return replace(claim, requirement=required, prediction=None, note=why, decides="nothing")


def _spoilt(measured: Measurements) -> str:
    """Why the speeds of this run are not the deployment's; empty when they are."""
    if measured.contention.disturbed:
        return f"disturbed: {measured.contention.words()}"
    return f"not as planned: {measured.differing_settings[0]}" if measured.differing_settings else ""


def _cannot_tell(row: Expected, subject: Subject) -> str:
    """Why a number of this run says nothing about the plan; empty when it does."""
    if not subject.device_here and row.name in _OF_THE_DEVICE:
        return f"needs {subject.planned.hardware.device}"
    if row.is_speed and not subject.same_machine:
        return "another machine than the planned one"
    return ""


def _requirement(row: Expected, value: float | None, decides: Decides) -> ClaimOutcome | None:
    """None where nothing is required."""
    if row.at_most is None and row.at_least is None and not row.gates:
        return None
    return outcome(value, at_most=row.at_most, at_least=row.at_least, decides=decides)


def prediction(row: Expected, value: float | None) -> Literal["right", "outside"] | None:
    """Right inside the predicted range, widened by the tolerance."""
    if row.predicted is None or value is None:
        return None
    slack = abs(row.predicted.value) * row.tolerance_pct / 100
    right = row.predicted.low - slack <= value <= row.predicted.high + slack
    return "right" if right else "outside"
