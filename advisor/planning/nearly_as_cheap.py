"""A closer look at hardware that the search left for its price alone, where a move of prices may put it in front."""

from collections.abc import Iterator
from typing import Final

from advisor.assess import Case
from advisor.domain.assessment import Assessment
from advisor.planning.option import Dropped, Family, Option
from advisor.planning.search import Searched, affordable, replicated
from advisor.planning.size import size_prospect

_CLOSE: Final = 1.25  # times the best: what costs more still does when its price has fallen by a sixth, a cost band apart
_HARDWARE_AT_MOST: Final = 3


def nearly_as_cheap(case: Case, found: Searched, best: Family) -> Iterator[tuple[Assessment, int]]:
    """On the cheapest such hardware the recipe of the best (its engine, model and precision), simulated; with the model's rank."""
    usd = found.best_usd * _CLOSE
    wanted = (best.runtime, best.model, best.precision)
    seen = {option.prospect.family.device for _, option in found.assessments}
    entries = [left.entry for left in found.left if left.reason == "dearer" and left.entry.usd_per_month_at_least <= usd]
    looked_at = 0
    for entry in sorted(entries, key=lambda entry: entry.usd_per_month_at_least):
        family = (entry.prospect if isinstance(entry, Option) else entry).family
        if family.device in seen or (family.runtime, family.model, family.precision) != wanted:
            continue
        seen.add(family.device)
        option = entry if isinstance(entry, Option) else size_prospect(case, entry)
        if not isinstance(option, Dropped) and option.usd_per_month_at_least <= usd:
            yield replicated(case, affordable(case, option, usd)), option.prospect.model_rank
        looked_at += 1
        if looked_at == _HARDWARE_AT_MOST:
            return
