"""`advisor catalog`: look into the data that plans rest on, check it after an edit, fetch newer prices."""

from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.cli import catalog_refresh
from advisor.cli.output import CatalogOption, FormatOption

app = typer.Typer(
    no_args_is_help=True, help="Look into the data that plans rest on: devices, models, prices …, check it after an edit, refresh it."
)
_Kind = Annotated[
    str | None,
    typer.Argument(
        metavar="[KIND]",
        help="devices, models, quantizations, engines, offers, presets, licences, api-prices, quality or measurements; "
        "without it, how much of each there is.",
    ),
]


@app.command("list", epilog="Example: [bold]advisor catalog list offers --search h100-sxm[/bold]")
def list_(
    kind: _Kind = None,
    search: Annotated[str | None, typer.Option("--search", help="Only lines that contain this text.")] = None,
    catalogs: CatalogOption = None,
    output_format: FormatOption = "text",
) -> None:
    """List what the catalog knows, one line a thing."""
    from advisor.catalog import load_catalog
    from advisor.cli import catalog_tables
    from advisor.cli.output import emit_json, say_overrides

    catalog = load_catalog()
    known = catalog_tables.counts(catalog) if kind is None else catalog_tables.rows(catalog, kind)
    wanted = (search or "").casefold()
    rows = [row for row in known if wanted in " ".join(str(cell) for cell in row.values()).casefold()]
    if output_format == "json":
        listed = {"schema": "advisor.catalog-list/1", "as_of": catalog.as_of, "kind": kind, "rows": rows}
        emit_json(listed | {"overrides": [str(override) for override in catalog.overrides]})
        return
    typer.echo(catalog_tables.as_text(rows))
    meant = catalog_tables.near(known, search) if search and not rows else ""
    typer.echo(f"{len(rows)} {'kinds' if kind is None else kind}, catalog of {catalog.as_of}{meant}", err=True)
    say_overrides(catalog, quiet=False)


@app.command(epilog="Example: [bold]advisor catalog show h100-sxm[/bold]")
def show(
    name: Annotated[str, typer.Argument(help="An id, alias or instance type; a short name such as h100 shows all that it may mean.")],
    catalogs: CatalogOption = None,
    output_format: FormatOption = "text",
) -> None:
    """Show everything about one thing, with its sources."""
    from advisor.catalog import load_catalog
    from advisor.cli import catalog_tables
    from advisor.cli.output import emit_json, say_overrides

    catalog = load_catalog()
    found: list[dict[str, Any]] = catalog_tables.records(catalog, name)
    if output_format == "json":
        emit_json({"schema": "advisor.catalog-show/1", "as_of": catalog.as_of, "found": found})
        return
    for record in found:
        typer.echo(catalog_tables.as_lines(record))
    say_overrides(catalog, quiet=False)


@app.command(epilog="Example: [bold]advisor catalog check ./catalog[/bold]")
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="A catalog, or a folder of your own on top of ours; without it, what is in use.")
    ] = None,
    catalogs: CatalogOption = None,
    output_format: FormatOption = "text",
) -> None:
    """Read every file of the catalog and report every fault; exit 2 when there is one. Counts the measurements it has a use for."""
    import dataclasses

    from advisor.catalog.check import check_catalog
    from advisor.catalog.coverage import coverage_of
    from advisor.catalog.layers import Layers, is_whole, layers_in_use
    from advisor.cli.output import emit_json
    from advisor.errors import DataError

    in_use = layers_in_use()
    layers = in_use if folder is None else Layers((folder,) if is_whole(folder) else (*in_use.folders, folder))
    faults = check_catalog(layers)
    if faults and output_format == "text":
        raise DataError(faults)
    overrides = [str(override) for override in layers.overrides()]
    counted = None if faults else coverage_of(layers)
    if output_format == "json" or counted is None:
        listed = [{"place": f.place, "message": f.message} for f in faults]
        measurements = dataclasses.asdict(counted) if counted else None
        emit_json({"schema": "advisor.catalog-check/1", "faults": listed, "overrides": overrides, "measurements": measurements})
        raise typer.Exit(2 if faults else 0)
    typer.echo("\n".join(["catalog: no fault", *overrides]))
    useful = f"{counted.mapped:,} of {counted.rows:,} are of a device and a model with a record"
    typer.echo(f"measurements: {useful} (--format json: why not the others)")


app.command("refresh", epilog=catalog_refresh.EPILOG)(catalog_refresh.refresh)
