"""What plan, check and validate share on the command line: read the files, find this machine, decide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from advisor.assess import Case, assess
from advisor.catalog import load_catalog
from advisor.domain.hardware import Node
from advisor.domain.plan import Plan
from advisor.domain.workload import Workload
from advisor.errors import UserInputError
from advisor.files.plan import read_plan, updated_text
from advisor.files.workload import workload_sha256
from advisor.files.writing import write_atomically
from advisor.intake.machine import this_machine
from advisor.intake.workload_names import read_known_workload
from advisor.planning.compose import claims_of
from advisor.planning.decision import Decision
from advisor.planning.demand import complete
from advisor.planning.planner import decide
from advisor.planning.resolve import resolve
from advisor.resources import advisor_version
from advisor.rules.load import load_rules


def decide_from_file(path: Path, rules: Sequence[Path], *, insist: Mapping[str, str]) -> Decision:
    """The decision for a workload file."""
    workload, _ = read_known_workload(path, load_catalog())
    return decide(workload, load_catalog(), load_rules(rules), machine=machine_of(workload), insist=insist)


def machine_of(workload: Workload) -> Node | None:
    """This computer, when the workload wants to use it."""
    wanted = workload.hardware is not None and workload.hardware.this_machine
    return this_machine(load_catalog()) if wanted else None


def case_of(workload: Workload, rules: Sequence[Path]) -> Case:
    """The case of a workload: its demand completed from the preset, the catalog and the rules."""
    catalog = load_catalog()
    demand, _ = complete(workload, catalog.preset(workload.task))
    return Case(workload, demand, catalog, load_rules(rules))


def workload_of(plan: Plan, plan_path: Path) -> tuple[Workload, str]:
    """The workload that a plan names, and the digest of what it says now."""
    path = plan_path.parent / plan.workload
    if not path.is_file():
        raise UserInputError(f"{plan_path}: workload: {path} is not there; the plan cannot be judged without it")
    workload, document = read_known_workload(path, load_catalog())
    return workload, workload_sha256(document)


def update_plan(path: Path, rules: Sequence[Path], *, quiet: bool) -> None:
    """Recompute the derived half of a plan, leaving the edited half as it is, comments included."""
    import typer

    plan, _ = read_plan(path)
    workload, digest = workload_of(plan, path)
    case = case_of(workload, rules)
    assessed = [(planned, assess(*resolve(planned, workload, case.catalog), case)) for planned in plan.deployments]
    made = replace(plan.made_with, advisor=advisor_version(), catalog=case.catalog.as_of, workload_sha256=digest)
    text = updated_text(path.read_text(encoding="utf-8"), replace(plan, claims=claims_of(assessed), made_with=made))
    write_atomically(path, text)
    if not quiet:
        typer.echo(f"updated the derived half of {path}")
    if not all(assessment.recommended for _, assessment in assessed):
        raise typer.Exit(1)
