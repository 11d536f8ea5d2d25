"""`advisor check`: plans and manifests, recomputed and judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from advisor.cli.output import ApiKeyEnvOption, CatalogOption, FormatOption, RulesOption, api_key_from

if TYPE_CHECKING:
    from advisor.check.report import CheckReport

Severity = Literal["block", "warn", "note"]


def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Plans, manifests, scripts, folders; - is standard input. Default: .")] = None,
    plan: Annotated[Path | None, typer.Option("--plan", help="Hold every manifest against this plan.")] = None,
    workload: Annotated[Path | None, typer.Option("--workload", help="Judge manifests without a plan under this workload.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="The device that the manifests run on.")] = None,
    rules: RulesOption = None,
    live: Annotated[str | None, typer.Option("--live", metavar="URL", help="A running server's metrics page: read once, no load.")] = None,
    deployment: Annotated[str | None, typer.Option("--deployment", help="With --live: which, when the plan has several.")] = None,
    api_key_env: ApiKeyEnvOption = None,
    fail_on: Annotated[Severity, typer.Option("--fail-on", help="block, warn or note: the least that ends in exit code 1.")] = "block",
    catalogs: CatalogOption = None,
    output_format: FormatOption = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the findings only.")] = False,
) -> None:
    """Check plans (every derived line is recomputed) and manifests (against their plan, and judged as they stand).

    Nothing is executed. Only exact, measured and stated grounds block.
    Exit code 0: no finding at --fail-on or above. 1: at least one. 2: a file cannot be read.
    3: there was nothing to check.

    [bold]Examples[/bold]

      advisor check capacity/letters/plan.yaml

      advisor check deploy/ --plan capacity/letters/plan.yaml --fail-on warn

      helm template charts/letters | advisor check - --workload workload.yaml --device h100-sxm

      advisor check capacity/letters/plan.yaml --live http://127.0.0.1:8000/metrics
    """
    from advisor.check.run import CheckOptions, check_files
    from advisor.cli.output import emit_json, printable
    from advisor.report.findings_json import findings_document
    from advisor.report.findings_text import findings_text

    if live is not None:
        report = _check_live(live, [*(paths or []), *([plan] if plan else [])], deployment, api_key_env)
    else:
        report = check_files(_inputs(paths or [Path()]), CheckOptions(plan, workload, device, tuple(rules or [])))
    if output_format == "json":
        emit_json(findings_document(report))
    else:
        text = findings_text(report, quiet=quiet)
        typer.echo(printable(text), nl=bool(text))
    for fault in report.faults:
        typer.echo(printable(str(fault)), err=True)
    raise typer.Exit(2 if report.faults else 3 if report.empty else int(report.fails(fail_on)))


def _check_live(url: str, plans: list[Path], deployment: str | None, api_key_env: str | None) -> "CheckReport":
    from advisor.check.live import LiveOptions, check_live
    from advisor.errors import UserInputError

    if len(plans) != 1:
        raise UserInputError("--live: name the one plan that the server is held against: advisor check plan.yaml --live URL")
    return check_live(LiveOptions(url, plans[0], deployment, api_key_from(api_key_env)))


def _inputs(paths: list[Path]) -> list[Any]:
    from advisor.check.run import STDIN, Input, inputs_of

    found = [Input(Path(STDIN), named=True, text=typer.get_text_stream("stdin").read())] if Path("-") in paths else []
    return [*found, *inputs_of([path for path in paths if path != Path("-")])]
