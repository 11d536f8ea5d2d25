"""What plan, check and validate share on the command line: read the files, find this machine, decide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from advisor.assess import assess, assess_asked
from advisor.catalog import load_catalog
from advisor.documents import read_text
from advisor.domain.hardware import Node
from advisor.domain.witness import Ask
from advisor.domain.workload import Workload
from advisor.files.plan import deployments_sha256, read_plan, updated_text
from advisor.files.writing import write_atomically
from advisor.intake.machine import this_machine
from advisor.intake.workload_names import read_known_workload
from advisor.planning.case import case_of, workload_of
from advisor.planning.compose import claims_of
from advisor.planning.decision import Decision, with_engine_asked
from advisor.planning.further import Further, look_further
from advisor.planning.planner import decide
from advisor.planning.resolve import resolved_in
from advisor.planning.staircase import parse_factors
from advisor.resources import advisor_version
from advisor.rules.load import load_rules


def decide_from_file(path: Path, rules: Sequence[Path], *, insist: Mapping[str, str], ask: Ask | None = None) -> Decision:
    """The decision for a workload file; `ask` lets the chosen engine size its own memory."""
    workload, document = read_known_workload(path, load_catalog())
    decision = decide(workload, load_catalog(), load_rules(rules), machine=machine_of(workload), insist=insist)
    placed = tuple(replace(wish, place=str(document.position(wish.path))) for wish in decision.impossible)
    decision = replace(decision, impossible=placed)
    return decision if ask is None else with_engine_asked(decision, ask)


def further_of(decision: Decision, rules: Sequence[Path], *, insist: Mapping[str, str], scale: str | None, constraints: bool) -> Further:
    """--scale and --constraints: each decides several more times."""
    workload, catalog = decision.case.workload, decision.case.catalog
    again = partial(decide, catalog=catalog, rules=load_rules(rules), machine=machine_of(workload), insist=insist, explore=False)
    return look_further(decision, again, factors=parse_factors(scale) if scale else (), constraints=constraints)


def asker(wanted: bool, engine_python: str | None) -> Ask | None:
    """--ask-engine with --engine-python."""
    if not wanted:
        return None
    from advisor.engines.witness import ask_engine  # what starts engines is not loaded to plan without one

    return partial(ask_engine, engine_python=engine_python)


def machine_of(workload: Workload) -> Node | None:
    """This computer, when the workload wants to use it."""
    wanted = workload.hardware is not None and workload.hardware.this_machine
    return this_machine(load_catalog()) if wanted else None


def update_plan(path: Path, rules: Sequence[Path], *, quiet: bool, ask: Ask | None = None) -> None:
    """Recompute the derived half of a plan, leaving the edited half as it is, comments included; `ask` lets the engines size memory."""
    import typer

    plan, document = read_plan(path)
    workload, digest = workload_of(plan, path)
    case = case_of(workload, rules)
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
    text = updated_text(read_text(path), replace(plan, claims=claims_of(assessed), made_with=made))
    write_atomically(path, text)
    if not quiet:
        typer.echo(f"updated the derived half of {path}")
    if not all(assessment.recommended for _, assessment in assessed):
        raise typer.Exit(1)
