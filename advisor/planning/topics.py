"""What may be asked about a deployment of a plan that is more than one number: how much it holds, the other engine, money, constraints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from advisor.assess import Case
from advisor.domain.assessment import Assessment
from advisor.domain.hardware import Node
from advisor.domain.workload import Workload
from advisor.planning.capacity import Capacity, capacity_of
from advisor.planning.constraint_prices import ConstraintPrice, constraint_prices
from advisor.planning.crossover import Crossover, predicted_crossover
from advisor.planning.decision import Decision
from advisor.planning.hosted import Hosted, hosted_price
from advisor.planning.inventory import inventory_of
from advisor.planning.option import Space
from advisor.planning.other_ways import OtherWay, other_ways
from advisor.planning.prospects import prospects_by_model
from advisor.planning.rank import ranked
from advisor.planning.routing import Routing, routing_of
from advisor.planning.search import SIMULATED_IN_PASSING, search

Topic = Literal["capacity", "crossover", "cost", "constraints"]
TOPICS: Final[tuple[Topic, ...]] = ("capacity", "crossover", "cost", "constraints")


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to one topic about one deployment; what the topic does not need is None."""

    topic: Topic
    deployment: str
    case: Case
    assessment: Assessment
    capacity: Capacity | None = None
    routing: Routing | None = None
    crossover: Crossover | None = None
    hosted: Hosted | None = None
    other_ways: tuple[OtherWay, ...] = ()
    constraints: tuple[ConstraintPrice, ...] | None = None


def tell(topic: Topic, case: Case, assessment: Assessment, *, machine: Node | None, decide: Callable[[Workload], Decision]) -> Told:
    """`decide` answers the workload with a constraint given up; `machine` is this computer, where the workload uses it."""
    name = assessment.deployment.name
    if topic == "capacity":
        return Told(topic, name, case, assessment, capacity=capacity_of(case, assessment), routing=routing_of(case, assessment))
    if topic == "crossover":
        return Told(topic, name, case, assessment, crossover=_crossover(case, assessment, machine))
    hosted = hosted_price(case, assessment, [assessment.deployment.candidate.model])
    if topic == "cost":
        return Told(topic, name, case, assessment, hosted=hosted, other_ways=other_ways(case, assessment))
    prices = tuple(constraint_prices(case.workload, assessment, hosted, decide))
    return Told(topic, name, case, assessment, hosted=hosted, constraints=prices)


def _crossover(case: Case, assessment: Assessment, machine: Node | None) -> Crossover:
    """With the best options of both engines for the deployment's model on its device."""
    candidate, space = assessment.deployment.candidate, Space()
    only = {"device": candidate.node.device.id}
    every = prospects_by_model(case, inventory_of(case.workload, case.catalog, machine), [candidate.model], only, space)
    looked_at = search(case, every, space, at_most=SIMULATED_IN_PASSING).assessments
    order = ranked([(one, option.prospect.model_rank) for one, option in looked_at], case.catalog.quantizations)
    options = [option for _, option in sorted(looked_at, key=lambda pair: order.index(pair[0]))]
    return predicted_crossover(case, assessment, options, space)
