"""A question with everything that answering it needs: from the files that a person has to the case that deployments are assessed under."""

from collections.abc import Sequence
from pathlib import Path

from advisor.assess import Case
from advisor.catalog import load_catalog
from advisor.domain.demand import Demand
from advisor.domain.plan import Plan
from advisor.domain.workload import Workload
from advisor.errors import UserInputError
from advisor.files.workload import workload_sha256
from advisor.intake.workload_names import read_known_workload
from advisor.planning.demand import complete
from advisor.planning.measured import nodes_of, scales_for
from advisor.rules.load import load_rules


def case_of(workload: Workload, rules: Sequence[Path], plan: Plan | None = None) -> Case:
    """The case of a workload: its demand completed from the preset, the catalog and the rules, and what a plan was made with.

    Raises UserInputError for measurements in the plan that cannot be.
    """
    catalog = load_catalog()
    if plan is not None and plan.measured:
        catalog = catalog.with_measured(scales_for(plan.measured, catalog, nodes_of(plan)))
    return Case(workload, demand_of(workload), catalog, load_rules(rules))


def demand_of(workload: Workload) -> Demand:
    """What the workload asks for, its gaps filled from the preset of its task."""
    return complete(workload, load_catalog().preset(workload.task))[0]


def workload_of(plan: Plan, plan_path: Path) -> tuple[Workload, str]:
    """The workload that a plan names, and the digest of what it says now."""
    path = plan_path.parent / plan.workload
    if not path.is_file():
        raise UserInputError(f"{plan_path}: workload: {path} is not there; the plan cannot be judged without it")
    workload, document = read_known_workload(path, load_catalog())
    return workload, workload_sha256(document)
