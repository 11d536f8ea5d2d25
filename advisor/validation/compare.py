"""Expectations against measurements: two columns, because "does it hold" and "was it predicted right" are two questions."""

import math
from collections.abc import Sequence
from typing import Final, Literal

from advisor.domain.evidence import ClaimOutcome, ClaimResult
from advisor.validation.expectations import Expected
from advisor.validation.load import SmokeLoad
from advisor.validation.measurements import Measurements, Speed
from advisor.validation.subject import Subject

_OF_THE_DEVICE: Final = frozenset(
    {"weights_bytes", "weights_gib", "memory_bytes", "reserved_gib", "required_gib", "compute_buffer_bytes", "repacked_weights_bytes"}
)  # a card holds tied embeddings twice and copies nothing; its buffers are its own


def compare(subject: Subject, load: SmokeLoad, expected: Sequence[Expected], measured: Measurements) -> tuple[ClaimResult, ...]:
    """One result a row, in the order of the expectations."""
    values = dict(measured.values)
    for speed in measured.speeds:
        values |= {f"tpot_s at {speed.concurrency}": speed.step_s, f"ttft_s at {speed.concurrency}": speed.last_first_token_s}
    return tuple(_result(row, *_value(subject, load, row, values, measured), measured, subject) for row in expected)


def _value(subject: Subject, load: SmokeLoad, row: Expected, values: dict[str, float], measured: Measurements) -> tuple[float | None, str]:
    """The measured number and a note on it."""
    if row.name == "settings_as_planned":
        return values.get(row.name), ", ".join(measured.differing_settings)
    if row.name not in ("ttft_p95_s", "tpot_p95_s"):
        return values.get(row.name), ""
    speed, note = _service_speed(subject, load, measured)
    if speed is None:
        return None, note
    return (speed.first_token_p95_s if row.name == "ttft_p95_s" else speed.step_s), note


def _service_speed(subject: Subject, load: SmokeLoad, measured: Measurements) -> tuple[Speed | None, str]:
    """The row that is at least as hard as the planned load; none when the benchmark was easier."""
    planned = math.ceil(subject.in_flight) if subject.in_flight else None
    if planned is None or load.prompt_tokens < subject.demand.input_tokens.p50:
        return None, "the benchmark's requests were shorter than the planned ones" if planned else "the load is not known"
    hard = [speed for speed in measured.speeds if speed.concurrency >= planned]
    if not hard:
        return None, f"needs {planned} requests at once"
    return hard[0], f"burst of {hard[0].concurrency} requests with {load.prompt_tokens:,} tokens"


def _result(row: Expected, value: float | None, note: str, measured: Measurements, subject: Subject) -> ClaimResult:
    if value is not None and (reason := _cannot_tell(row, subject)):
        value, note = None, reason
    if row.is_speed and value is not None and measured.contention.disturbed:
        note = f"disturbed: {measured.contention.words()}"
    return judge(row, value, note=note, trusted=not (row.is_speed and measured.contention.disturbed))


def judge(row: Expected, value: float | None, *, note: str = "", trusted: bool = True) -> ClaimResult:
    """The row with its measured number; one that is not `trusted` is shown and not judged."""
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
        requirement=requirement(row, value if trusted else None),
        prediction=prediction(row, value) if trusted else None,
        tolerance_pct=row.tolerance_pct if predicted else None,
        gates=row.gates,
        note=note,
    )


def _cannot_tell(row: Expected, subject: Subject) -> str:
    """Why a number of this run says nothing about the plan; empty when it does."""
    if not subject.device_here and row.name in _OF_THE_DEVICE:
        return f"needs {subject.planned.hardware.device}"
    if row.is_speed and not subject.same_machine:
        return "another machine than the planned one"
    return ""


def requirement(row: Expected, value: float | None) -> ClaimOutcome | None:
    """Proven or refuted by the measured number; None where nothing is required."""
    if row.at_most is None and row.at_least is None:
        return None if not row.gates else ("not tested" if value is None else "proven")
    if value is None:
        return "not tested"
    inside = (row.at_most is None or value <= row.at_most) and (row.at_least is None or value >= row.at_least)
    return "proven" if inside else "refuted"


def prediction(row: Expected, value: float | None) -> Literal["right", "outside"] | None:
    """Right inside the predicted range, widened by the tolerance."""
    if row.predicted is None or value is None:
        return None
    slack = abs(row.predicted.value) * row.tolerance_pct / 100
    right = row.predicted.low - slack <= value <= row.predicted.high + slack
    return "right" if right else "outside"
