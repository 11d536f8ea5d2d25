"""How commands print: one console, colours only on a terminal, JSON that is the same for the same input."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from advisor.errors import UserInputError
from advisor.units import gib_text

if TYPE_CHECKING:
    from rich.console import Console

    from advisor.catalog import Catalog

_OVERRIDES_SHOWN = 3
Format = Literal["text", "json"]
FormatOption = Annotated[Format, typer.Option("--format", help="text or json.")]
RulesOption = Annotated[
    list[Path] | None, typer.Option("--rules", help="A folder of your team's rules; the same id overrides ours. May be repeated.")
]

AskEngineOption = Annotated[bool, typer.Option("--ask-engine", help="Let the engine itself size the memory, without weights.")]
EnginePythonOption = Annotated[str | None, typer.Option("--engine-python", help="Python that has the engine.")]
ApiKeyEnvOption = Annotated[
    str | None,
    typer.Option("--api-key-env", metavar="NAME", help="The environment variable with the server's key; it is never shown."),
]


def _use_catalogs(ctx: typer.Context, folders: list[Path] | None) -> list[Path] | None:
    """Put the folders on top of the catalog until the command ends."""
    if folders and not ctx.resilient_parsing:
        from advisor.catalog.layers import over

        ctx.with_resource(over(folders))
    return folders


CatalogOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog",
        callback=_use_catalogs,
        help="A folder of your own devices, models, prices …; the same path overrides ours.",
    ),
]


def say_overrides(catalog: "Catalog", *, quiet: bool) -> None:
    """On stderr, which files of the catalog in use did not come with the advisor: a number may rest on them."""
    shown = [str(override) for override in catalog.overrides[:_OVERRIDES_SHOWN]]
    more = len(catalog.overrides) - len(shown)
    if shown and not quiet:
        typer.echo(printable(f"catalog: with {'; '.join(shown)}{f'; and {more} more' if more else ''}"), err=True)


def api_key_from(variable: str | None) -> str | None:
    """The key in the named variable. Raises UserInputError when it is not set: a run without it would only be refused later."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserInputError(f"--api-key-env {variable}: this environment variable is not set")
    if not (key.isascii() and key.isprintable()):
        raise UserInputError(f"--api-key-env {variable}: what it holds is no key: only plain printable characters can be sent")
    return key


def emit_json(document: dict[str, Any]) -> None:
    """Print a document with its `schema` key, keys in the order given, nothing rounded twice."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def printable(text: str) -> str:
    """Text that came from a file, safe for a terminal: control characters (escape sequences) shown, not obeyed."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def console() -> "Console":
    """The terminal; plain text of 80 columns when piped, no colours under NO_COLOR."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR"))  # rich alone would keep bold and dim
    return Console(highlight=False, soft_wrap=False, width=None if _on_terminal() else 80, color_system=None if plain else "auto")


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when the person says yes. Raises UserInputError where nobody can answer, Exit(1) for a no."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UserInputError(f"{question} Nobody can answer here: add --yes")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


ASK_ABOVE_BYTES: Final = 2 * 1024**3  # what takes less of the disk is announced and not asked about


def agree_to_write(path: Path, size_bytes: int, *, yes: bool) -> None:
    """Announce a file of made-up numbers, and ask before a large one. Raises what `confirm` raises."""
    typer.echo(f"writing {path.name}: {gib_text(size_bytes, 2)} of made-up numbers in {path.parent}, kept for the next run", err=True)
    confirm("Write it?", yes=yes or size_bytes <= ASK_ABOVE_BYTES)
