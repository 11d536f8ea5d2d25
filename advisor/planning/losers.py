"""Why not the others: for each losing family its best deployment, and the requirement, the rule or the bound that it lost on."""

from collections.abc import Iterable, Sequence

from advisor.assess import Case, assess, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.verdict import AT_LEAST_LIKELY, Requirement
from advisor.planning.decision import Loser
from advisor.planning.describe import option_text, recipe, requirement_text
from advisor.planning.option import Family, Option, Prospect, Space, precision_of
from advisor.units import significant

SHOWN = 6
_LOOKED_AT = 4  # with ranges, which takes time
Group = tuple[str, str, str]  # engine, model, precision: hardware of the same recipe is one family to a reader


def losers(
    case: Case, chosen: Assessment | None, order: Sequence[Assessment], *, space: Space, left: Sequence[Prospect | Option]
) -> tuple[Loser, ...]:
    """At most six, the strongest reason to doubt the choice first: other engines, then other precisions, then other models."""
    won = _group(case, chosen) if chosen else None
    found: dict[Group, Loser] = {}
    for assessment in order[1:]:
        key = _distinct(_group(case, assessment), won, assessment)
        if key not in found and len(found) < _LOOKED_AT:
            found[key] = _from_assessment(_closer(case, assessment), chosen)
    for entry in left:
        key = _family_group(entry.prospect.family if isinstance(entry, Option) else entry.family)
        if key != won:
            found.setdefault(key, _from_bound(entry, chosen))
    for dropped in space.dropped:
        key = _family_group(dropped.family)
        if key != won and dropped.verdict.rule:
            found.setdefault(key, Loser(dropped.text, dropped.verdict.message, dropped.verdict.rule, rule=dropped.verdict.rule))
    return tuple(sorted(found.values(), key=lambda loser: _interest(loser, chosen))[:SHOWN])


def _distinct(group: Group, won: Group | None, assessment: Assessment) -> Group:
    """Other hardware for the winning recipe is a family of its own."""
    return group if group != won else (*group[:2], assessment.available.node.device.id)


def _closer(case: Case, assessment: Assessment) -> Assessment:
    """The same deployment with the ranges of its numbers."""
    return assess(assessment.deployment, assessment.available, case, look="ranges")


def _group(case: Case, assessment: Assessment) -> Group:
    candidate = assessment.deployment.candidate
    precision = precision_of(case.catalog.quantization(candidate.checkpoint.quantization))
    return _family_group(Family(candidate.runtime.runtime, candidate.model.id, precision, ""))


def _family_group(family: Family) -> Group:
    """A reader tells precisions apart within 16, 8 and fewer bits."""
    return (family.runtime, family.model, family.precision if family.precision in ("16-bit", "8-bit") else "fewer bits")


def _from_assessment(assessment: Assessment, chosen: Assessment | None) -> Loser:
    text = option_text(assessment)
    for verdict in assessment.verdicts:
        if verdict.severity == "block":
            return Loser(text, verdict.message, verdict.rule, rule=verdict.rule)
    failing = worst_failure(assessment.requirements)
    if failing is not None:
        given = failing.given
        expect, basis = (given.value, str(given.basis)) if given else (None, None)
        return Loser(text, requirement_text(failing), failing.name, expect, failing.at_most, failing.at_least, basis)
    return _dominated(text, assessment, chosen)


def _dominated(text: str, assessment: Assessment, chosen: Assessment | None) -> Loser:
    mine, theirs = monthly_usd(assessment), monthly_usd(chosen) if chosen else float("inf")
    if theirs < mine < float("inf"):
        reason = f"also keeps the service level, for {significant(mine, 3)} USD a month instead of {significant(theirs, 3)}"
        return Loser(text, reason, "usd_per_month", expect=mine, at_most=theirs, basis="stated")
    return Loser(text, "also keeps the service level; lost on your order of models, on simplicity or on quality lost", "rank")


def _from_bound(entry: Prospect | Option, chosen: Assessment | None) -> Loser:
    prospect = entry.prospect if isinstance(entry, Option) else entry
    offer = prospect.available.offer
    text = f"{prospect.text} ({offer.provider if offer else prospect.available.acquisition})"
    price, least = monthly_usd(chosen) if chosen else float("inf"), entry.usd_per_month_at_least
    if price < least:
        reason = f"costs at least {significant(least, 3)} USD a month; chosen: {significant(price, 3)}"
        return Loser(text, reason, "usd_per_month", expect=least, at_most=price, basis="stated")
    return Loser(text, "not simulated: other options of its kind promised more", "not simulated")


def worst_failure(requirements: Iterable[Requirement]) -> Requirement | None:
    """The hard requirement that is missed by the largest factor."""
    failing = [r for r in requirements if r.hard and r.standing not in AT_LEAST_LIKELY]
    return max(failing, key=_excess, default=None)


def _excess(requirement: Requirement) -> float:
    if requirement.given is None:
        return float("inf")
    if requirement.at_most:
        return requirement.given.value / requirement.at_most
    return (requirement.at_least or 0.0) / max(requirement.given.value, 1e-9)


def _interest(loser: Loser, chosen: Assessment | None) -> tuple[bool, bool, bool, str]:
    engine = recipe(chosen.deployment.candidate).split(",")[0] if chosen else ""
    model = chosen.deployment.candidate.model.id.split("/")[-1] if chosen else ""
    return (loser.lost_on == "not simulated", model not in loser.option, loser.option.startswith(engine), loser.option)
