"""The folders that a catalog is read from: the built-in one first, then the user's own, then a team's.

A file of a later folder takes the place of the file with the same path in an earlier one; any other file is added.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from advisor import resources
from advisor.errors import UserInputError

VARIABLE: Final = "ADVISOR_CATALOG"  # folders, separated like those of PATH
_given: ContextVar[tuple[Path, ...]] = ContextVar("folders given with --catalog", default=())


@dataclass(frozen=True, slots=True)
class Override:
    """A file of an overlay that is in use: its folder, its path in it, and whether a file of an earlier folder gives way to it."""

    folder: Path
    path: str
    replaces: bool

    def __str__(self) -> str:
        return f"{self.folder / self.path} ({'in place of an earlier one' if self.replaces else 'added'})"


@dataclass(frozen=True, slots=True)
class Layers:
    """Folders of a catalog, the strongest last."""

    folders: tuple[Path, ...]

    def files(self, folder: str = "", suffix: str = "") -> dict[str, Path]:
        """Path from `folder` on -> the file that counts, of the weakest folder first and by name within one."""
        found: dict[str, Path] = {}
        for root in self.folders:
            base = root / folder
            for path in sorted(p for p in base.rglob(f"*{suffix}") if p.is_file()):
                found[path.relative_to(base).as_posix()] = path
        return found

    def file(self, relative: str) -> Path:
        """The file that counts at this path; that of the first folder where there is none."""
        return next((root / relative for root in reversed(self.folders) if (root / relative).is_file()), self.folders[0] / relative)

    def shown(self, path: Path) -> str:
        """A file as messages name it: from the catalog's own folder on, in full where it lies in an overlay."""
        root = self.folders[0]
        return f"{root.name}/{path.relative_to(root).as_posix()}" if path.is_relative_to(root) else str(path)

    def overrides(self) -> Iterator[Override]:
        """Every file that does not come with the advisor."""
        below: set[str] = set(Layers(self.folders[:1]).files())
        for root in self.folders[1:]:
            names = Layers((root,)).files()
            yield from (Override(root, name, name in below) for name in names if not name.endswith(".md"))
            below |= names.keys()


Root = Path | Layers


def layers_of(root: Root) -> Layers:
    """A single folder as the only layer."""
    return root if isinstance(root, Layers) else Layers((root,))


def is_whole(folder: Path) -> bool:
    """True for a catalog that stands alone, False for a folder that belongs on top of one: only the first has constants."""
    return (folder / "calibration").is_dir() or not folder.is_dir()


def user_folder() -> Path:
    """The user's own overlay, where `advisor catalog refresh` writes."""
    return platformdirs.user_data_path("llm-serving-advisor", appauthor=False) / "catalog"


def layers_in_use() -> Layers:
    """The built-in folder, the user's where there is one, those of ADVISOR_CATALOG, those of --catalog.

    Raises UserInputError for a folder that was named and is not there.
    """
    named = [Path(part).expanduser() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    for folder, by in (*((one, VARIABLE) for one in named), *((one, "--catalog") for one in _given.get())):
        if not folder.is_dir():
            raise UserInputError(f"{by}: {folder} is not a folder; give one that holds devices, models, offers … of your own")
    own = [user_folder()] if user_folder().is_dir() else []
    return Layers((resources.folder("catalog"), *own, *named, *_given.get()))


@contextmanager
def over(folders: Sequence[Path]) -> Iterator[None]:
    """Inside, the catalog in use has these folders on top."""
    token = _given.set((*_given.get(), *folders))
    try:
        yield
    finally:
        _given.reset(token)
