"""The program of this machine that stands where the rendered command names one, in the planned version."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from advisor.domain.engine_record import EngineRecord
from advisor.domain.plan import PlannedDeployment
from advisor.engines.find import FoundServer, find_llama_cpp, find_llama_server, find_vllm
from advisor.engines.find_llama_cpp import import_server
from advisor.engines.flags import find_runtime
from advisor.engines.interpreters import INSTALLED, last_line
from advisor.engines.process import Limits, run
from advisor.errors import AdvisorError, Interrupted, NotProven, UserInputError

_PYTHON: Final = "python"
_ASK_LIMITS: Final = Limits(time_s=60.0, silence_s=60.0, output_bytes=1_000_000)
_BUILD: Final = re.compile(r"build (?P<build>\d{1,9})(?:, commit |[ (]+)(?P<commit>[0-9a-f]{7,40})")


@dataclass(frozen=True, slots=True)
class ProgramHere:
    """The program, its version as plans write it (None: it does not tell), and whether it would use an accelerator (asked if needed)."""

    found: FoundServer
    version: str | None
    offloads: Callable[[], bool]


def find_program(
    planned: PlannedDeployment, record: EngineRecord, *, engine_python: str | None = None, engine_binary: str | None = None
) -> ProgramHere:
    """By the first word of the runtime's command: an interpreter that has llama.cpp's binding, or a server binary.

    Raises NotProven with everything that was looked at, UserInputError for a named one that cannot be run.
    """
    runtime = find_runtime(record, planned.engine.runtime)
    if runtime.launch is None:
        raise UserInputError(f"{planned.name}: runtime {planned.engine.runtime} is not a server")
    if planned.engine.name == "vllm":
        return _vllm(engine_python)
    if runtime.launch.command[0] == _PYTHON:
        return _llama_cpp_python(record, engine_python)
    try:
        found = find_llama_server(engine_binary, engine_python=engine_python)
    except NotProven as absent:
        raise NotProven(f"{absent}\n    or   --in-process: the same model in llama-cpp-python, without a server") from None
    return ProgramHere(found, _llama_server_version(found, record), partial(_lists_devices, found))


def require_version(planned: PlannedDeployment, here: ProgramHere) -> None:
    """Raises NotProven for another version than the planned one: what it shows is not evidence of the plan."""
    if here.version is not None and here.version != planned.engine.version:
        raise NotProven(
            f"{planned.name}: {here.found.binary} ({here.found.origin}) is {planned.engine.name} {here.version}, "
            f"the plan names {planned.engine.version}: nothing was proven. Install that version, or set engine.version in the plan "
            "to the one that will be deployed"
        )


def _vllm(engine_python: str | None) -> ProgramHere:
    engine = find_vllm(engine_python)
    program = engine.program()
    problem = engine.problem or ("" if program else "it has no `vllm` program beside it")
    if program is None or problem:
        raise NotProven(f"vLLM {engine.version} of {engine.python} ({engine.origin}): {problem}, so nothing was proven")
    return ProgramHere(FoundServer(program, engine.origin, {}), engine.version, lambda: engine.backend != "cpu")


def _llama_cpp_python(record: EngineRecord, engine_python: str | None) -> ProgramHere:
    engine = find_llama_cpp(engine_python)
    try:
        found = import_server(engine)
    except Interrupted:
        raise
    except AdvisorError as absent:
        ours = engine.origin == INSTALLED
        complete = "`advisor engines install llama.cpp` completes it" if ours else "pip install 'llama-cpp-python[server]' there"
        raise NotProven(
            f"{engine.python} ({engine.origin}) has llama_cpp without its server, so nothing was proven: "
            f"{last_line(absent)}. {complete}, or plan llama-server"
        ) from None
    known = next((fact.version for fact in record.versions.known if fact.binding == engine.version), None)
    return ProgramHere(found, known, lambda: engine.offloads)


def _llama_server_version(found: FoundServer, record: EngineRecord) -> str | None:
    """By commit, which a build from source keeps, else by build number. Raises EngineFailed when it cannot be run at all."""
    told = run([str(found.binary), "--version"], name=str(found.binary), limits=_ASK_LIMITS, environment=found.environment)
    match = _BUILD.search("\n".join((*told.last_words, told.last_line)))
    if match is None:
        return None
    return record.version_of_build(int(match["build"]), match["commit"])


def _lists_devices(found: FoundServer) -> bool:
    """A llama-server's own list of devices is not empty. Raises EngineFailed when it has no such list."""
    listed = run([str(found.binary), "--list-devices"], name=str(found.binary), limits=_ASK_LIMITS, environment=found.environment)
    return ":" in listed.last_line  # `CUDA0: NVIDIA H100 …`; `(none)` otherwise
