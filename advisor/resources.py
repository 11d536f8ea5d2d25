"""Where the data folders are: beside the package in a clone, inside it in a wheel."""

from pathlib import Path
from typing import Final, Literal

from advisor.version import __version__

_BUNDLED: Final = Path(__file__).parent / "_bundled"  # in a wheel
_CHECKOUT: Final = Path(__file__).parent.parent  # in a clone or an editable install

DataFolder = Literal["catalog", "constraints", "rules", "templates", "validators"]


def folder(name: DataFolder) -> Path:
    """The path of one of the data folders."""
    return (_BUNDLED if _BUNDLED.is_dir() else _CHECKOUT) / name


def advisor_version() -> str:
    """The version of this program."""
    return __version__
