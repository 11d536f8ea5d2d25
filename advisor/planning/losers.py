"""Why not the others: one line for each really different family, with the requirement, the rule or the bound that it lost on.

First the other engine, then other precisions of the winner, its other hardware, other models. Within a family the best that was simulated
speaks; else what was dropped for a figure, the nearest miss first; else the bound on its price. Quality bands come last.
"""

from collections.abc import Iterator, Sequence

from advisor.assess import Case, assess, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.planning.behind import behind
from advisor.planning.decision import Loser
from advisor.planning.describe import option_text, requirement_text
from advisor.planning.option import Dropped, Family, Space, about_quality, precision_of
from advisor.planning.search import Left
from advisor.planning.strain import missed_by, worst_failure
from advisor.units import significant

SHOWN = 6
_SIMULATED, _FIGURE, _BOUND, _RULE, _QUALITY = range(5)
Group = tuple[int, str]
Lost = Assessment | Dropped | Left
Contender = tuple[Family, int, float, Lost]  # how good its reason is (lower is better), by how much it missed, and what lost


def losers(case: Case, chosen: Assessment | None, order: Sequence[Assessment], *, space: Space, left: Sequence[Left]) -> tuple[Loser, ...]:
    """At most six, the strongest reason to doubt the choice first."""
    won = _family(case, chosen) if chosen else None
    named = case.workload.models not in (None, "any")
    best: dict[Group, tuple[tuple[bool, int, float], Lost]] = {}
    for family, reason, missed, lost in _contenders(case, order, space=space, left=left):
        group = _group(family, won, named=named)
        if group is not None:
            rank = (won is not None and family.model != won.model, reason, missed)
            if group not in best or rank < best[group][0]:
                best[group] = rank, lost
    shown = sorted(best, key=lambda group: (best[group][0][1] == _QUALITY, group))[:SHOWN]
    return tuple(_in_words(case, best[group][1], chosen) for group in shown)


def _group(family: Family, won: Family | None, *, named: bool) -> Group | None:
    """What a reader calls another option: engine, precision, hardware, or a model that was named. None for the winner's own."""
    if won is None:
        return 0, f"{family.model} {family.runtime}"
    if family.runtime != won.runtime:
        return 1, family.runtime
    if family.model != won.model:
        return (4, family.model) if named else None
    if _class(family) != _class(won):
        return 2, _class(family)
    return (3, "") if family.device != won.device else None


def _class(family: Family) -> str:
    """A reader tells precisions apart within 16, 8 and fewer bits."""
    return family.precision if family.precision in ("16-bit", "8-bit") else "fewer bits"


def _family(case: Case, assessment: Assessment) -> Family:
    candidate = assessment.deployment.candidate
    precision = precision_of(case.catalog.quantization(candidate.checkpoint.quantization))
    return Family(candidate.runtime.runtime, candidate.model.id, precision, candidate.node.device.id)


def _contenders(case: Case, order: Sequence[Assessment], *, space: Space, left: Sequence[Left]) -> Iterator[Contender]:
    for place, assessment in enumerate(order[1:]):
        missed = place if assessment.recommended else len(order) + missed_by(assessment)
        yield _family(case, assessment), _SIMULATED, missed, assessment
    for dropped in space.dropped:
        reason = _FIGURE if dropped.missed is not None else _QUALITY if about_quality(case.rules, dropped) else _RULE
        factor = dropped.missed.factor if dropped.missed else 0.0
        yield dropped.family, reason, factor, dropped
    for entry in left:
        if entry.reason != "alike":
            yield entry.prospect.family, _BOUND, entry.entry.usd_per_month_at_least, entry


# ---- in words


def _in_words(case: Case, lost: Lost, chosen: Assessment | None) -> Loser:
    match lost:
        case Assessment():
            return _simulated(case, lost, chosen)
        case Dropped():
            return _dropped(case, lost)
        case Left():
            return _bounded(case, lost, chosen)


def _simulated(case: Case, assessment: Assessment, chosen: Assessment | None) -> Loser:
    """With the range of the figure that it lost on."""
    closer = assess(assessment.deployment, assessment.available, case, look="ranges")
    text = option_text(closer)
    failing = worst_failure(closer.requirements)
    if failing is not None:
        given = failing.given
        expect, basis = (given.value, str(given.basis)) if given else (None, None)
        return Loser(text, requirement_text(failing), failing.name, expect, failing.at_most, failing.at_least, basis)
    for verdict in closer.verdicts:
        if verdict.severity == "block":
            return Loser(text, _first_sentence(verdict.message), verdict.rule, rule=verdict.rule)
    if chosen is None:
        return Loser(text, "also keeps the service level", "rank")
    lost_on, reason = behind(closer, chosen, case.catalog.quantizations)
    mine, theirs = monthly_usd(closer), monthly_usd(chosen)
    if lost_on == "usd_per_month":
        return Loser(text, reason, lost_on, expect=mine, at_most=theirs, basis="stated")
    return Loser(text, reason, lost_on)


def _dropped(case: Case, dropped: Dropped) -> Loser:
    missed, verdict = dropped.missed, dropped.verdict
    rule = verdict.rule if case.rules.get(verdict.rule) else None
    reason = _first_sentence(verdict.message)
    if missed is None:
        return Loser(dropped.text, reason, verdict.rule, rule=rule)
    return Loser(dropped.text, reason, missed.name, missed.expect, missed.at_most, basis=str(missed.basis), rule=rule)


def _first_sentence(message: str) -> str:
    """What is wrong, by how much; what to do about it is not the point here."""
    return message.partition(". ")[0]


def _bounded(case: Case, left: Left, chosen: Assessment | None) -> Loser:
    prospect, least = left.prospect, left.entry.usd_per_month_at_least
    offer = prospect.available.offer
    text = f"{prospect.text} ({offer.provider if offer else prospect.available.acquisition})"
    if left.reason == "later model":
        return Loser(text, "later in your order of models than one that keeps every requirement", "models")
    price = monthly_usd(chosen) if chosen else float("inf")
    bound = f"costs at least {significant(least, 3)} USD a month"
    budget = case.workload.cost.budget_usd_per_month
    if left.reason == "over budget":
        return Loser(text, f"{bound}; budget {significant(budget or 0, 3)}", "usd_per_month", expect=least, at_most=budget, basis="stated")
    if price < least:
        return Loser(text, f"{bound}; chosen: {significant(price, 3)}", "usd_per_month", expect=least, at_most=price, basis="stated")
    return Loser(text, f"{bound}; not looked at closer, many that promised more came first", "not simulated")
