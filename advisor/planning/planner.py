"""The straight line from a workload to a decision: enumerate, configure, assess, rank."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from advisor.assess import Case, assess, judged_by_prices
from advisor.catalog.catalog import Catalog
from advisor.domain.assessment import Assessment
from advisor.domain.demand import Demand
from advisor.domain.hardware import Node
from advisor.domain.model import Model
from advisor.domain.quantity import InputBasis
from advisor.domain.workload import Workload
from advisor.errors import UserInputError
from advisor.estimate.charges import ASSUMED_WRITE_OFF_YEARS
from advisor.planning.capacity import capacity_of
from advisor.planning.changes import changes
from advisor.planning.crossover import predicted_crossover
from advisor.planning.decision import Decision, Impossible
from advisor.planning.demand import Assumption, complete
from advisor.planning.describe import money
from advisor.planning.hosted import hosted_price
from advisor.planning.impossible import impossible_limits
from advisor.planning.inventory import inventory_of, no_offer
from advisor.planning.losers import losers
from advisor.planning.nearest import nearest
from advisor.planning.nearly_as_cheap import nearly_as_cheap
from advisor.planning.option import Option, Space
from advisor.planning.other_ways import hours_of_one_pile, other_ways
from advisor.planning.price_flip import Ranked, price_flip
from advisor.planning.prospects import prospects_by_model
from advisor.planning.rank import ranked
from advisor.planning.relax import relaxations
from advisor.planning.remarks import cheaper_if_proven, notes
from advisor.planning.search import SIMULATED_AT_MOST, SIMULATED_IN_PASSING, Searched, search
from advisor.rules.rule import RuleSet
from advisor.units import HOURS_PER_MONTH, significant

INSISTABLE = ("engine", "model", "quantization", "device")


def decide(
    workload: Workload,
    catalog: Catalog,
    rules: RuleSet,
    *,
    machine: Node | None = None,
    insist: Mapping[str, str] | None = None,
    explore: bool = True,
) -> Decision:
    """Choose a deployment, or find the nearest one when nothing is feasible.

    `insist` evaluates the user's own choice of engine, model, quantization or device. Without `explore` the chosen deployment is known from
    a quick look, and nothing is said about the others or about what would change the answer: for questions asked on the way.
    """
    wanted = _insisted(insist or {}, catalog)
    demand, assumptions = complete(workload, catalog.preset(workload.task))
    case = Case(workload, demand, catalog, rules)
    models, more = acceptable_models(workload, catalog, wanted)
    space = Space()
    every = prospects_by_model(case, inventory_of(workload, catalog, machine), models, wanted, space)
    found = search(case, every, space, at_most=SIMULATED_AT_MOST if explore else SIMULATED_IN_PASSING)
    looked_at = found.assessments
    if explore and not any(assessment.recommended for assessment, _ in looked_at):
        looked_at = [*looked_at, *nearest(case, space)]
    order = ranked([(a, option.prospect.model_rank) for a, option in looked_at], catalog.quantizations)
    decision = Decision(
        case=case,
        chosen=order[0] if order else None,
        ranked=tuple(order),
        losers=(),
        changes=(),
        relaxations=(),
        assumptions=(*assumptions, *more, *_assumed_hosts(order), *_assumed_write_off(order, workload), *_assumed_all_month(order, demand)),
        space=space,
        not_simulated=len(found.left),
    )
    if not explore:
        return decision
    options = [option for _, option in sorted(looked_at, key=lambda pair: order.index(pair[0]))]
    return _compared(_explored(decision, found, machine, wanted), options, models)


def _compared(decision: Decision, options: Sequence[Option], models: Sequence[Model]) -> Decision:
    """Beside the other engine, a hosted API, and other ways to pay for the same."""
    case, chosen = decision.case, decision.chosen
    hosted = hosted_price(case, chosen, models)
    if chosen is None:
        return replace(decision, hosted=hosted)
    contest = predicted_crossover(case, chosen, options, decision.space)
    return replace(decision, hosted=hosted, crossover=contest, other_ways=other_ways(case, chosen))


def _explored(decision: Decision, found: Searched, machine: Node | None, insist: Mapping[str, str]) -> Decision:
    """With a full look at the chosen deployment, why not the others, and what would change the answer or what to give up for one."""
    case, order = decision.case, decision.ranked
    chosen = assess(order[0].deployment, order[0].available, case) if order else None
    lost = losers(case, chosen, order, space=decision.space, left=found.left)
    closer = replace(decision, chosen=chosen, losers=lost)
    if chosen is None or not closer.feasible:
        wishes = (*_nothing_to_rent(case), *impossible_limits(case, machine, decide, insist))
        return replace(closer, impossible=wishes, relaxations=relaxations(closer, machine, decide, insist))
    prices = price_flip(case, _looked_at_for_price(case, found, order[0]))
    cheaper = cheaper_if_proven(case, chosen, order)
    closer = replace(closer, chosen=judged_by_prices(chosen, case, prices), prices=prices, capacity=capacity_of(case, chosen))
    return replace(closer, changes=changes(closer), notes=notes(case, chosen, order), cheaper_if_proven=cheaper)


def _looked_at_for_price(case: Case, found: Searched, best: Assessment) -> list[Ranked]:
    """What was simulated, and what was not for its price alone: that would be in front if prices moved."""
    family = next(option.prospect.family for assessment, option in found.assessments if assessment is best)
    simulated = [(assessment, option.prospect.model_rank) for assessment, option in found.assessments]
    return [*simulated, *nearly_as_cheap(case, found, family)]


def _nothing_to_rent(case: Case) -> Iterator[Impossible]:
    rent = case.workload.hardware.rent if case.workload.hardware else None
    reason = no_offer(rent, case.catalog) if rent is not None else None
    if reason is not None:
        yield Impossible(("hardware", "rent"), reason)


def _insisted(insist: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    unknown = [key for key in insist if key not in INSISTABLE]
    if unknown:
        raise UserInputError(f"--insist {unknown[0]}=…: can insist on {', '.join(INSISTABLE)}")
    wanted = dict(insist)
    if "engine" in wanted:
        catalog.engine(wanted["engine"])
    if "quantization" in wanted:
        wanted["quantization"] = catalog.quantization(wanted["quantization"]).id
    if "device" in wanted:
        wanted["device"] = catalog.device(wanted["device"]).id
    if "model" in wanted:
        wanted["model"] = catalog.model(wanted["model"]).id
    return wanted


def acceptable_models(workload: Workload, catalog: Catalog, insist: Mapping[str, str]) -> tuple[list[Model], list[Assumption]]:
    """The models in their owner's order; for `any` the largest first, which is a convention and no statement about quality."""
    if "model" in insist:
        return [catalog.model(insist["model"])], []
    if workload.models is None or workload.models == "any":
        largest_first = sorted(catalog.models.values(), key=lambda model: -model.architecture.parameters_total)
        text = "models: any: tried from the largest to the smallest; size is no measure of quality on your task"
        if workload.cost.budget_usd_per_month is None and not (workload.hardware and workload.hardware.owned):
            text += "; without a budget the largest is taken at any price"
        return largest_first, [Assumption("models", text, InputBasis.ASSUMED)]
    return [catalog.model(name) for name in workload.models], []


