"""`advisor catalog refresh`: newer prices and models into the user's own catalog folder, for review."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from advisor.cli.output import CatalogOption, FormatOption

if TYPE_CHECKING:
    from advisor.catalog import Catalog
    from advisor.intake.prices.refresh import Refreshed

EPILOG = (
    "Examples: [bold]advisor catalog refresh --from karpenter-aws --from litellm --dry-run[/bold]\n\n"
    "[bold]advisor catalog refresh --from hub --model Qwen/Qwen3-8B@main[/bold]\n\n"
    "[bold]advisor catalog refresh --from karpenter-gcp=./initial-prices.json --region europe-west3[/bold]\n\n"
    "[bold]advisor catalog refresh --from our-prices.csv[/bold]"
)
_From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="SOURCE",
        help="karpenter-aws, karpenter-azure, karpenter-gcp, litellm, hub, or a .csv of your own; SOURCE=ADDRESS for a mirror or a copy.",
    ),
]
_Model = Annotated[list[str] | None, typer.Option("--model", metavar="ID[@REVISION]", help="With --from hub: which. May be repeated.")]
_Region = Annotated[list[str] | None, typer.Option("--region", help="A region besides those that the catalog has. May be repeated.")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="Another folder than your own catalog; used with --catalog.")]


def refresh(
    sources: _From = None,
    model: _Model = None,
    region: _Region = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    output: _Output = None,
    catalogs: CatalogOption = None,
    output_format: FormatOption = "text",
) -> None:
    """Fetch newer prices or models, each source on its own, and show what changes.

    The only command that uses the network for prices. Tables go into your own catalog folder, where they take the place of ours;
    delete a file there to have ours back. A source that fails leaves nothing behind. Exit code 2: at least one failed.
    """
    from advisor.catalog.layers import user_folder
    from advisor.cli.output import emit_json, printable
    from advisor.errors import UserInputError
    from advisor.intake.prices.refresh import write

    folder, failed = output or user_folder(), 0
    done: list[dict[str, Any]] = []
    for step in _steps(sources or [], model or [], region or []):
        try:
            found = step()
            path = folder / found.table if dry_run else write(found, folder)
        except UserInputError as error:
            failed += 1
            typer.echo(printable(str(error)), err=True)
            continue
        done.append(_document(found, path, dry_run=dry_run))
        if output_format == "text":
            lines = [f"{found.source} of {found.as_of}: {found.changes.summary()}", *(f"  {line}" for line in found.changes.names())]
            typer.echo(printable("\n".join([*lines, f"{'would write' if dry_run else 'wrote'} {path}"])))
    if output_format == "json":
        emit_json({"schema": "advisor.catalog-refresh/1", "tables": done, "failed": failed})
    raise typer.Exit(2 if failed else 0)


def _steps(sources: list[str], models: list[str], regions: list[str]) -> Any:  # noqa: ANN401 - a list of calls
    """What is to be done, one call a source. Raises UserInputError for a command line that asks for nothing."""
    from functools import partial

    from advisor.catalog import load_catalog
    from advisor.catalog.layers import layers_in_use
    from advisor.catalog.sources import load_sources
    from advisor.cli.dates import today
    from advisor.errors import UserInputError
    from advisor.intake.prices.refresh import refresh as refreshed

    layers, catalog = layers_in_use(), load_catalog()
    known = load_sources(layers)
    if not sources:
        listed = "\n".join(f"  {name:<16} {source.title}" for name, source in known.items())
        raise UserInputError(
            f"--from: name at least one source, or a .csv file of your own\n{listed}\n  hub              a model's record, with --model"
        )
    if ("hub" in sources) != bool(models):
        raise UserInputError("--from hub and --model belong together: which model's record is wanted")
    calls = [partial(_hub, name, catalog, today()) for name in models]
    return calls + [partial(refreshed, name, known, catalog, layers, regions=regions, today=today()) for name in sources if name != "hub"]


def _hub(name: str, catalog: "Catalog", day: str) -> "Refreshed":
    from advisor.intake.prices.hub_record import hub_record

    return hub_record(name, catalog, today=day)


def _document(found: "Refreshed", path: Path, *, dry_run: bool) -> dict[str, Any]:
    changes = found.changes
    moved = [{"what": c.what, "before_usd": c.before_usd, "after_usd": c.after_usd, "pct": round(c.pct, 2)} for c in changes.changed]
    return {
        "source": found.source,
        "path": str(path),
        "written": not dry_run,
        "rows": found.rows,
        "as_of": found.as_of,
        "new": list(changes.new),
        "gone": list(changes.gone),
        "changed": moved,
        "same": changes.same,
    }
