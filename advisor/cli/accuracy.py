"""`advisor accuracy`: how far predictions of speed are from published measurements."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from advisor.cli.output import CatalogOption, FormatOption

if TYPE_CHECKING:
    from advisor.accuracy.document import Study
    from advisor.catalog.layers import Layers

EPILOG: Final = "Example: [bold]advisor accuracy --output accuracy.md[/bold]"
_Split = Annotated[
    Literal["report", "fit"],
    typer.Option("--split", help="report: rows that nothing was fitted on. fit: the others, which is no test, and said."),
]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file to write instead: the page for .md, the JSON document for any other name.")
]


def accuracy(
    split: _Split = "report",
    output: _Output = None,
    catalogs: CatalogOption = None,
    output_format: FormatOption = "text",
) -> None:
    """Show how far predictions are from published measurements: errors, ranges, the worst cases, what is left out and why."""
    from advisor.cli.output import emit_json, printable
    from advisor.report.accuracy_json import accuracy_json
    from advisor.report.accuracy_text import accuracy_text

    found = judged_study(split)
    if output is not None:
        _write(found, output)
        typer.echo(f"wrote {output}", err=True)
    elif output_format == "json":
        emit_json(accuracy_json(found))
    else:
        typer.echo(printable(accuracy_text(found)))


def judged_study(split: Literal["report", "fit"]) -> "Study":
    """The study of the catalog in use, made once per process."""
    from advisor.catalog.layers import layers_in_use

    return _judged(layers_in_use(), split)


@cache
def _judged(layers: "Layers", split: Literal["report", "fit"]) -> "Study":
    from advisor.accuracy.study import study
    from advisor.catalog import load_catalog
    from advisor.catalog.measurements import load_peers, load_published

    return study(load_catalog(), load_published(layers), split, load_peers(layers))


def _write(found: "Study", path: Path) -> None:
    """Raises UserInputError where the file cannot be written."""
    from advisor.files.writing import write_atomically
    from advisor.report.accuracy_json import accuracy_document
    from advisor.report.accuracy_page import accuracy_page

    write_atomically(path, accuracy_page(found) if path.suffix == ".md" else accuracy_document(found))
