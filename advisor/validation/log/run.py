"""A start-up log against the plan: no request, no GPU, no engine process. Speeds are not in a log and stay not tested."""

from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO, Final

from advisor.catalog.catalog import Catalog
from advisor.catalog.lookup import index
from advisor.domain.evidence import ClaimResult, EvidenceFile
from advisor.domain.quantity import Basis, Quantity
from advisor.errors import UserInputError
from advisor.resources import advisor_version
from advisor.units import GIB
from advisor.validation.compare import judge
from advisor.validation.expectations import Expected, claimed, expectations
from advisor.validation.load import SmokeLoad
from advisor.validation.log.llama_cpp import read_llama_cpp
from advisor.validation.log.miss import SIZE_PCT, why_missed
from advisor.validation.log.shown import LogShown, Names
from advisor.validation.log.vllm import read_vllm
from advisor.validation.subject import Subject

_NO_LOAD: Final = SmokeLoad((), 0, 0, 0)
_READERS: Final = {"vllm": read_vllm, "llama.cpp": read_llama_cpp}


def validate_log(subject: Subject, log: BinaryIO, catalog: Catalog, *, today: str) -> EvidenceFile:
    """Evidence of the numbers in a log. Raises UserInputError for one that holds no start of the planned engine.

    A log of another deployment than the planned one proves nothing about it: the evidence then says in `differs` what is not as planned.
    """
    planned = subject.planned
    record = catalog.engine(planned.engine.name)
    shown = _READERS[planned.engine.name](subject, log, record, Names(index(catalog.known_devices)))
    claims = tuple(_claim(row, shown) for row in _rows(subject, shown))
    return EvidenceFile(
        schema="advisor.evidence/1",
        deployment=planned.name,
        fingerprint=subject.fingerprint,
        measured_on=today,
        engine={**shown.engine, "planned_runtime": planned.engine.runtime, "planned_version": planned.engine.version},
        device=shown.device if shown.differs and shown.device else planned.hardware.device,
        weights="synthetic" if shown.synthetic else "not claimed",
        weights_sha256=None,
        settings={flag: setting.value for flag, setting in planned.settings.items()},
        reduced=(),
        claims=claims,
        benchmark=(),
        memory={name.replace("_gib", "_bytes"): value * GIB for name, value in shown.values.items() if name.endswith("_gib")},
        contention={},
        made_with={"advisor": advisor_version()},
        source="log",
        differs=shown.differs,
        remarks=(*shown.remarks, *why_missed(subject, claims, shown.parts_bytes)),
    )


def _rows(subject: Subject, shown: LogShown) -> list[Expected]:
    """The plan's promises and claims, then what one device holds, then what else the log tells."""
    rows = {row.name: row for row in expectations(subject, _NO_LOAD, source="log") if not row.name.endswith("_bytes")}
    for name, quantity in _of_one_device(subject).items():
        rows.setdefault(name, Expected(name, quantity, None, None, 0.0, gates=False))
    for name in (name for name in shown.values if name not in rows):
        rows[name] = Expected(name, None, None, None, 0.0, gates=False)
    return [_of_a_log(subject, row) for row in rows.values()]


def _of_a_log(subject: Subject, row: Expected) -> Expected:
    """With the plan's own range, speeds too: a log has none that could show it right or wrong."""
    claim = subject.claims.get(row.name)
    predicted = claimed(claim) if claim and row.is_speed else row.predicted
    return replace(row, predicted=predicted, tolerance_pct=_tolerance_pct(row))


def _of_one_device(subject: Subject) -> dict[str, Quantity]:
    """Parts that the plan has no claim for, of the device that holds most."""
    memory = subject.memory
    device = max(memory.devices, key=lambda one: one.required_bytes.value - one.usable_bytes.value)
    parts = {"compute_buffer_gib": device.compute_buffer_bytes, "output_buffer_gib": device.output_buffer_bytes}
    sizes = {name: size.times(1 / GIB) for name, size in (parts | {"repacked_weights_gib": memory.host.repacked_weights_bytes}).items()}
    return {name: size for name, size in sizes.items() if size.value} | (
        {"max_concurrency_x": memory.max_concurrency_x} if memory.max_concurrency_x else {}
    )


def _tolerance_pct(row: Expected) -> float:
    """A range says itself how far off is right; a size may be off by what allocators and logs round."""
    if row.name.endswith("_gib"):
        return max(SIZE_PCT, row.tolerance_pct if row.predicted and row.predicted.basis is Basis.EXACT else 0.0)
    return row.tolerance_pct if row.predicted and row.predicted.basis is Basis.EXACT else 0.0


def _claim(row: Expected, shown: LogShown) -> ClaimResult:
    """A number of another deployment is shown and not judged; a context too short for the requests is refuted whoever asked for it."""
    value = shown.values.get(row.name)
    note = "" if value is not None else shown.reasons.get(row.name, shown.silence)
    if not shown.differs or _is_too_short(row, value):
        return judge(row, value, note=note)
    return judge(row, value, note="the log is of another deployment", decides="nothing")


def _is_too_short(row: Expected, value: float | None) -> bool:
    return row.name == "context_per_request_tokens" and value is not None and row.at_least is not None and value < row.at_least


def require_no_other_source(what: str, given: Mapping[str, bool]) -> None:
    """Raises UserInputError for a flag that means another way of measuring; `what` is read instead."""
    wrong = [flag for flag, is_given in given.items() if is_given]
    if wrong:
        raise UserInputError(f"{what} and starts nothing: leave out {', '.join(wrong)}")
