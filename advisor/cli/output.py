"""How commands print: one console, colours only on a terminal, JSON that is the same for the same input."""

import json
import sys
from typing import TYPE_CHECKING, Any, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

Format = Literal["text", "json"]


def emit_json(document: dict[str, Any]) -> None:
    """Print a document with its `schema` key, keys in the order given, nothing rounded twice."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def printable(text: str) -> str:
    """Text that came from a file, safe for a terminal: control characters (escape sequences) shown, not obeyed."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def console() -> "Console":
    """The terminal; plain text of 80 columns when piped, no colours under NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if _on_terminal() else 80)


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
