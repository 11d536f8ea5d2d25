"""`advisor evidence show | verify`: what was proven for a plan, and does it still cover it."""

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli.output import FormatOption

app = typer.Typer(no_args_is_help=True, help="Show what validation runs proved, and whether they cover a plan as it stands.")


@app.command(epilog="Example: [bold]advisor evidence show evidence/letters-0a1b2c3d4e5f.json[/bold]")
def show(file: Annotated[Path, typer.Argument(help="An evidence file.")], format: FormatOption = "text") -> None:
    """One validation run, claim by claim."""
    from advisor.cli.output import emit_json, printable
    from advisor.files.evidence import evidence_dict, read_evidence
    from advisor.report.validation_text import validation_lines

    evidence = read_evidence(file)
    if format == "json":
        emit_json(evidence_dict(evidence))
        return
    typer.echo(printable(f"{evidence.deployment} {evidence.fingerprint[:12]}, {evidence.measured_on}"))
    for line in validation_lines(evidence):
        typer.echo(printable(line))


@app.command(epilog="Example: [bold]advisor evidence verify plan.yaml[/bold]")
def verify(plan: Annotated[Path, typer.Argument(help="plan.yaml")], format: FormatOption = "text") -> None:
    """Whether the evidence beside a plan covers it: 0 all required claims proven, 1 one refuted, 3 something not proven.

    It shows consistency, not authenticity: who needs proof runs the validation again.
    """
    from advisor.cli.output import emit_json, printable
    from advisor.files.evidence import evidence_beside, read_evidence
    from advisor.files.plan import read_plan
    from advisor.report.validation_json import coverage_row
    from advisor.report.validation_text import coverage_line, not_covering_lines
    from advisor.validation.verify import verify as verify_plan

    read, _ = read_plan(plan)
    covered = verify_plan(read, [read_evidence(path) for path in evidence_beside(plan)])
    codes = [one.exit_code for one in covered]
    code = 1 if 1 in codes else max(codes, default=3)
    if format == "json":
        emit_json({"schema": "advisor.evidence-verify/1", "exit_code": code, "deployments": [coverage_row(one) for one in covered]})
    else:
        for one in covered:
            for line in (coverage_line(one), *not_covering_lines(one)):
                typer.echo(printable(line))
    raise typer.Exit(code)
