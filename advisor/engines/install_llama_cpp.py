"""Installs llama.cpp for this machine's CPU: one source build of llama-cpp-python with llama-server, kept as a wheel for the next time.

An environment made when the list of packages was shorter gets what it lacks; nothing is built again for that.
"""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from advisor.engines import install
from advisor.engines.find_llama_cpp import import_server, probe
from advisor.engines.install import InstalledEngine
from advisor.engines.interpreters import INSTALLED, Place
from advisor.engines.pins import pins_in, pins_text
from advisor.engines.places import engines_folder, wheels_folder
from advisor.engines.process import Progress
from advisor.errors import EngineFailed, NotProven
from advisor.resources import folder
from advisor.units import GIB, MIB

VERSION: Final = "0.3.36"
_PINS: Final = "llama-cpp"
_REQUIREMENT: Final = f"llama-cpp-python=={VERSION}"
_OPTIONS: Final = (
    "-DGGML_NATIVE=ON",
    "-DLLAVA_BUILD=OFF",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",  # else the build tries a download of its own
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_TOOLS_INSTALL=ON",
    # without its AMX kernels: the compiler drops the tile configuration that they keep on the stack, and the first product ends in
    # SIGSEGV or SIGILL on Sapphire Rapids and later (ggml-org/llama.cpp pull 26954, open; issue 20824; seen with gcc 12 and this version)
    "-DCMAKE_C_FLAGS=-U__AMX_INT8__",
    "-DCMAKE_CXX_FLAGS=-U__AMX_INT8__",
)
# measured 2026-11 on Linux x86_64, Python 3.11
_SOURCE_BYTES: Final = 77 * MIB
_PACKAGES_BYTES: Final = 21 * MIB  # numpy is 17 of them
_ADDED_BYTES: Final = 5 * MIB  # what a list without the Python server lacks
_INSTALLED_BYTES: Final = 190 * MIB
_PACKAGES_S: Final = 30.0
_BUILD_BYTES: Final = 1200 * MIB
_BUILD_CORE_S: Final = 650.0  # measured: 636 core-seconds on EPYC Zen 4, 2026-11
_COMPILE_BYTES: Final = GIB  # peak of one compiler process, 0.7 GiB measured
_STEP: Final = re.compile(r"^\s*\[(\d+)/(\d+)\]")


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What an installation would do on this machine."""

    name: str
    version: str
    made_before: bool
    lacks: tuple[str, ...]  # pinned packages that the environment made before does not hold
    wheel: Path | None  # built before
    download_bytes: int
    disk_bytes: int
    expected_s: float
    cores: int

    @property
    def already_there(self) -> bool:
        """Nothing is to be done."""
        return self.made_before and not self.lacks


def plan_install(extra_options: str = "") -> InstallPlan:
    """Look, do nothing. `extra_options` are further cmake options (`-DGGML_CUDA=ON`) from CMAKE_ARGS."""
    key = _key(extra_options)
    name = f"llama.cpp-{VERSION}-{key}"
    wheel = _wheel(key)
    before = next((made for made in install.installed() if made.name == name), None)
    lacks = tuple(pin for pin in pins() if pin not in pins_in(before.packages)) if before else ()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    build_s = 0.0 if before or wheel else _BUILD_CORE_S / _jobs(cores)
    download_bytes = _ADDED_BYTES if before else _PACKAGES_BYTES if wheel else _PACKAGES_BYTES + _SOURCE_BYTES
    disk_bytes = _INSTALLED_BYTES
    return InstallPlan(name, VERSION, before is not None, lacks, wheel, download_bytes, disk_bytes, _PACKAGES_S + build_s, cores)


def install_llama_cpp(plan: InstallPlan, *, extra_options: str = "", progress: Progress | None = None) -> InstalledEngine:
    """Build where needed, install, ask the result for its version, and only then put it in place.

    Raises NotProven (no compiler), EngineFailed (the build or the import failed), UserInputError (disk, lock), Interrupted.
    """
    target = engines_folder() / plan.name
    with install.one_install_at_a_time():
        install.require_space(target, plan.disk_bytes)
        if plan.made_before:
            return _completed(target, plan, progress)
        shutil.rmtree(target, ignore_errors=True)  # a folder without a record, or one that no longer answers
        with install.whole_or_nothing(target) as partial:
            python = install.make_environment(partial)
            wheel = _wheel(_key(extra_options)) or _build(python, extra_options, plan, progress)
            constraints = folder("constraints") / "engine-llama-cpp.txt"
            install.pip(python, "install", "--constraint", str(constraints), f"{wheel}[server]", progress=progress)
            return _checked(python, partial)


def _completed(target: Path, plan: InstallPlan, progress: Progress | None) -> InstalledEngine:
    """What is lacking goes in beside what is there; until it is all in, the record says that it is not."""
    python = target / "bin" / "python"
    install.pip(python, "install", "--no-deps", *plan.lacks, progress=progress)
    return _checked(python, target)


def _checked(python: Path, environment: Path) -> InstalledEngine:
    """The environment with its record, when it answers and its Python server can be imported."""
    engine = probe(Place(python, INSTALLED))
    import_server(engine)
    return install.record(environment, "llama.cpp", version=engine.version, packages=pins_text(_PINS))


def pins() -> tuple[str, ...]:
    """Every package of the environment as `name==version`."""
    return pins_in(pins_text(_PINS))


def steps_done(line: str) -> tuple[int, int] | None:
    """`[12/380] Building CXX object …` as (12, 380); None for any other line."""
    match = _STEP.match(line)
    return (int(match[1]), int(match[2])) if match else None


def _build(python: Path, extra_options: str, plan: InstallPlan, progress: Progress | None) -> Path:
    """The wheel, built once and kept in the cache folder."""
    _require_compiler()
    install.require_space(Path(tempfile.gettempdir()), _BUILD_BYTES)
    downloads = wheels_folder() / f"pip-{_key(extra_options)}"
    environment = {
        "CMAKE_ARGS": " ".join([*_OPTIONS, extra_options]).strip(),
        "CMAKE_BUILD_PARALLEL_LEVEL": str(_jobs(plan.cores)),
        # pip's own cache would hand out a wheel that was built with other options; a download survives in this one
        "PIP_CACHE_DIR": str(downloads),
    }
    store = wheels_folder() / _key(extra_options)
    shutil.rmtree(store, ignore_errors=True)
    with install.whole_or_nothing(store) as partial:
        arguments = ["wheel", "--verbose", "--no-deps", "--wheel-dir", str(partial), _REQUIREMENT]
        install.pip(python, *arguments, environment=environment, progress=progress)
        if not list(partial.glob("*.whl")):
            raise EngineFailed("pip ended well but built no wheel")
    shutil.rmtree(downloads, ignore_errors=True)
    built = _wheel(_key(extra_options))
    if built is None:
        raise EngineFailed(f"the wheel in {store} is gone")
    return built


def _wheel(key: str) -> Path | None:
    return next(iter(sorted((wheels_folder() / key).glob(f"llama_cpp_python-{VERSION}-*.whl"))), None)


def _key(extra_options: str) -> str:
    return install.key_of(VERSION, *_OPTIONS, extra_options)


def _jobs(cores: int) -> int:
    """Compilers at once: one a core, as far as memory allows."""
    import psutil

    return max(1, min(cores, int(psutil.virtual_memory().available / _COMPILE_BYTES)))


def _require_compiler() -> None:
    chosen = os.environ.get("CXX")
    if any(shutil.which(name) for name in ([chosen] if chosen else ["c++", "g++", "clang++"])):
        return
    looked = f"CXX={chosen}" if chosen else "c++, g++, clang++"
    raise NotProven(
        f"no C++ compiler here (looked for {looked}), and llama.cpp is built from source. Install one: "
        "`apt install build-essential` (Debian, Ubuntu), `dnf install gcc-c++` (Fedora), `xcode-select --install` (macOS). "
        "cmake and ninja come with the build."
    )
