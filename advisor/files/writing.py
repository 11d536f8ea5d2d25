"""Writing files whole or not at all, and never over what a person edited."""

import difflib
import os
import tempfile
from pathlib import Path

from advisor.errors import UserInputError


def write_atomically(path: Path, text: str) -> None:
    """Write the whole file or leave what was there; no half-written file survives a full disk or Ctrl-C."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise UserInputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
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
