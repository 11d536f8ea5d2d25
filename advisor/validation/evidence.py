"""A run as evidence: what was shown, on what, and what was smaller or different than planned."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from advisor.domain.evidence import EvidenceFile
from advisor.domain.plan import PlannedDeployment
from advisor.resources import advisor_version
from advisor.validation.compare import compare, unjudged
from advisor.validation.expectations import expectations
from advisor.validation.load import SmokeLoad, shortened
from advisor.validation.measurements import Measurements
from advisor.validation.subject import Subject, Weights
from advisor.validation.verify import other_version


def evidence_of(
    subject: Subject, weights: Weights, load: SmokeLoad, measured: Measurements, *, driven: Iterable[str], today: str, served: bool = False
) -> EvidenceFile:
    """The file. `driven` says in words how the way it was run differs from the deployment, `served` that a server was asked."""
    planned = subject.planned
    memory = {**measured.memory, **{name: value for name, value in measured.values.items() if name.endswith("_bytes")}}
    return EvidenceFile(
        schema="advisor.evidence/1",
        deployment=planned.name,
        fingerprint=subject.fingerprint,
        measured_on=today,
        engine=_engine(subject, measured),
        device=planned.hardware.device if subject.device_here else "cpu",
        hardware=subject.hardware,
        weights="synthetic" if weights.synthetic else "real",
        weights_sha256=weights.sha256,
        settings={flag: setting.value for flag, setting in planned.settings.items()},
        reduced=_reduced(subject, load, measured, driven),
        claims=compare(subject, load, expectations(subject, load, served=served), measured),
        benchmark=tuple({**asdict(speed), "prompt_tokens": load.prompt_tokens} for speed in measured.speeds),
        memory=memory,
        contention=measured.contention.as_dict(),
        made_with={"advisor": advisor_version()},
        remarks=_remarks(subject, measured),
        devices=measured.devices,
    )


def _remarks(subject: Subject, measured: Measurements) -> tuple[str, ...]:
    """Why a device's memory was not measured, where the plan is for one."""
    if subject.candidate.on_cpu or not subject.device_here:
        return ()
    if measured.devices is None:
        return ("no driver of an accelerator could be asked: memory on the device was not measured",)
    told = any(device.engine_bytes is not None for device in measured.devices)
    return () if told else ("the driver does not say what the engine's processes hold: memory on the device was not measured",)


def of_the_planned_version(planned: PlannedDeployment, made: EvidenceFile) -> EvidenceFile:
    """As it is; of another version than the planned one it shows numbers and proves nothing, as `evidence verify` has it."""
    moved = other_version(planned, made)
    return replace(made, differs=(moved,), claims=tuple(unjudged(claim, moved) for claim in made.claims)) if moved else made


def _engine(subject: Subject, measured: Measurements) -> dict[str, Any]:
    planned = subject.planned.engine
    return {
        **measured.engine,
        "planned_runtime": planned.runtime,
        "planned_version": planned.version,
        "planned_backend": subject.candidate.runtime.backend,
    }


def _reduced(subject: Subject, load: SmokeLoad, measured: Measurements, driven: Iterable[str]) -> tuple[str, ...]:
    """What differs from the plan, in words."""
    device = () if subject.device_here else (f"device {subject.planned.hardware.device} -> cpu",)
    ignored = (f"not known to this engine: {', '.join(measured.ignored_settings)}",) if measured.ignored_settings else ()
    differing = (f"not as planned: {', '.join(measured.differing_settings)}",) if measured.differing_settings else ()
    cut = tuple(f"{count} at once: not finished in the time limit" for count in measured.incomplete)
    return (*device, *driven, *shortened(subject, load), *ignored, *differing, *cut)
