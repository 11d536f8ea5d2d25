"""`advisor catalog`: look into the data that plans rest on, and check it after an edit."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from advisor.cli import pending
from advisor.cli.output import FormatOption

Kind = Literal["devices", "models", "quantizations", "engines", "offers", "presets"]

app = typer.Typer(
    no_args_is_help=True, help="Look into the data that plans rest on: devices, models, prices …, and check it after an edit."
)


@app.command("list", epilog="Example: [bold]advisor catalog list offers --search h100-sxm[/bold]")
def list_(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; without it, how much of each there is.")] = None,
    search: Annotated[str | None, typer.Option("--search", help="Only lines that contain this text.")] = None,
    output_format: FormatOption = "text",
) -> None:
    """List what the catalog knows, one line a thing."""
    from advisor.catalog import load_catalog
    from advisor.cli import catalog_tables
    from advisor.cli.output import emit_json

    catalog = load_catalog()
    rows = catalog_tables.counts(catalog) if kind is None else catalog_tables.rows(catalog, kind)
    if search:
        wanted = search.casefold()
        rows = [row for row in rows if wanted in " ".join(str(cell) for cell in row.values()).casefold()]
    if output_format == "json":
        emit_json({"schema": "advisor.catalog-list/1", "as_of": catalog.as_of, "kind": kind, "rows": rows})
        return
    typer.echo(catalog_tables.as_text(rows))
    typer.echo(f"{len(rows)} {'kinds' if kind is None else kind}, catalog of {catalog.as_of}", err=True)


@app.command(epilog="Example: [bold]advisor catalog show h100-sxm[/bold]")
def show(
    name: Annotated[str, typer.Argument(help="An id or alias; a short name such as h100 shows all that it may mean.")],
    output_format: FormatOption = "text",
) -> None:
    """Show everything about one thing, with its sources."""
    from advisor.catalog import load_catalog
    from advisor.cli import catalog_tables
    from advisor.cli.output import emit_json

    catalog = load_catalog()
    found: list[dict[str, Any]] = catalog_tables.records(catalog, name)
    if output_format == "json":
        emit_json({"schema": "advisor.catalog-show/1", "as_of": catalog.as_of, "found": found})
        return
    for record in found:
        typer.echo(catalog_tables.as_lines(record))


@app.command(epilog="Example: [bold]advisor catalog check ./catalog[/bold]")
def check(
    folder: Annotated[Path | None, typer.Argument(help="The catalog folder; without it, the one in use.")] = None,
    output_format: FormatOption = "text",
) -> None:
    """Read every file of the catalog and report every fault; exit 2 when there is one. Counts the measurements it has a use for."""
    import dataclasses

    from advisor import resources
    from advisor.catalog.check import check_catalog
    from advisor.catalog.coverage import coverage_of
    from advisor.cli.output import emit_json
    from advisor.errors import DataError

    root = folder or resources.folder("catalog")
    faults = check_catalog(root)
    if faults and output_format == "text":
        raise DataError(faults)
    counted = None if faults else coverage_of(root)
    if output_format == "json" or counted is None:
        listed = [{"place": f.place, "message": f.message} for f in faults]
        measurements = dataclasses.asdict(counted) if counted else None
        emit_json({"schema": "advisor.catalog-check/1", "faults": listed, "measurements": measurements})
        raise typer.Exit(2 if faults else 0)
    typer.echo("catalog: no fault")
    useful = f"{counted.mapped:,} of {counted.rows:,} are of a device and a model with a record"
    typer.echo(f"measurements: {useful} (--format json: why not the others)")


pending.register(app, {"refresh": "Fetch newer prices into the user's own catalog."}, prefix="catalog ")
