"""Which llama.cpp there is on this machine: flag > environment variable > installed by the advisor > this environment > PATH > absent."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from advisor.engines import interpreters
from advisor.engines.interpreters import PYTHON_FLAG, Place, absent, ask, executable
from advisor.engines.process import Limits, run
from advisor.engines.seen import Seen
from advisor.errors import AdvisorError, Interrupted, NotProven

PYTHON_VARIABLE: Final = "ADVISOR_LLAMA_CPP_PYTHON"
SERVER_FLAG: Final = "--engine-binary"
SERVER_VARIABLE: Final = "ADVISOR_LLAMA_SERVER"
_FACTS: Final = ("system_info", "llama_server")
_PROBE: Final = """
import importlib.metadata, json, os, llama_cpp
print(json.dumps({
    "version": importlib.metadata.version("llama_cpp_python"),
    "site_folder": os.path.dirname(os.path.dirname(os.path.abspath(llama_cpp.__file__))),
    "system_info": llama_cpp.llama_print_system_info().decode("utf-8", "replace"),
    "offloads": bool(llama_cpp.llama_supports_gpu_offload()),
}))
"""
_SERVER_PARTS: Final = "import llama_cpp.server.app"
_IMPORT_LIMITS: Final = Limits(time_s=60.0, silence_s=60.0, output_bytes=1_000_000)


@dataclass(frozen=True, slots=True)
class FoundEngine:
    """A llama.cpp that answered. `version` is the binding's, `system_info` the engine's own words about its build."""

    python: Path
    origin: str
    version: str
    system_info: str
    offloads: bool
    site_folder: Path

    @property
    def library_folder(self) -> Path:
        """Where the shared libraries of a source build lie; its programs need it on LD_LIBRARY_PATH."""
        return self.site_folder / "lib"

    def program(self, name: str) -> Path | None:
        """A program of the same build (llama-server, llama-bench …), when the build made it."""
        path = self.site_folder / "bin" / name
        return path if os.access(path, os.X_OK) else None

    def facts(self) -> dict[str, object]:
        """What else is known, for JSON."""
        server = self.program("llama-server")
        return {"system_info": self.system_info, "llama_server": str(server) if server else None}

    def describe(self) -> str:
        """The same in words."""
        server = "with llama-server" if self.program("llama-server") else "without llama-server"
        gpu = "offloads to GPUs" if self.offloads else "CPU only"
        return f"llama-cpp-python {self.version}, {server}, {gpu}"


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A llama-server binary and the environment it needs."""

    binary: Path
    origin: str
    environment: Mapping[str, str]


def find_llama_cpp(engine_python: str | None = None) -> FoundEngine:
    """The first interpreter that imports llama_cpp. Raises NotProven with everything that was looked at."""
    looked_at: list[str] = []
    for place in places(engine_python):
        try:
            return probe(place)
        except Interrupted:
            raise
        except AdvisorError as error:
            looked_at.append(f"{place.origin} ({place.python}): {interpreters.last_line(error)}")
        if place.origin in (PYTHON_FLAG, PYTHON_VARIABLE):
            break  # a named interpreter is never replaced by another
    raise _absent("llama.cpp", looked_at, PYTHON_FLAG, PYTHON_VARIABLE)


def look(place: Place) -> Seen:
    """Ask one interpreter; a refusal is an answer."""
    try:
        return Seen("llama.cpp", place, probe(place))
    except Interrupted:
        raise
    except AdvisorError as error:
        return Seen("llama.cpp", place, None, interpreters.last_line(error), _FACTS)


def find_llama_server(engine_binary: str | None = None, *, engine_python: str | None = None) -> FoundServer:
    """A llama-server: flag, variable, PATH, else the one built beside a llama.cpp interpreter. Raises NotProven."""
    for text, origin in ((engine_binary, SERVER_FLAG), (os.environ.get(SERVER_VARIABLE), SERVER_VARIABLE)):
        if text:
            return FoundServer(executable(text, origin), origin, {})
    if engine_python is None and (on_path := shutil.which("llama-server")):
        return FoundServer(Path(on_path), "PATH", {})
    engine = find_llama_cpp(engine_python)
    binary = engine.program("llama-server")
    if binary is None:
        raise _absent("llama-server", [f"{engine.origin} ({engine.python}): built without it"], SERVER_FLAG, SERVER_VARIABLE)
    return FoundServer(binary, engine.origin, library_path(engine.library_folder))


def import_server(engine: FoundEngine) -> FoundServer:
    """The interpreter as `python -m llama_cpp.server` starts it. Raises EngineFailed when it lacks what that needs."""
    environment = library_path(engine.library_folder)
    run([str(engine.python), "-c", _SERVER_PARTS], name=str(engine.python), limits=_IMPORT_LIMITS, environment=environment)
    return FoundServer(engine.python, engine.origin, environment)


def library_path(folder: Path) -> dict[str, str]:
    """The variable that lets programs of a source build find their libraries, what is set already kept behind."""
    before = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": f"{folder}:{before}" if before else str(folder)}


def places(engine_python: str | None = None) -> Iterator[Place]:
    """Interpreters in order of precedence, none twice. Raises UserInputError when a named one is not a program."""
    yield from interpreters.named(engine_python, PYTHON_VARIABLE)
    yield from interpreters.each_once(_by_convention())


def probe(place: Place) -> FoundEngine:
    """Ask one interpreter. Raises EngineFailed when it has no llama_cpp or cannot load it."""
    told = ask(place, _PROBE)
    try:
        folder = Path(told["site_folder"])
        return FoundEngine(place.python, place.origin, told["version"], told["system_info"], told["offloads"], folder)
    except (KeyError, TypeError):
        raise NotProven(f"{place.python}: answered with something else than its version") from None


def _by_convention() -> Iterator[Place]:
    yield from interpreters.installed("llama.cpp")
    yield interpreters.this_environment()
    yield from interpreters.on_path(("python3", "python"))


def _absent(what: str, looked_at: list[str], flag: str, variable: str) -> NotProven:
    install = "advisor engines install llama.cpp   (about 8 minutes on two cores, 170 MB)"
    return absent(what, looked_at, do=(install, f"{flag} PATH", f"{variable}=PATH"))