def _assumed_write_off(order: Sequence[Assessment], workload: Workload) -> list[Assumption]:
    """The years over which bought hardware is written off, where nobody has said."""
    if not order or order[0].available.acquisition != "buy" or workload.cost.amortisation_years is not None:
        return []
    text = f"bought hardware written off over {ASSUMED_WRITE_OFF_YEARS:g} years"
    return [Assumption("cost.amortisation_years", text, InputBasis.ASSUMED)]


def _assumed_all_month(order: Sequence[Assessment], demand: Demand) -> list[Assumption]:
    """That machines for a batch are never off, where nobody has said how often its pile comes."""
    batch, cost, performance = demand.load.batch, *((order[0].estimate.cost, order[0].estimate.performance) if order else (None, None))
    if batch is None or demand.running is not None or demand.requests_per_month is not None:
        return []
    if cost is None or cost.usd_per_pile is None or performance is None:
        return []
    each = f"one takes {significant(hours_of_one_pile(batch, performance))} h and {money(cost.usd_per_pile.value)} USD"
    text = f"machines on for all {HOURS_PER_MONTH} h of a month: how often the pile comes is not stated; {each}"
    return [Assumption("volume", text, InputBasis.ASSUMED)]


def _assumed_hosts(order: Sequence[Assessment]) -> list[Assumption]:
    """The host of the chosen deployment, where the catalog had to assume one."""
    if not order or not order[0].available.node.assumed_host or order[0].available.acquisition == "this_machine":
        return []
    host = order[0].available.node.host
    text = (
        f"host around the devices: {host.cpu_cores} cores, {host.memory_bytes / 2**30:.0f} GiB, disk {host.disk_bytes_per_s / 1e9:.1f} GB/s"
    )
    return [Assumption("hardware", text, InputBasis.ASSUMED)]
