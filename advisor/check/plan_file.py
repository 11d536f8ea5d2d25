"""A plan checked: its claims recomputed, its deployments judged, each finding at the line that caused it."""

from collections.abc import Sequence
from pathlib import Path

from advisor.assess import Case, assess
from advisor.check.claims import claim_findings
from advisor.check.codes import NOT_BUILT
from advisor.check.places import Places, plan_places, rule_finding
from advisor.check.report import Checked, CheckReport
from advisor.check.shared_devices import Placed, shared_findings
from advisor.domain.assessment import Assessment
from advisor.domain.finding import Finding
from advisor.domain.plan import MadeWith, PlannedDeployment
from advisor.domain.quantity import Basis
from advisor.engines.flags import find_runtime
from advisor.errors import UserInputError
from advisor.files.plan import deployments_sha256, read_plan
from advisor.planning.case import case_of, workload_of
from advisor.planning.compose import claims_of
from advisor.planning.resolve import resolve
from advisor.resources import advisor_version


def check_plan(path: Path, rules: Sequence[Path], report: CheckReport) -> None:
    """Add what is to be said about a plan. Raises DataError for a faulty file, UserInputError when its workload is not there."""
    plan, document = read_plan(path)
    workload, digest = workload_of(plan, path)
    case = case_of(workload, rules, plan)
    assessed: list[tuple[PlannedDeployment, Assessment]] = []
    placed: list[Placed] = []
    for index, planned in enumerate(plan.deployments):
        places = plan_places(document, index, find_runtime(case.catalog.engine(planned.engine.name), planned.engine.runtime))
        assessment = _assessed(planned, case, places, report)
        if assessment is not None:
            assessed.append((planned, assessment))
            placed.append(Placed(assessment, places))
            report.findings += [rule_finding(verdict, case.rules, places) for verdict in assessment.verdicts]
        report.checked.append(Checked(str(path), "plan", planned.name, str(path.parent / plan.workload)))
    report.findings += shared_findings(placed)
    if len(assessed) == len(plan.deployments):
        made = MadeWith(advisor_version(), case.catalog.as_of, digest, deployments_sha256=deployments_sha256(plan.deployments))
        report.findings += claim_findings(plan, document, claims_of(assessed), made)


def _assessed(planned: PlannedDeployment, case: Case, places: Places, report: CheckReport) -> Assessment | None:
    """The assessment; None with a finding where the engine would refuse the deployment or a name means nothing."""
    try:
        return assess(*resolve(planned, case.workload, case.catalog), case)
    except UserInputError as error:
        report.findings.append(refused(str(error), places, NOT_BUILT))
        return None


def refused(message: str, places: Places, rule: str) -> Finding:
    """What the engine would refuse, at the setting or part that the message begins with."""
    name = message.split(maxsplit=1)[0].rstrip(":").removeprefix("--").replace("-", "_")
    place = places.setting(name) or places.part(name) or places.deployment
    return Finding(place, "block", rule, Basis.EXACT, message)
