"""Writing rendered files: unchanged ones are left alone, edited ones are refused by name, and nothing is written unless all can be."""

from pathlib import Path

from advisor.errors import UserInputError
from advisor.files.writing import write_together
from advisor.manifests.rendered import Rendered


def write_rendered(rendered: Rendered, folder: Path, *, force: bool = False) -> dict[str, str]:
    """Write the files below `folder`; returns what happened to each: written, unchanged or overwritten.

    Raises UserInputError when a file is there with other content and `force` is not set.
    """
    states = {file.path: _state(folder / file.path, file.text) for file in rendered.files}
    differing = [path for path, state in states.items() if state == "overwritten"]
    if differing and not force:
        raise UserInputError(
            f"{folder}: there already, with other content (edited, or of an older plan): {', '.join(differing)}. Nothing was written. "
            "Compare with `advisor check`, then --force, or render into another folder"
        )
    write_together({folder / file.path: file.text for file in rendered.files if states[file.path] != "unchanged"})
    return states


def _state(path: Path, text: str) -> str:
    if not path.exists():
        return "written"
    try:
        same = path.read_bytes() == text.encode()
    except OSError as error:
        raise UserInputError(f"{path}: {error.strerror or error}") from None
    return "unchanged" if same else "overwritten"
