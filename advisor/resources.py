"""Where the data folders are: beside the package in a clone, inside it in a wheel."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

_BUNDLED: Final = Path(__file__).parent / "_bundled"  # in a wheel
_CHECKOUT: Final = Path(__file__).parent.parent  # in a clone or an editable install

DataFolder = Literal["catalog", "constraints", "rules", "templates", "validators"]


def folder(name: DataFolder) -> Path:
    """The path of one of the data folders."""
    return (_BUNDLED if _BUNDLED.is_dir() else _CHECKOUT) / name


@cache
def advisor_version() -> str:
    """The version of this program."""
    try:
        return version("llm-serving-advisor")
    except PackageNotFoundError:
        return "0+unknown"
