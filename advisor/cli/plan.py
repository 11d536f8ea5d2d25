"""`advisor plan`: from a workload to a decision and a plan file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.measuring import MeasuredOption, measured_points, recorded_beside
from advisor.cli.output import AskEngineOption, CatalogOption, EnginePythonOption, Format, FormatOption, RulesOption

if TYPE_CHECKING:
    from advisor.domain.measured import MeasuredPoint
    from advisor.planning.decision import Decision
    from advisor.planning.further import Further


def plan(
    workload: Annotated[Path | None, typer.Argument(help="workload.yaml (or the plan's own workload with --update).")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the plan here; an edited file is kept, see --force.")] = None,
    update: Annotated[Path | None, typer.Option("--update", help="Recompute the derived half of this plan after you edited it.")] = None,
    insist: Annotated[
        str | None, typer.Option("--insist", help="Your own choice: engine=llama.cpp,model=ID,quantization=Q,device=ID.")
    ] = None,
    scale: Annotated[str | None, typer.Option("--scale", help="Also answer at these multiples of the load: 1,2,4,8.")] = None,
    constraints: Annotated[bool, typer.Option("--constraints", help="Also say what each constraint costs: seconds more.")] = False,
    rules: RulesOption = None,
    ask_engine: AskEngineOption = False,
    engine_python: EnginePythonOption = None,
    measured: MeasuredOption = None,
    catalogs: CatalogOption = None,
    format: FormatOption = "text",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output file instead of writing FILE.new beside it.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the decision only.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Say on stderr how much was looked at: points, survivors, finalists.")] = False,
) -> None:
    """Decide engine, weights format, hardware, settings and replicas for a workload.

    Predictions near a measurement are scaled by it: one that is given with --measured, what `advisor validate --record` kept beside the
    plan, and for this machine what `advisor calibrate` found. The plan keeps what it used.

    Exit code 0: a deployment is expected to keep every requirement. 1: none is; the nearest one and what to relax are printed.

    [bold]Examples[/bold]

      advisor plan workload.yaml -o plan.yaml

      advisor plan workload.yaml --insist engine=llama.cpp

      advisor plan workload.yaml --scale 1,2,4,8 --constraints

      advisor plan workload.yaml --insist engine=vllm,quantization=fp8 --measured tpot_s=0.021@8,ttft_s=0.42

      advisor plan --update plan.yaml --measured evidence/letters-1f0c2b7a9d3e.json
    """
    from advisor.catalog import load_catalog
    from advisor.cli.output import say_overrides
    from advisor.cli.planning import Measured, asker, decide_from_file, further_of, update_plan
    from advisor.errors import UserInputError

    ask = asker(ask_engine, engine_python)
    points = Measured(measured_points(measured), recorded_beside(update or output))
    if update is not None:
        update_plan(update, rules or [], quiet=quiet, ask=ask, measured=points)
        return
    if workload is None:
        raise UserInputError("name a workload.yaml; `advisor ask -o workload.yaml` writes one by asking you")
    say_overrides(load_catalog(), quiet=quiet)
    wanted = _pairs(insist)
    decision, used = decide_from_file(workload, rules or [], insist=wanted, ask=ask, measured=points)
    further = further_of(decision, rules or [], insist=wanted, scale=scale, constraints=constraints)
    _show(decision, further, format=format, quiet=quiet, plan=output)
    if stats:
        from advisor.report.search_text import search_sentence

        typer.echo(search_sentence(decision.space), err=True)
    if output is not None and decision.chosen is not None:
        _write(decision, workload, output, used, force=force, quiet=quiet or format == "json")
    raise typer.Exit(0 if decision.feasible else 1)


def _pairs(text: str | None) -> dict[str, str]:
    from advisor.errors import UserInputError

    pairs = [part.partition("=") for part in text.split(",")] if text else []
    if any(not separator for _, separator, _ in pairs):
        raise UserInputError(f"--insist {text}: write key=value pairs separated by commas, such as engine=vllm,quantization=fp8")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _show(decision: "Decision", further: "Further", *, format: Format, quiet: bool, plan: Path | None) -> None:
    from advisor.cli.output import console, emit_json

    if format == "json":
        from advisor.report.plan_json import decision_document

        emit_json(decision_document(decision, further))
    elif quiet:
        from advisor.planning.compose import decision_sentence

        typer.echo(decision_sentence(decision))
    else:
        from advisor.report.plan_text import print_decision

        name = plan or "plan.yaml"
        proof = f"none yet: nothing was measured for this plan. `advisor validate {name}` proves it"
        print_decision(decision, console(), proof=proof, further=further)


def _write(decision: "Decision", workload: Path, output: Path, points: "tuple[MeasuredPoint, ...]", *, force: bool, quiet: bool) -> None:
    import os

    from advisor.files.plan import plan_text
    from advisor.files.workload import read_workload, workload_sha256
    from advisor.files.writing import write_beside
    from advisor.planning.compose import compose_plan

    _, document = read_workload(workload)
    relative = os.path.relpath(workload, output.parent)
    digest = workload_sha256(document)
    text = plan_text(compose_plan(decision, workload_path=relative, workload_sha256=digest, measured=points))
    where, difference = write_beside(output, text, force=force)
    if difference and not quiet:
        typer.echo(f"{output} was there already and differs; wrote {where} beside it:\n{difference}")
    elif not quiet:
        typer.echo(f"wrote {where}")
