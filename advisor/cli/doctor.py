"""`advisor doctor`: what this machine offers."""

from typing import Annotated

import typer

from advisor.cli.output import FormatOption


def doctor(
    format: FormatOption = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what a plan calls this machine.")] = False,
) -> None:
    """Look at this machine: processor, memory and its bandwidth, NVIDIA GPUs, engines, disk, catalog. Contacts nobody, changes nothing.

    [bold]Examples[/bold]

      advisor doctor

      advisor doctor --format json
    """
    from typing import Any, cast

    from advisor.cli.output import emit_json, printable
    from advisor.report.doctor import examine
    from advisor.report.doctor_text import doctor_lines

    found = examine()
    if format == "json":
        emit_json(cast(dict[str, Any], found))
    elif quiet:
        typer.echo(printable(found["machine"]["plan_device"] or found["machine"]["refused"] or ""))
    else:
        for line in doctor_lines(found):
            typer.echo(printable(line))
