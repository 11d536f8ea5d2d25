"""From a plan file to what is validated: one deployment with its prediction, made anew from the plan's editable half."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from advisor.assess import Case, assess, size
from advisor.domain.deployment import Deployment
from advisor.domain.plan import Plan, PlannedDeployment
from advisor.errors import UserInputError, did_you_mean
from advisor.files.plan import fingerprint
from advisor.planning.resolve import resolve
from advisor.validation.subject import Subject


@dataclass(frozen=True, slots=True)
class Machine:
    """This computer as far as it matters: its id in plans, and whether the engine found here can use an accelerator (asked if needed)."""

    id: str
    offloads: Callable[[], bool]


def choose(plan: Plan, name: str | None) -> PlannedDeployment:
    """The deployment of that name, or the only one. Raises UserInputError that lists them."""
    names = [deployment.name for deployment in plan.deployments]
    if name is None and len(names) == 1:
        return plan.deployments[0]
    for deployment in plan.deployments:
        if deployment.name == name:
            return deployment
    listed = ", ".join(names)
    if name is None:
        raise UserInputError(f"the plan has {len(names)} deployments ({listed}): say which with --deployment NAME")
    raise UserInputError(f"--deployment {name}: not in the plan{did_you_mean(name, names) or f'; the plan has {listed}'}")


def prepare(plan: Plan, planned: PlannedDeployment, case: Case, machine: Machine) -> Subject:
    """The subject. Raises UserInputError for names that the catalog does not know."""
    deployment, available = resolve(planned, case.workload, case.catalog)
    sized = size(deployment.candidate, case)
    performance = assess(deployment, available, case, sized).estimate.performance
    node = deployment.candidate.node
    return Subject(
        planned=planned,
        fingerprint=fingerprint(planned),
        candidate=deployment.candidate,
        memory=sized.memory,
        steps=sized.steps,
        demand=case.demand,
        claims=plan.claims.get(planned.name, {}),
        required=tuple(plan.evidence_required),
        in_flight=performance.in_flight.value if performance else None,
        device_here=_on_host(deployment) or (node.id == machine.id and machine.offloads()),
        same_machine=node.id == machine.id,
        start_s=performance.start_s if performance else None,
    )


def _on_host(deployment: Deployment) -> bool:
    """A CPU's memory is any host's memory; a card's is not."""
    return deployment.candidate.node.device.is_cpu


def parse_concurrency(text: str | None) -> tuple[int, ...]:
    """`1,2,4` as numbers in order, none twice. Raises UserInputError."""
    parts: Sequence[str] = text.split(",") if text else ()
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UserInputError(f"--concurrency {text}: write numbers above 0, separated by commas, such as 1,2,4")
    return tuple(sorted({int(part) for part in parts}))
