"""Which llama.cpp there is on this machine: flag > environment variable > installed by the advisor > this environment > PATH > absent.

Nothing here imports an engine: each interpreter is asked in a process of its own.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from advisor.engines.places import engines_folder
from advisor.engines.process import Limits, run
from advisor.errors import AdvisorError, Interrupted, NotProven, UserInputError

PYTHON_FLAG: Final = "--engine-python"
PYTHON_VARIABLE: Final = "ADVISOR_LLAMA_CPP_PYTHON"
SERVER_FLAG: Final = "--engine-binary"
SERVER_VARIABLE: Final = "ADVISOR_LLAMA_SERVER"
INSTALLED: Final = "advisor engines install"
_THIS_PYTHON: Final = Path(sys.executable)
_PROBE_LIMITS: Final = Limits(time_s=60.0, silence_s=60.0, output_bytes=1_000_000)
_PROBE: Final = """
import importlib.metadata, json, os, llama_cpp
print(json.dumps({
    "version": importlib.metadata.version("llama_cpp_python"),
    "site_folder": os.path.dirname(os.path.dirname(os.path.abspath(llama_cpp.__file__))),
    "system_info": llama_cpp.llama_print_system_info().decode("utf-8", "replace"),
    "offloads": bool(llama_cpp.llama_supports_gpu_offload()),
}))
"""


@dataclass(frozen=True, slots=True)
class Place:
    """An interpreter to ask, and why it is asked: the flag, the variable, or where it was found."""

    python: Path
    origin: str


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


@dataclass(frozen=True, slots=True)
class Seen:
    """One place that was looked at, with what was there: an engine, or the reason why not."""

    place: Place
    found: FoundEngine | None
    reason: str

    def as_dict(self) -> dict[str, object]:
        """For JSON; paths are this machine's."""
        engine = self.found
        return {
            "engine": "llama.cpp",
            "found": engine is not None,
            "origin": self.place.origin,
            "python": str(self.place.python),
            "version": engine.version if engine else None,
            "system_info": engine.system_info if engine else None,
            "llama_server": str(server) if engine and (server := engine.program("llama-server")) else None,
            "reason": self.reason or None,
        }

    def __str__(self) -> str:
        if self.found is None:
            return f"-          {self.place.origin}: {self.place.python}: {self.reason}"
        server = "with llama-server" if self.found.program("llama-server") else "without llama-server"
        gpu = ", offloads to GPUs" if self.found.offloads else ", CPU only"
        return f"llama.cpp  {self.place.origin}: {self.place.python}: llama-cpp-python {self.found.version}, {server}{gpu}"


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
        seen = look(place)
        if seen.found is not None:
            return seen.found
        looked_at.append(f"{place.origin} ({place.python}): {seen.reason}")
        if place.origin in (PYTHON_FLAG, PYTHON_VARIABLE):
            break  # a named interpreter is never replaced by another
    raise NotProven(_absent("llama.cpp", looked_at, PYTHON_FLAG, PYTHON_VARIABLE))


def survey() -> list[Seen]:
    """Everything there is to find, in the order of precedence."""
    return [look(place) for place in places()]


def look(place: Place) -> Seen:
    """Ask one interpreter; a refusal is an answer."""
    try:
        return Seen(place, probe(place), "")
    except Interrupted:
        raise
    except AdvisorError as error:
        return Seen(place, None, str(error).splitlines()[-1].strip())


def find_llama_server(engine_binary: str | None = None, *, engine_python: str | None = None) -> FoundServer:
    """A llama-server: flag, variable, PATH, else the one built beside a llama.cpp interpreter. Raises NotProven."""
    for text, origin in ((engine_binary, SERVER_FLAG), (os.environ.get(SERVER_VARIABLE), SERVER_VARIABLE)):
        if text:
            return FoundServer(_executable(text, origin), origin, {})
    if engine_python is None and (on_path := shutil.which("llama-server")):
        return FoundServer(Path(on_path), "PATH", {})
    engine = find_llama_cpp(engine_python)
    binary = engine.program("llama-server")
    if binary is None:
        raise NotProven(_absent("llama-server", [f"{engine.origin} ({engine.python}): built without it"], SERVER_FLAG, SERVER_VARIABLE))
    return FoundServer(binary, engine.origin, library_path(engine.library_folder))


def library_path(folder: Path) -> dict[str, str]:
    """The variable that lets programs of a source build find their libraries, what is set already kept behind."""
    before = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": f"{folder}:{before}" if before else str(folder)}


def places(engine_python: str | None = None) -> Iterator[Place]:
    """Interpreters in order of precedence, none twice. Raises UserInputError when a named one is not a program."""
    for text, origin in ((engine_python, PYTHON_FLAG), (os.environ.get(PYTHON_VARIABLE), PYTHON_VARIABLE)):
        if text:
            yield Place(_executable(text, origin), origin)
    seen: set[Path] = set()
    for place in _by_convention():
        if place.python not in seen:
            seen.add(place.python)
            yield place


def probe(place: Place) -> FoundEngine:
    """Ask one interpreter. Raises EngineFailed when it has no llama_cpp or cannot load it."""
    done = run([str(place.python), "-c", _PROBE], name=str(place.python), limits=_PROBE_LIMITS)
    try:
        told = json.loads(done.last_line)
        folder = Path(told["site_folder"])
        return FoundEngine(place.python, place.origin, told["version"], told["system_info"], told["offloads"], folder)
    except (ValueError, KeyError, TypeError):
        raise NotProven(f"{place.python}: answered with something else than its version") from None


def _by_convention() -> Iterator[Place]:
    for environment in sorted(engines_folder().glob("llama.cpp-*"), reverse=True):
        if (environment / "bin" / "python").exists():
            yield Place(environment / "bin" / "python", INSTALLED)
    yield Place(_THIS_PYTHON, "this environment")
    for name in ("python3", "python"):
        if found := shutil.which(name):
            yield Place(Path(found), "PATH")


def _executable(text: str, origin: str) -> Path:
    found = shutil.which(Path(text).expanduser())
    if found is None:
        raise UserInputError(f"{origin}: {text} is not a program that can be run")
    return Path(found).absolute()


def _absent(what: str, looked_at: list[str], flag: str, variable: str) -> str:
    seen = "".join(f"\n    looked at {line}" for line in looked_at)
    return (
        f"no {what} here, so nothing was proven.{seen}\n"
        f"    advisor engines install llama.cpp   (about 8 minutes on two cores, 170 MB)   or   {flag} PATH   or   {variable}=PATH"
    )
