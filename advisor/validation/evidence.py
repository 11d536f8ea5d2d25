"""A run as evidence: what was shown, on what, and what was smaller or different than planned."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from advisor.domain.evidence import ClaimResult, EvidenceFile
from advisor.domain.plan import PlannedDeployment
from advisor.resources import advisor_version
from advisor.validation.compare import compare, unjudged
from advisor.validation.contention import worst
from advisor.validation.expectations import expectations
from advisor.validation.latency import LATENCIES
from advisor.validation.load import SmokeLoad, shortened
from advisor.validation.measurements import Measurements
from advisor.validation.sampled import rung_row
from advisor.validation.service_level import judge_service
from advisor.validation.smoke.ladder import Climb
from advisor.validation.subject import Subject, Weights
from advisor.validation.verify import other_version


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the steps that were predicted and what they showed, then the workload's own requests where they were sent.

    `driven` says in words how the way it was run differs from the deployment, `served` that a server was asked.
    """

    load: SmokeLoad
    measured: Measurements
    driven: tuple[str, ...] = ()
    climbed: Climb | None = None
    served: bool = False


def evidence_of(subject: Subject, weights: Weights, run: Run, *, today: str) -> EvidenceFile:
    """The file."""
    planned, measured, climbed = subject.planned, run.measured, run.climbed
    memory = {**measured.memory, **{name: value for name, value in measured.values.items() if name.endswith("_bytes")}}
    rungs = climbed.rungs if climbed else ()
    state = worst([measured.contention, *([climbed.contention] if climbed else [])])
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
        reduced=_reduced(subject, run),
        claims=tuple(_claims(subject, run)),
        benchmark=(*({**asdict(speed), "prompt_tokens": run.load.prompt_tokens} for speed in measured.speeds), *map(rung_row, rungs)),
        memory=memory,
        contention=state.as_dict(),
        made_with={"advisor": advisor_version()},
        remarks=tuple(_remarks(subject, run)),
        devices=measured.devices,
    )


def _remarks(subject: Subject, run: Run) -> Iterator[str]:
    """Where the workload's requests ended early, and why a device's memory was not measured where the plan is for one."""
    if run.climbed and run.climbed.ended:
        yield f"the workload's requests ended early: {run.climbed.ended}"
    if subject.candidate.on_cpu or not subject.device_here:
        return
    devices = run.measured.devices
    if devices is None:
        yield "no driver of an accelerator could be asked: memory on the device was not measured"
    elif all(device.engine_bytes is None for device in devices):
        yield "the driver does not say what the engine's processes hold: memory on the device was not measured"


def of_the_planned_version(planned: PlannedDeployment, made: EvidenceFile) -> EvidenceFile:
    """As it is; of another version than the planned one it shows numbers and proves nothing, as `evidence verify` has it."""
    moved = other_version(planned, made)
    return replace(made, differs=(moved,), claims=tuple(unjudged(claim, moved) for claim in made.claims)) if moved else made


def _claims(subject: Subject, run: Run) -> Iterator[ClaimResult]:
    """Of what users were promised the workload's own requests tell, where they were sent; of all else the steps."""
    rows = expectations(subject, run.load, served=run.served)
    for row, claim in zip(rows, compare(subject, run.load, rows, run.measured), strict=True):
        yield judge_service(row, subject, run.climbed) if run.climbed and row.name in LATENCIES else claim


def _engine(subject: Subject, measured: Measurements) -> dict[str, Any]:
    planned = subject.planned.engine
    return {
        **measured.engine,
        "planned_runtime": planned.runtime,
        "planned_version": planned.version,
        "planned_backend": subject.candidate.runtime.backend,
    }


def _reduced(subject: Subject, run: Run) -> tuple[str, ...]:
    """What differs from the plan, in words."""
    measured = run.measured
    device = () if subject.device_here else (f"device {subject.planned.hardware.device} -> cpu",)
    ignored = (f"not known to this engine: {', '.join(measured.ignored_settings)}",) if measured.ignored_settings else ()
    differing = (f"not as planned: {', '.join(measured.differing_settings)}",) if measured.differing_settings else ()
    cut = tuple(f"{count} at once: not finished in the time limit" for count in measured.incomplete)
    return (*device, *run.driven, *shortened(subject, run.load), *ignored, *differing, *cut)
