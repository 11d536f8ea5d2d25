"""The CPU build of torch, by the first road that leads to it; never the CUDA build, which is several GB.

A file that the user names, else what pip finds by its own configuration, else uv's `--torch-backend cpu`. The package index itself
holds CUDA builds only; asking for the local version `+cpu` is what keeps them out.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from advisor.engines import install
from advisor.engines.process import Progress, run
from advisor.errors import EngineFailed, UserInputError

TORCH_VARIABLE: Final = "ADVISOR_TORCH_WHEEL"
_UV: Final = "uv==0.13.9"
_NOT_IN_REACH: Final = "No matching distribution found"


def wanted_torch(pins: Sequence[str]) -> str:
    """The pin of torch."""
    return next(pin for pin in pins if pin.startswith("torch=="))


def add_torch(python: Path, store: Path, pin: str, progress: Progress | None) -> tuple[str, ...]:
    """Have torch at hand: what to give to `pip install` for it, nothing when it is installed already.

    Raises UserInputError for a named file that is not the pinned CPU build, EngineFailed when no road leads to one.
    """
    if named := os.environ.get(TORCH_VARIABLE):
        return (str(_named_file(named, pin)),)
    try:
        install.pip(python, "download", "--no-deps", "--dest", str(store), pin, progress=progress)
        return (pin,)
    except EngineFailed as error:
        if _NOT_IN_REACH not in str(error):
            raise
    _by_uv(python, store, pin, progress)
    return ()


def _named_file(text: str, pin: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise UserInputError(f"{TORCH_VARIABLE}: {text} is not a file")
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        raise UserInputError(f"{TORCH_VARIABLE}: {path.name} is not the name of a wheel, such as {pin.replace('==', '-')}-….whl") from None
    if f"{name}=={version}" != pin:
        raise UserInputError(f"{TORCH_VARIABLE}: {path.name} is {name} {version}, and {pin} is needed: the CPU build of that version")
    return path


def _by_uv(python: Path, store: Path, pin: str, progress: Progress | None) -> None:
    """uv knows where PyTorch keeps its CPU builds; it is there for this one step only."""
    tool = python.parent.parent / ".uv"
    install.pip(python, "install", "--target", str(tool), _UV, progress=progress)
    command = [str(tool / "bin" / "uv"), "pip", "install", "--python", str(python), "--torch-backend", "cpu", "--no-deps", pin]
    try:
        run(command, name="uv", limits=install.LIMITS, environment={"UV_CACHE_DIR": str(store / "uv")}, progress=progress)
    except EngineFailed as error:
        raise EngineFailed(
            f"no CPU build of torch can be had: pip finds no {pin}, and uv failed. Fetch its wheel where you have network and name it: "
            f"{TORCH_VARIABLE}=PATH\n{error}"
        ) from None
    shutil.rmtree(tool)
