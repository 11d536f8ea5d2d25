"""One validation run as deployed: the planned server with the planned command, asked over HTTP, and what it showed written down."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from advisor.domain.engine import LlamaCppSettings
from advisor.domain.engine_record import EngineRecord
from advisor.domain.evidence import DeviceSeen, EvidenceFile
from advisor.engines.accelerators import accelerators
from advisor.engines.find import FoundServer
from advisor.engines.launch_environment import launch_environment
from advisor.engines.process import Limits
from advisor.engines.process_memory import ProcessMemory
from advisor.engines.server import Server, running
from advisor.units import GIB
from advisor.validation.contention import judge_contention, stall_ratio
from advisor.validation.evidence import evidence_of
from advisor.validation.load import SmokeLoad, smoke_load
from advisor.validation.measurements import Measurements, read_speeds
from advisor.validation.room import require_memory
from advisor.validation.served import truth_llama_cpp, truth_vllm
from advisor.validation.served.bursts import Bursts
from advisor.validation.served.devices import devices_seen, engine_pids
from advisor.validation.served.launch import Served, program, served
from advisor.validation.served.serial_load import SerialRequests
from advisor.validation.served.truth import Truth, pages
from advisor.validation.served.truth_llama_cpp import llama_cpp_truth
from advisor.validation.served.truth_vllm import vllm_truth
from advisor.validation.smoke.host import watch_host
from advisor.validation.smoke.requests import Vocabulary
from advisor.validation.smoke.target import Target
from advisor.validation.subject import Subject, Weights

_SILENCE_S: Final = 300.0
_SERIAL: Final = "{} serves one request at a time: others wait in line, and it streams no token counts, so whole answers were timed"
_LOG_BYTES: Final = 64 * 1024 * 1024
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """How to run: the program, its engine's record, the requests at once (none: 1 and all slots), a port (none: any), limit and date."""

    found: FoundServer
    record: EngineRecord
    concurrency: tuple[int, ...]
    time_limit_s: float
    today: str
    port: int | None = None
    version: str | None = None  # of the program, as plans write it


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a server showed while it ran."""

    truth: Truth
    ready: ProcessMemory
    end: ProcessMemory
    peak_bytes: int
    ready_s: float
    rows: list[dict[str, Any]]
    host: Mapping[str, Any]
    devices: tuple[DeviceSeen, ...] | None


def validate_server(subject: Subject, weights: Weights, terms: ServerTerms, progress: Progress | None = None) -> EvidenceFile:
    """Run it. Raises NotProven when the model does not fit this machine, EngineFailed, TimedOut, Interrupted, UserInputError (port)."""
    require_memory(subject)
    load = smoke_load(subject, terms.concurrency, terms.time_limit_s)
    runtime = terms.record.runtimes[subject.planned.engine.runtime]
    variables = launch_environment(terms.record, subject.candidate.runtime.backend)
    server = served(subject.planned, runtime, terms.found, weights.path, variables=variables)
    measured = _measured(subject, _run(subject, server, load, terms, progress), terms)
    driven = (_SERIAL.format(subject.planned.engine.runtime),) if runtime.concurrency == "serial" else ()
    return evidence_of(subject, weights, load, measured, driven=driven, today=terms.today, served=True)


def _run(subject: Subject, planned: Served, load: SmokeLoad, terms: ServerTerms, progress: Progress | None) -> _Shown:
    deadline_s = time.monotonic() + terms.time_limit_s
    limits = Limits(time_s=terms.time_limit_s, silence_s=min(terms.time_limit_s, _SILENCE_S), output_bytes=_LOG_BYTES)
    _say(progress, {"progress": "serve"})
    with running(program(planned, name=subject.planned.engine.runtime, port=terms.port, record=terms.record), limits=limits) as server:
        truth, ready = _truth(subject, server, planned, terms.record), server.memory()
        bursts = _load_of(subject, server, planned, deadline_s)
        bursts.warm_up(max(load.concurrency))
        with watch_host([server.pid]) as host:
            rows = list(bursts.rows(load, progress))
        end, devices = server.memory(), devices_seen(subject, accelerators(), engine_pids(server.pid))
    return _Shown(truth, ready, end, server.peak_bytes, server.ready_s, rows, host.told, devices)


def _load_of(subject: Subject, server: Server, planned: Served, deadline_s: float) -> Bursts | SerialRequests:
    """Streams at once; a serial server gets its requests one by one."""
    if planned.runtime.concurrency == "serial":
        return SerialRequests(server, planned, deadline_s)
    return Bursts(server, _target(server, planned), Vocabulary(subject.candidate.model.architecture.vocab_size), deadline_s)


def _truth(subject: Subject, server: Server, planned: Served, record: EngineRecord) -> Truth:
    settings, lines = subject.candidate.settings, server.log.lines()
    if isinstance(settings, LlamaCppSettings):
        return llama_cpp_truth(lines, pages(server, planned, truth_llama_cpp.PAGES), settings, record.log_patterns)
    return vllm_truth(subject, lines, pages(server, planned, truth_vllm.PAGES), record)


def _target(server: Server, planned: Served) -> Target:
    return Target(server.base_url, planned.model_name, api_key=planned.key or None)


def _measured(subject: Subject, shown: _Shown, terms: ServerTerms) -> Measurements:
    rows = sorted(shown.rows, key=lambda row: int(row["concurrency"]))
    speeds, incomplete = read_speeds(rows)
    return Measurements(
        engine={"version": terms.version, **shown.truth.engine},
        values=_values(subject, shown),
        speeds=speeds,
        incomplete=incomplete,
        memory=_memory(shown),
        contention=judge_contention({**shown.host, "max_step_over_median": stall_ratio(row["steps_s"] for row in rows)}, rows),
        ignored_settings=(),
        differing_settings=shown.truth.differing,
        devices=shown.devices,
    )


def _values(subject: Subject, shown: _Shown) -> dict[str, float]:
    """What it told, and what was counted: on a processor the whole server, its own code included, on a device what the driver says."""
    values = {**shown.truth.values, "start_s": shown.ready_s, **_counted(subject, shown)}
    if values.get("kv_capacity_tokens") and "kv_cache_bytes" in values:
        values["kv_cache_bytes_per_token"] = values["kv_cache_bytes"] / values["kv_capacity_tokens"]
    in_gib = {name.replace("_bytes", "_gib"): value / GIB for name, value in values.items() if name.endswith("_bytes")}
    return {**values, **in_gib, "settings_as_planned": float(not shown.truth.differing)}


def _counted(subject: Subject, shown: _Shown) -> dict[str, float]:
    if subject.device_here and not subject.candidate.on_cpu:
        held = [device.engine_bytes for device in shown.devices or () if device.engine_bytes is not None]
        return {"memory_bytes": float(sum(held)), "reserved_bytes": float(max(held))} if held else {}
    whole = float(shown.end.counted_once_bytes)
    mapped = shown.truth.values.get("repacked_weights_bytes", 0.0)  # mapped originals may be evicted
    return {"memory_bytes": whole, "reserved_bytes": whole, "required_bytes": whole - mapped}


def _memory(shown: _Shown) -> dict[str, float]:
    told = dict(shown.truth.notes)
    for stage, memory in (("ready", shown.ready), ("end", shown.end)):
        sizes = {"anonymous": memory.anonymous_bytes, "file": memory.file_bytes, "resident": memory.resident_bytes}
        sizes["proportional"] = memory.proportional_bytes
        told |= {f"{stage}_{kind}_bytes": float(size) for kind, size in sizes.items() if size is not None}
    return {**told, "peak_resident_bytes": float(shown.peak_bytes)}


def _say(progress: Progress | None, told: Mapping[str, Any]) -> None:
    if progress is not None:
        progress(json.dumps(told))
