"""How commands print: one console, colours only on a terminal, JSON that is the same for the same input."""

import json
from typing import Any, Literal

import typer

Format = Literal["text", "json"]


def emit_json(document: dict[str, Any]) -> None:
    """Print a document with its `schema` key, keys in the order given, nothing rounded twice."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def printable(text: str) -> str:
    """Text that came from a file, safe for a terminal: control characters (escape sequences) shown, not obeyed."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
