"""`advisor.doctor/1`: what this machine offers, which engines are on it, what the advisor knows. Contacts nobody."""

import math
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from advisor.catalog import load_catalog
from advisor.catalog.catalog import Catalog
from advisor.engines.find import survey
from advisor.engines.places import engines_folder, models_folder
from advisor.errors import UserInputError
from advisor.intake.gpus import Gpu
from advisor.intake.machine import device_of, inspect_machine, this_machine
from advisor.resources import advisor_version
from advisor.rules.load import load_rules
from advisor.units import GIB, gib_text

SCHEMA: Final = "advisor.doctor/1"
_LITTLE_BYTES: Final = 4 * GIB  # less than a small model with its engine
_OFFLINE: Final = ("ADVISOR_OFFLINE", "HF_HUB_OFFLINE")


class GpuJson(TypedDict):
    """A GPU as its driver names it; `device` is its id in the catalog, else `refused` says why it has none."""

    name: str
    memory_bytes: int
    device: str | None
    refused: str | None


class MachineJson(TypedDict):
    """This computer; `plan_device` is what a plan runs on here, null where `refused` says why not.

    `memory_bandwidth_like` is the processor of the catalog whose memory is nearest in speed.
    """

    id: str
    cpu: str
    cores: int
    memory_bytes: int
    memory_limit_bytes: int | None
    memory_bandwidth_bytes_per_s: float
    memory_bandwidth_like: str
    repacks_weights: bool
    gpus: list[GpuJson]
    plan_device: str | None
    refused: str | None


class PlaceJson(TypedDict):
    """A folder the advisor writes to, and the space that is free there."""

    holds: str
    path: str
    free_bytes: int


class KnowledgeJson(TypedDict):
    """What plans rest on."""

    as_of: str
    fingerprint: str
    devices: int
    models: int
    offers: int
    rules: int
    overrides: list[str]


class DoctorJson(TypedDict):
    """The whole answer."""

    schema: Literal["advisor.doctor/1"]
    advisor: str
    python: str
    system: str
    machine: MachineJson
    engines: list[dict[str, Any]]
    places: list[PlaceJson]
    network: str
    offline_variables: dict[str, str]
    catalog: KnowledgeJson
    todo: list[str]


def doctor_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return TypeAdapter(DoctorJson).json_schema()


def examine() -> DoctorJson:
    """Look at everything. Takes a second or two: each interpreter that may hold an engine is asked."""
    catalog = load_catalog()
    machine, engines = _machine(catalog), _engines()
    return {
        "schema": SCHEMA,
        "advisor": advisor_version(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "machine": machine,
        "engines": engines,
        "places": [
            _place("engines that the advisor installed", engines_folder()),
            _place("built wheels and synthetic models", models_folder().parent),
        ],
        "network": "off: only `engines install`, `catalog refresh` and a repository that you name (hf://…) use it",
        "offline_variables": {name: os.environ[name] for name in _OFFLINE if name in os.environ},
        "catalog": {
            "as_of": catalog.as_of,
            "fingerprint": catalog.fingerprint,
            "devices": len(catalog.devices),
            "models": len(catalog.models),
            "offers": len(catalog.offers),
            "rules": len(load_rules().rules),
            "overrides": [_tilde(str(override)) for override in catalog.overrides],
        },
        "todo": list(_todo(machine, engines)),
    }


def _todo(machine: MachineJson, engines: list[dict[str, Any]]) -> Iterator[str]:
    """What is missing here, and what to do about each."""
    if not any(engine["found"] for engine in engines):
        yield "no engine is here: plans need none; to prove one, advisor engines install llama.cpp (or vllm)"
    yield from (
        f"{engine['engine']} {engine['version']} cannot be used: {engine['problem']}" for engine in engines if engine.get("problem")
    )
    if machine["refused"]:
        yield machine["refused"]
    if not machine["gpus"]:
        yield "no GPU answers: where there is one, install its driver with nvidia-smi, amd-smi or rocm-smi; else plans use the processor"
    limit = machine["memory_limit_bytes"]
    if limit is not None and limit <= _LITTLE_BYTES:
        yield f"this container may use {gib_text(limit)}: raise its memory limit before a model is loaded in it"


def _machine(catalog: Catalog) -> MachineJson:
    facts = inspect_machine()
    device, refused = None, None
    try:
        device = this_machine(catalog).device.id
    except UserInputError as error:
        refused = str(error)
    return {
        "id": facts.id,
        "cpu": facts.cpu,
        "cores": facts.cores,
        "memory_bytes": facts.memory_bytes,
        "memory_limit_bytes": facts.memory_limit_bytes,
        "memory_bandwidth_bytes_per_s": facts.memory_bandwidth_bytes_per_s,
        "memory_bandwidth_like": _alike(facts.memory_bandwidth_bytes_per_s, catalog),
        "repacks_weights": facts.repacks_weights,
        "gpus": [_gpu(gpu, catalog) for gpu in facts.gpus],
        "plan_device": device,
        "refused": refused,
    }


def _alike(bytes_per_s: float, catalog: Catalog) -> str:
    """The processor or board of the catalog whose memory is nearest in speed: what the measured figure amounts to."""
    processors = [device for device in catalog.devices.values() if device.is_cpu]
    return min(processors, key=lambda device: abs(math.log(device.memory_bandwidth_bytes_per_s / bytes_per_s))).id


def _gpu(gpu: Gpu, catalog: Catalog) -> GpuJson:
    try:
        return {"name": gpu.name, "memory_bytes": gpu.memory_bytes, "device": device_of(gpu, catalog).id, "refused": None}
    except UserInputError as error:
        return {"name": gpu.name, "memory_bytes": gpu.memory_bytes, "device": None, "refused": str(error)}


def _engines() -> list[dict[str, Any]]:
    """Every place that may hold an engine; a variable that names no program is an answer too."""
    try:
        return [_without_home(seen.as_dict()) for seen in survey()]
    except UserInputError as error:
        return [{"engine": None, "found": False, "reason": _tilde(str(error))}]


def _place(holds: str, folder: Path) -> PlaceJson:
    """Free space is that of the nearest folder that exists already."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return {"holds": holds, "path": _tilde(str(folder)), "free_bytes": shutil.disk_usage(existing).free}


def _without_home(row: dict[str, object]) -> dict[str, Any]:
    return {key: _tilde(value) if isinstance(value, str) else value for key, value in row.items()}


def _tilde(text: str) -> str:
    """A report that people paste into an issue names no user."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
