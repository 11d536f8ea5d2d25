"""Writing files whole or not at all, and never over what a person edited."""

import difflib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from advisor.errors import UserInputError

_LONGEST_PREFIX: Final = 100  # of a temporary file's name, so that it fits where the name itself does


def write_atomically(path: Path, text: str) -> None:
    """Write the whole file or leave what was there; no half-written file survives a full disk or Ctrl-C."""
    write_together({path: text})


def write_together(files: Mapping[Path, str]) -> None:
    """Write all of these files, or none: they are put in place only when every one of them is on the disk."""
    staged: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_LONGEST_PREFIX]}.")
            staged.append((Path(name), path))
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for temporary, path in staged:
            temporary.chmod(0o644)
            temporary.replace(path)
    except OSError as error:
        raise UserInputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)


def write_beside(path: Path, text: str, *, force: bool = False) -> tuple[Path, str]:
    """Write to `path`, or to `path.new` when a different file is there already; returns where, and the difference as a diff."""
    if not path.exists() or force:
        write_atomically(path, text)
        return path, ""
    old = path.read_text(encoding="utf-8", errors="replace")
    if old == text:
        return path, ""
    beside = path.with_name(path.name + ".new")
    write_atomically(beside, text)
    lines = difflib.unified_diff(old.splitlines(), text.splitlines(), path.name, beside.name, lineterm="")
    return beside, "\n".join(lines)
