"""The life of an engine's environment: made under a lock in a folder of its own, there whole or not at all, listed, removed."""

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from advisor.engines.interruption import raised
from advisor.engines.places import engines_folder
from advisor.engines.process import Finished, Limits, Progress, run
from advisor.errors import EngineFailed, NotProven, UserInputError
from advisor.units import MIB

_RECORD: Final = "engine.json"
_PARTIAL: Final = ".partial-"
LIMITS: Final = Limits(time_s=3 * 3600.0, silence_s=1800.0, output_bytes=256 * MIB, grace_s=5.0)


@dataclass(frozen=True, slots=True)
class InstalledEngine:
    """An environment that `advisor engines install` made; `name` is its folder's name."""

    name: str
    engine: str
    version: str
    packages: str
    disk_bytes: int


@contextmanager
def one_install_at_a_time() -> Iterator[None]:
    """Hold the lock of the engines folder; a killed holder's lock is gone with it. Raises UserInputError when another holds it."""
    import fcntl

    folder = engines_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserInputError(f"another `advisor engines` command is at work in {folder}; wait until it has ended") from None
        for left in folder.glob(f"{_PARTIAL}*"):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def whole_or_nothing(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that becomes `target` at the end, and is removed when anything goes wrong, Ctrl-C included."""
    partial = target.parent / f"{_PARTIAL}{target.name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with raised():
            yield partial
            _name_its_place(partial, target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _name_its_place(partial: Path, target: Path) -> None:
    """Programs of an environment begin with the path of its interpreter: they get the one that will be true."""
    before, after = bytes(partial), bytes(target)
    for script in (partial / "bin").glob("*"):
        if script.is_symlink() or not script.is_file():
            continue
        with script.open("rb") as file:
            is_script = file.read(2) == b"#!" or script.name.lower().startswith("activate")
        if is_script and before in (text := script.read_bytes()):
            script.write_bytes(text.replace(before, after))


def make_environment(folder: Path) -> Path:
    """An empty virtual environment in `folder`; its interpreter. Raises NotProven when this Python cannot make one."""
    try:
        run([sys.executable, "-m", "venv", "--clear", str(folder)], name="python -m venv", limits=LIMITS)
    except EngineFailed as error:
        packages = "python3-venv (Debian, Ubuntu)"
        raise NotProven(f"this Python cannot make virtual environments; install {packages}.\n{error}") from None
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str, environment: Mapping[str, str] | None = None, progress: Progress | None = None) -> Finished:
    """Run pip of an environment. Raises EngineFailed with its last words."""
    command = [str(python), "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]
    talking = ["/bin/sh", "-c", 'exec "$@" >&2', "sh", *command]  # pip talks on stdout
    return run(talking, name="pip", limits=LIMITS, environment=environment, progress=progress)


def record(folder: Path, engine: str, *, version: str, packages: str) -> InstalledEngine:
    """Note in the environment what it is."""
    made = InstalledEngine(folder.name.removeprefix(_PARTIAL), engine, version, packages, _size_bytes(folder))
    (folder / _RECORD).write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")
    return made


def installed() -> list[InstalledEngine]:
    """Every environment made here, by name; a folder without a readable record is not one."""
    found = []
    for path in sorted(engines_folder().glob(f"*/{_RECORD}")):
        try:
            found.append(InstalledEngine(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue
    return found


def remove(engine: str) -> list[InstalledEngine]:
    """Remove the environments of an engine, or one by its folder's name. Raises UserInputError when there is none."""
    with one_install_at_a_time():
        chosen = [made for made in installed() if engine in (made.engine, made.name)]
        if not chosen:
            there = ", ".join(made.name for made in installed()) or "none"
            raise UserInputError(f"{engine}: not installed by the advisor; installed: {there}. An engine of your own is yours to remove")
        for made in chosen:
            shutil.rmtree(engines_folder() / made.name)
    return chosen


def key_of(*parts: str) -> str:
    """12 hex of what an environment depends on: versions, options, pins, and this processor."""
    text = "\n".join([*parts, platform.system(), platform.machine(), _cpu_features()])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cpu_features() -> str:
    """The `flags` (x86) or `Features` (ARM) line of /proc/cpuinfo; elsewhere the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raise UserInputError when the disk that holds `folder` has less than that free."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        raise UserInputError(f"{folder}: {free_bytes / MIB:,.0f} MiB free, {needed_bytes / MIB:,.0f} MiB needed; free some or move it")


def _size_bytes(folder: Path) -> int:
    return sum(os.lstat(path).st_size for path in folder.rglob("*") if path.is_file())
