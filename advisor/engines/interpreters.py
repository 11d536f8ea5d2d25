"""Which interpreters may hold an engine, and in which order: flag > environment variable > installed by the advisor > others.

Nothing here imports an engine: each interpreter is asked in a process of its own.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from advisor.engines.places import engines_folder
from advisor.engines.process import Limits, run
from advisor.errors import AdvisorError, NotProven, UserInputError

PYTHON_FLAG: Final = "--engine-python"
INSTALLED: Final = "advisor engines install"
_THIS_PYTHON: Final = Path(sys.executable)
_LIMITS: Final = Limits(time_s=60.0, silence_s=60.0, output_bytes=1_000_000)


@dataclass(frozen=True, slots=True)
class Place:
    """An interpreter to ask, and why it is asked: the flag, the variable, or where it was found."""

    python: Path
    origin: str


def named(text: str | None, variable: str) -> Iterator[Place]:
    """The interpreter of the flag, then that of the variable. Raises UserInputError when it is not a program."""
    for path, origin in ((text, PYTHON_FLAG), (os.environ.get(variable), variable)):
        if path:
            yield Place(executable(path, origin), origin)


def installed(engine: str) -> Iterator[Place]:
    """Environments that the advisor made for an engine, the newest version first."""
    for environment in sorted(engines_folder().glob(f"{engine}-*"), reverse=True):
        if (environment / "bin" / "python").exists():
            yield Place(environment / "bin" / "python", INSTALLED)


def this_environment() -> Place:
    """The interpreter that runs the advisor."""
    return Place(_THIS_PYTHON, "this environment")


def on_path(names: Sequence[str]) -> Iterator[Place]:
    """Interpreters that PATH names."""
    for name in names:
        if found := shutil.which(name):
            yield Place(Path(found), "PATH")


def each_once(places: Iterable[Place]) -> Iterator[Place]:
    """The same places without those whose interpreter came before."""
    seen: set[Path] = set()
    for place in places:
        if place.python not in seen:
            seen.add(place.python)
            yield place


def ask(place: Place, program: str, *, limits: Limits = _LIMITS, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the interpreter says when it runs `program`, whose last line is a JSON object.

    Raises EngineFailed when it ends with an error, NotProven when it says something else.
    """
    done = run([str(place.python), "-c", program], name=str(place.python), limits=limits, environment=environment)
    try:
        told = json.loads(done.last_line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise NotProven(f"{place.python}: answered with something else than what it was asked")
    return told


def executable(text: str, origin: str) -> Path:
    """A program named by a person. Raises UserInputError when it cannot be run."""
    found = shutil.which(Path(text).expanduser())
    if found is None:
        raise UserInputError(f"{origin}: {text} is not a program that can be run")
    return Path(found).absolute()


def last_line(error: AdvisorError) -> str:
    """What an interpreter that has no engine said last."""
    return str(error).splitlines()[-1].strip()


def absent(what: str, looked_at: Sequence[str], *, do: Sequence[str]) -> NotProven:
    """The error for an engine that is nowhere: everything that was looked at, and what to do."""
    seen = "".join(f"\n    looked at {line}" for line in looked_at)
    return NotProven(f"no {what} here, so nothing was proven.{seen}\n    {'   or   '.join(do)}")
