"""The program of this machine that stands where the rendered command names one."""

from typing import Final

from advisor.domain.engine_record import Runtime
from advisor.domain.plan import PlannedDeployment
from advisor.engines.find import FoundServer, find_llama_cpp, find_llama_server, find_vllm
from advisor.engines.find_llama_cpp import library_path
from advisor.engines.process import Limits, run
from advisor.errors import NotProven, UserInputError

_PYTHON: Final = "python"
_LIST_LIMITS: Final = Limits(time_s=60.0, silence_s=60.0, output_bytes=1_000_000)


def find_program(
    planned: PlannedDeployment, runtime: Runtime, *, engine_python: str | None = None, engine_binary: str | None = None
) -> FoundServer:
    """By the first word of the runtime's command: an interpreter that has llama.cpp's binding, or a server binary.

    Raises NotProven with everything that was looked at, UserInputError for a named one that cannot be run.
    """
    if runtime.launch is None:
        raise UserInputError(f"{planned.name}: runtime {planned.engine.runtime} is not a server")
    if runtime.launch.command[0] == _PYTHON:
        engine = find_llama_cpp(engine_python)
        return FoundServer(engine.python, engine.origin, library_path(engine.library_folder))
    if planned.engine.name == "vllm":
        return _vllm(engine_python)
    try:
        return find_llama_server(engine_binary, engine_python=engine_python)
    except NotProven as absent:
        raise NotProven(f"{absent}\n    or   --in-process: the same model in llama-cpp-python, without a server") from None


def _vllm(engine_python: str | None) -> FoundServer:
    engine = find_vllm(engine_python)
    program = engine.program()
    problem = engine.problem or ("" if program else "it has no `vllm` program beside it")
    if program is None or problem:
        raise NotProven(f"vLLM {engine.version} of {engine.python} ({engine.origin}): {problem}, so nothing was proven")
    return FoundServer(program, engine.origin, {})


def offloads(found: FoundServer) -> bool:
    """Whether a llama-server sees an accelerator here: its own list of devices is not empty. Raises EngineFailed when it has none."""
    listed = run([str(found.binary), "--list-devices"], name=str(found.binary), limits=_LIST_LIMITS, environment=found.environment)
    return ":" in listed.last_line  # `CUDA0: NVIDIA H100 …`; `(none)` otherwise
