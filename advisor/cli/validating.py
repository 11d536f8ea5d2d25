"""What `advisor validate` does before and around the run: read the plan, find the engine, have a model file, say what happens."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import typer

from advisor.assess import Case
from advisor.cli.asked import Asked, asked_pace
from advisor.cli.dates import today
from advisor.cli.output import ASK_ABOVE_BYTES, agree_to_write, confirm
from advisor.domain.evidence import EvidenceFile
from advisor.engines.find import find_llama_cpp
from advisor.engines.flags import find_runtime
from advisor.errors import UserInputError
from advisor.files.plan import read_plan
from advisor.intake.gguf_file import read_gguf_header
from advisor.intake.machine import this_machine
from advisor.intake.safetensors_files import read_safetensors
from advisor.planning.case import case_of, workload_of
from advisor.units import gib_text
from advisor.validation.download import fetch, fetch_folder
from advisor.validation.expectations import gating_names
from advisor.validation.prepare import Machine, choose, prepare
from advisor.validation.sampled import Sampling
from advisor.validation.scale_down import as_scaled, scale_down
from advisor.validation.served.find_program import find_program, require_version
from advisor.validation.served.run import ServerTerms, validate_server
from advisor.validation.subject import Subject, Weights
from advisor.validation.synthetic import make_synthetic, make_synthetic_folder, synthetic_folder, synthetic_path
from advisor.validation.validate import Terms, real_weights, validate

_TENSORS_APART_PCT = 2.0
_STAGES = {"load": "loading the weights", "serve": "starting the server as deployed", "context": "opening the context"}


def run_validation(asked: Asked) -> EvidenceFile:
    """The whole run. Raises what its parts raise; nothing is left running or half written."""
    return _measured_elsewhere(asked) or _run_here(asked)


def _measured_elsewhere(asked: Asked) -> EvidenceFile | None:
    """By a result of another tool, a running server or a log; None where an engine is to be started here."""
    if asked.benchmark is not None:
        from advisor.cli.validating_benchmark import run_on_benchmark

        return run_on_benchmark(asked, asked.benchmark)
    if asked.endpoint is not None:
        from advisor.cli.validating_endpoint import run_on_endpoint

        return run_on_endpoint(asked, asked.endpoint)
    if asked.log is not None:
        from advisor.cli.validating_log import run_on_log

        return run_on_log(asked, asked.log)
    return None


def _run_here(asked: Asked) -> EvidenceFile:
    if asked.model is not None and (asked.synthetic or asked.start.scale_down):
        raise UserInputError(f"--model and --{'synthetic' if asked.synthetic else 'scale-down'}: give one of them")
    concurrency = asked_pace(asked)
    plan, _ = read_plan(asked.plan)
    planned = choose(plan, asked.deployment)
    workload, _ = workload_of(plan, asked.plan)
    case = case_of(workload, [], plan)
    record = case.catalog.engine(planned.engine.name)
    runtime = find_runtime(record, planned.engine.runtime)
    progress = None if asked.quiet else _say_progress
    if asked.start.in_process or runtime.launch is None:
        if asked.request_rate_per_s is not None:
            raise UserInputError("--request-rate: requests arrive at a server; here the engine runs without one")
        engine = find_llama_cpp(asked.start.engine_python)
        subject = prepare(plan, planned, case, _machine(case, lambda: engine.offloads))
        subject.settings  # noqa: B018 - refuses an engine that cannot be run without a server
        return validate(subject, _weights(asked, subject, case), Terms(engine, concurrency, asked.time_limit_s, today()), progress)
    here = find_program(planned, record, engine_python=asked.start.engine_python, engine_binary=asked.start.engine_binary)
    if not asked.start.scale_down:
        require_version(planned, here)
    subject = prepare(plan, planned, case, _machine(case, here.offloads))
    terms = ServerTerms(here.found, record, concurrency, asked.time_limit_s, today(), asked.start.port, here.version)
    if asked.start.scale_down:
        return _scaled_down(asked, subject, case, terms, progress)
    terms = replace(terms, sampling=Sampling(workload.service_level, concurrency, asked.request_rate_per_s))
    return validate_server(subject, _weights(asked, subject, case), terms, progress)


def _scaled_down(asked: Asked, whole: Subject, case: Case, terms: ServerTerms, progress: Callable[[str], None] | None) -> EvidenceFile:
    """A small one in place of what only the planned device could run; its weights are made up."""
    scaled = scale_down(whole, case, this_machine(case.catalog, processor_only=True), version=terms.version)
    evidence = validate_server(scaled.subject, _weights(replace(asked, model=None, synthetic=True), scaled.subject, case), terms, progress)
    return as_scaled(evidence, scaled, gating_names(whole))


def _machine(case: Case, offloads: Callable[[], bool]) -> Machine:
    return Machine(this_machine(case.catalog).id, offloads)


def _weights(asked: Asked, subject: Subject, case: Case) -> Weights:
    if asked.model is not None:
        return _real(asked.model, subject)
    if not asked.synthetic:
        return _downloaded(asked, subject, case)
    architecture = subject.candidate.model.architecture
    quantization = case.catalog.quantization(subject.candidate.checkpoint.quantization)
    size_bytes = int(sum(device.weights_bytes.value for device in subject.memory.devices) + subject.memory.host.weights_bytes.value)
    is_file = quantization.format == "gguf"
    path = synthetic_path(architecture, quantization) if is_file else synthetic_folder(architecture, quantization, weights="random")
    if not path.exists():
        agree_to_write(path, size_bytes, yes=asked.yes)
    progress = None if asked.quiet else _say_done("written")
    if is_file:
        made = make_synthetic(architecture, quantization, progress=progress)
    else:
        made = make_synthetic_folder(architecture, quantization, weights="random", progress=progress)
    return Weights(str(made), synthetic=True)


def _downloaded(asked: Asked, subject: Subject, case: Case) -> Weights:
    """A folder is looked at by its size before it is fetched; of a GGUF file the header tells."""
    progress = None if asked.quiet else _say_done("fetched")
    if case.catalog.quantization(subject.candidate.checkpoint.quantization).format == "gguf":
        return _real(fetch(subject.planned.model, agree=partial(_agree, asked), progress=progress), subject)

    def agree(what: str, size_bytes: int, weights_bytes: int) -> None:
        _require_planned_size(what, weights_bytes, subject)
        _agree(asked, what, size_bytes, weights_bytes)

    return _real(fetch_folder(subject.planned.model, agree=agree, progress=progress), subject)


def _agree(asked: Asked, what: str, size_bytes: int, weights_bytes: int) -> None:
    """Say what is going to be downloaded, and ask where that is much."""
    typer.echo(f"downloading {what}: {gib_text(size_bytes, 2)}, kept for the next run", err=True)
    confirm("Download it?", yes=asked.yes or size_bytes <= ASK_ABOVE_BYTES)


def _real(path: Path, subject: Subject) -> Weights:
    """Refuses a file that is not the planned one before it is loaded."""
    held_bytes = read_safetensors(sorted(path.glob("*.safetensors"))).tensor_bytes if path.is_dir() else read_gguf_header(path).tensor_bytes
    _require_planned_size(str(path), held_bytes, subject)
    weights = real_weights(path)
    if subject.planned.model.sha256 and weights.sha256 not in subject.planned.model.sha256:
        raise UserInputError(f"{path}: sha256 {weights.sha256} is not the plan's {', '.join(subject.planned.model.sha256)}")
    return weights


def _require_planned_size(what: str, held_bytes: float, subject: Subject) -> None:
    planned_bytes = sum(device.weights_bytes.value for device in subject.memory.devices) + subject.memory.host.weights_bytes.value
    if abs(held_bytes - planned_bytes) > planned_bytes * _TENSORS_APART_PCT / 100:
        raise UserInputError(
            f"{what}: holds {gib_text(held_bytes, 2)} of tensors, the planned {subject.planned.model.id} in "
            f"{subject.planned.model.quantization} has {gib_text(planned_bytes, 2)}: another model or quantisation"
        )


def _say_progress(line: str) -> None:
    """The validator's own progress; the engine's chatter is kept for errors only."""
    try:
        told = json.loads(line)
    except ValueError:
        return
    match told:
        case {"progress": "benchmark", "concurrency": concurrency, "repeat": repeat}:
            again = f", {told['again']}" if "again" in told else ""
            typer.echo(f"  measuring {concurrency} at once, run {repeat}{again}", err=True)
        case {"progress": stage}:
            typer.echo(f"  {_STAGES.get(stage, stage)}", err=True)


class _say_done:
    """Progress of a large file, every tenth."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._tenth = 0

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        tenth = int(10 * done_bytes / max(total_bytes, 1))
        if tenth > self._tenth:
            self._tenth = tenth
            typer.echo(f"  {self._word} {tenth * 10} %", err=True)
