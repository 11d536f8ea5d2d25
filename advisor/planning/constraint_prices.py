"""What each constraint costs: the workload decided again with one of them given up, and the difference in the month's bill."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from advisor.assess import monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.workload import Workload
from advisor.planning.constraint import constraints_of, first_choice
from advisor.planning.decision import Decision
from advisor.planning.describe import money, option_text
from advisor.planning.hosted import Hosted
from advisor.units import significant

Decide = Callable[[Workload], Decision]
_NOTHING = 0.01  # of the bill: a smaller difference is none


@dataclass(frozen=True, slots=True)
class ConstraintPrice:
    """Without `constraint` the answer would be `answer`; `usd_per_month` is what keeping it costs.

    Below 0 where a model that is liked better becomes possible and costs more; None where one of the two has no price.
    """

    constraint: str
    given_up: str
    answer: str
    usd_per_month: float | None

    def __str__(self) -> str:
        return f"{self.constraint}: {_worth(self.usd_per_month)}; with {self.given_up}: {self.answer}"


def _worth(usd: float | None) -> str:
    if usd is None:
        return "no price to compare with"
    if usd == 0:
        return "costs nothing"
    if usd > 0:
        return f"costs {significant(usd, 3)} USD a month"
    return f"without it a model that you like better would do, for {significant(-usd, 3)} USD a month more"


def constraint_prices(workload: Workload, chosen: Assessment, hosted: Hosted | None, decide: Decide) -> Iterator[ConstraintPrice]:
    """Each constraint of the workload alone, against the price of what was chosen under all of them."""
    if hosted is not None and not hosted.allowed:
        yield _no_hosting(workload, chosen, hosted)
    liking = first_choice(workload)
    for constraint in (*constraints_of(workload), *((liking,) if liking else ())):
        found = decide(constraint.relaxed(workload))
        if found.feasible and found.chosen is not None:
            same = option_text(found.chosen) == option_text(chosen)
            answer = "the same answer" if same else _priced(found.chosen)
            yield ConstraintPrice(constraint.name, constraint.given_up, answer, _difference(chosen, found.chosen))


def _no_hosting(workload: Workload, chosen: Assessment, hosted: Hosted) -> ConstraintPrice:
    name = hosted.model.split("/")[-1] + ("" if hosted.same_model else " (like yours in size)")
    answer = f"hosted API for {name} from {hosted.price.provider}, {money(hosted.usd_per_month)} USD a month ({hosted.price.as_of})"
    usd = hosted.dearer_here_usd_per_month
    place = f"privacy.stays_on: {workload.privacy.stays_on}"
    return ConstraintPrice(place, "anywhere", answer, None if usd is None else _or_nothing(usd, hosted.usd_per_month))


def _difference(chosen: Assessment, other: Assessment) -> float | None:
    bills = [monthly_usd(one) for one in (chosen, other)]
    known = all(one.estimate.cost is not None and one.estimate.cost.usd_per_month is not None for one in (chosen, other))
    if not known:
        return None
    same_model = chosen.deployment.candidate.model.id == other.deployment.candidate.model.id
    return max(0.0, _or_nothing(bills[0] - bills[1], bills[1])) if same_model else _or_nothing(bills[0] - bills[1], bills[1])


def _or_nothing(usd: float, of: float) -> float:
    return 0.0 if abs(usd) <= _NOTHING * of else usd


def _priced(assessment: Assessment) -> str:
    cost = assessment.estimate.cost
    usd = f", {money(cost.usd_per_month.value)} USD a month" if cost and cost.usd_per_month else ""
    return option_text(assessment) + usd
