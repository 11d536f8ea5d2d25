"""What plan, check and validate share on the command line: read the files, find this machine, decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from advisor.assess import assess, assess_asked
from advisor.catalog import load_catalog
from advisor.documents import read_text
from advisor.domain.measured import MeasuredPoint
from advisor.domain.witness import Ask
from advisor.domain.workload import Workload
from advisor.files.plan import deployments_sha256, read_plan, updated_text
from advisor.files.writing import write_atomically
from advisor.intake.calibrated import ThisMachine, calibrated_machine
from advisor.intake.measured import Known, usable
from advisor.intake.workload_names import read_known_workload
from advisor.planning.case import case_of, demand_of, workload_of
from advisor.planning.compose import claims_of
from advisor.planning.decision import Decision, with_engine_asked
from advisor.planning.further import Further, look_further
from advisor.planning.measured import (
    newest,
    nodes_here,
    nodes_of,
    of_deployment,
    of_question,
    scales_for,
    used_points,
)
from advisor.planning.planner import decide
from advisor.planning.resolve import resolved_in
from advisor.planning.staircase import parse_factors
from advisor.resources import advisor_version
from advisor.rules.load import load_rules


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured: given for this question, and recorded beside the plan by earlier validations."""

    given: tuple[MeasuredPoint, ...] = ()
    recorded: tuple[MeasuredPoint, ...] = ()


def decide_from_file(
    path: Path, rules: Sequence[Path], *, insist: Mapping[str, str], ask: Ask | None = None, measured: Measured | None = None
) -> tuple[Decision, tuple[MeasuredPoint, ...]]:
    """The decision for a workload file, and what was measured that it may rest on; `ask` lets the chosen engine size its own memory."""
    catalog, told = load_catalog(), measured or Measured()
    workload, document = read_known_workload(path, catalog)
    here = machine_of(workload)
    machine = here.node if here else None
    points = of_question(told.given, workload, demand_of(workload), insist=insist, machine=machine)
    points = newest((*usable(newest(told.recorded), Known(catalog, nodes_here(machine))), *(here.points if here else ()), *points))
    known = catalog.with_measured(scales_for(points, catalog, nodes_here(machine)))
    decision = decide(workload, known, load_rules(rules), machine=machine, insist=insist)
    placed = tuple(replace(wish, place=str(document.position(wish.path))) for wish in decision.impossible)
    decision = replace(decision, impossible=placed)
    return decision if ask is None else with_engine_asked(decision, ask), points


def further_of(decision: Decision, rules: Sequence[Path], *, insist: Mapping[str, str], scale: str | None, constraints: bool) -> Further:
    """--scale and --constraints: each decides several more times."""
    workload, catalog = decision.case.workload, decision.case.catalog
    here = machine_of(workload)
    again = partial(decide, catalog=catalog, rules=load_rules(rules), machine=here.node if here else None, insist=insist, explore=False)
    return look_further(decision, again, factors=parse_factors(scale) if scale else (), constraints=constraints)


def asker(wanted: bool, engine_python: str | None) -> Ask | None:
    """--ask-engine with --engine-python."""
    if not wanted:
        return None
    from advisor.engines.witness import ask_engine  # what starts engines is not loaded to plan without one

    return partial(ask_engine, engine_python=engine_python)


def machine_of(workload: Workload) -> ThisMachine | None:
    """This computer as it was calibrated, when the workload wants to use it."""
    wanted = workload.hardware is not None and workload.hardware.this_machine
    return calibrated_machine(load_catalog()) if wanted else None


def update_plan(path: Path, rules: Sequence[Path], *, quiet: bool, ask: Ask | None = None, measured: Measured | None = None) -> None:
    """Recompute the derived half of a plan, leaving the edited half as it is, comments included; `ask` lets the engines size memory.

    What was measured since is added to what the plan was made with.
    """
    import typer

    (plan, document), told = read_plan(path), measured or Measured()
    workload, digest = workload_of(plan, path)
    recorded = usable(newest((*plan.measured, *told.recorded)), Known(load_catalog(), nodes_of(plan)))
    points = newest((*recorded, *of_deployment(told.given, plan.deployments, demand_of(workload))))
    case = case_of(workload, rules, replace(plan, measured=points))
    resolved = [resolved_in(document, index, workload, case.catalog, plan=plan) for index in range(len(plan.deployments))]
    assessments = [assess(*one, case) if ask is None else assess_asked(*one, case, ask)[0] for one in resolved]
    assessed = list(zip(plan.deployments, assessments, strict=True))
    made = replace(
        plan.made_with,
        advisor=advisor_version(),
        catalog=case.catalog.as_of,
        workload_sha256=digest,
        deployments_sha256=deployments_sha256(plan.deployments),
    )
    used = used_points(points, assessments, case)
    text = updated_text(read_text(path), replace(plan, claims=claims_of(assessed), made_with=made, measured=used))
    write_atomically(path, text)
    if not quiet:
        typer.echo(f"updated the derived half of {path}")
    if not all(assessment.recommended for _, assessment in assessed):
        raise typer.Exit(1)
