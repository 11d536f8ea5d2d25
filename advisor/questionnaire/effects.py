"""What an answer removed, counted with the planner's own inventory, rules and arithmetic."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from advisor.assess import Case
from advisor.domain.demand import Demand
from advisor.domain.hardware import Available
from advisor.domain.verdict import Verdict
from advisor.domain.workload import Workload
from advisor.errors import UserInputError
from advisor.planning.demand import complete
from advisor.planning.inventory import inventory_of
from advisor.planning.option import DOES_NOT_FIT, TOO_SLOW, Space
from advisor.planning.planner import acceptable_models
from advisor.planning.prospects import prospects
from advisor.questionnaire.draft import draft
from advisor.questionnaire.interview import Interview
from advisor.rules.build_facts import build_facts
from advisor.rules.judge import judge
from advisor.rules.rule import RuleSet

# Beyond this many recipes times machines, counting takes longer than the 0.3 s that a person does not notice.
_COUNTED_AT_ONCE: Final = 15_000
_CAUSES: Final = {DOES_NOT_FIT: "do not fit", TOO_SLOW: "cannot be fast enough at the device's peak"}


@dataclass(frozen=True, slots=True)
class Options:
    """How many ways to serve it are left (recipe x machine x number of devices), and how many each cause removed."""

    left: int
    removed: Counter[str]


def removed_by_place(interview: Interview, rules: RuleSet) -> str:
    """`Removes 109 hosted-API prices and 219 rented machines (rule PRV001).`; nothing when all may be used."""
    workload, demand = _case(interview)
    catalog = interview.catalog
    offers = [Available(catalog.node_of(offer), None, "rent", offer) for offer in catalog.offers]
    rented = [verdict for offer in offers if (verdict := _block(workload, demand, rules, available=offer))]
    hosted = [v for price in catalog.api_prices if (v := _block(workload, demand, rules, hosted_by=price.provider))]
    counts = [f"{len(found)} {what}" for found, what in ((hosted, "hosted-API prices"), (rented, "rented machines")) if found]
    if not counts:
        return ""
    ids = sorted({verdict.rule for verdict in (*rented, *hosted)})
    return f"Removes {' and '.join(counts)} (rule{'s' if len(ids) > 1 else ''} {', '.join(ids)})."


def require_allowed(interview: Interview, rules: RuleSet) -> None:
    """Raises UserInputError when a rule removes every machine that the answers leave."""
    if not interview.situation.has("hardware"):
        return
    workload, demand = _case(interview)
    inventory = inventory_of(workload, interview.catalog, interview.situation.machine)
    verdicts = [_block(workload, demand, rules, available=available) for available in inventory.available]
    blocking = [verdict for verdict in verdicts if verdict is not None]
    if verdicts and len(blocking) == len(verdicts):
        raise UserInputError(f"that leaves nothing to run on: {blocking[0].message} [{blocking[0].rule}]")


def options(interview: Interview, rules: RuleSet) -> Options | None:
    """The ways that are left; None when there are too many to count while somebody waits."""
    workload, demand = _case(interview)
    inventory = inventory_of(workload, interview.catalog, interview.situation.machine)
    models, _ = acceptable_models(workload, interview.catalog, {})
    if len(inventory.available) * sum(len(model.checkpoints) for model in models) > _COUNTED_AT_ONCE:
        return None
    space = Space()
    case = Case(workload, demand, interview.catalog, rules)
    left = sum(1 for _ in prospects(case, inventory, models, {}, space))
    causes: Counter[str] = Counter()
    for dropped in space.dropped:
        causes[dropped.rule] += dropped.alike
    return Options(left, causes)


def difference(before: Options | None, after: Options | None) -> str:
    """What changed from one answer to the next, in a sentence; nothing when nothing did."""
    if after is None or (before is not None and before.left == after.left):
        return ""
    ways = f"{after.left:,} way{'' if after.left == 1 else 's'} to serve it"
    if after.left == 0:
        return f"Nothing is left{f': the rest {causes}' if (causes := _causes(before, after)) else ''}. b takes the answer back."
    if before is None or before.left < after.left:
        return f"So far: {ways}."
    causes = _causes(before, after)
    return f"Removes {before.left - after.left:,} of {before.left:,} ways to serve it{f' ({causes})' if causes else ''}."


def _causes(before: Options | None, after: Options) -> str:
    """The rules and bounds that remove more than before."""
    new = after.removed - before.removed if before else after.removed
    return "; ".join(_CAUSES.get(cause, f"rule {cause}") for cause in sorted(new))


def _case(interview: Interview) -> tuple[Workload, Demand]:
    workload = draft(interview)
    demand, _ = complete(workload, interview.situation.preset)
    return workload, demand


def _block(
    workload: Workload, demand: Demand, rules: RuleSet, *, available: Available | None = None, hosted_by: str = ""
) -> Verdict | None:
    facts = build_facts(workload, demand, available=available, hosted_by=hosted_by)
    return next((verdict for verdict in judge(rules, facts, "screen") if verdict.severity == "block"), None)
