"""The command tree. Each command is one file whose imports beyond typer happen inside the function: `--help` stays fast."""

from typing import Annotated

import typer

from advisor.cli import (
    accuracy,
    ask,
    calibrate,
    catalog,
    check,
    crossover,
    doctor,
    engines,
    estimate,
    evidence,
    explain,
    pending,
    plan,
    render,
    rules,
    schema,
    validate,
)
from advisor.cli.output import CatalogOption

app = typer.Typer(
    name="advisor",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help=(
        "Decides [bold]llama.cpp or vLLM[/bold], weights format, hardware and settings for a workload, prices a request, "
        "and proves the choice by loading the model on the engine."
    ),
    epilog="Start: [bold]advisor ask -o workload.yaml[/bold], then [bold]advisor plan workload.yaml -o plan.yaml[/bold].",
)


def _show_version(asked: bool) -> None:
    if asked:
        from advisor.resources import advisor_version

        typer.echo(f"llm-serving-advisor {advisor_version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")] = False,
    catalogs: CatalogOption = None,
) -> None:
    """Nothing here: the options are eager."""


app.command("ask")(ask.ask)
app.add_typer(catalog.app, name="catalog")
app.command("doctor")(doctor.doctor)
app.command("explain", context_settings=estimate.CONTEXT_SETTINGS, epilog="Example: [bold]advisor explain PRV001[/bold]")(explain.explain)
app.add_typer(engines.app, name="engines")
app.command("plan")(plan.plan)
app.command("estimate", context_settings=estimate.CONTEXT_SETTINGS, epilog=estimate.EPILOG)(estimate.estimate)
app.add_typer(evidence.app, name="evidence")
app.command("check")(check.check)
app.command("render")(render.render)
app.add_typer(rules.app, name="rules")
app.command("validate")(validate.validate)
app.command("crossover")(crossover.crossover)
app.command("calibrate")(calibrate.calibrate)
app.command("schema")(schema.schema)
app.command("accuracy", epilog=accuracy.EPILOG)(accuracy.accuracy)
pending.register(app)
