"""The answer to a workload, before anybody prints it."""

from dataclasses import dataclass, replace

from advisor.assess import Case, assess_asked, judged_by_prices
from advisor.domain.assessment import Assessment
from advisor.domain.witness import Ask, Testimony
from advisor.planning.capacity import Capacity
from advisor.planning.crossover import Crossover
from advisor.planning.demand import Assumption
from advisor.planning.hosted import Hosted
from advisor.planning.option import Space
from advisor.planning.other_ways import OtherWay
from advisor.rules.price_facts import PriceFacts


@dataclass(frozen=True, slots=True)
class Loser:
    """The best of a family that lost, in one line: what it is and what it lost on."""

    option: str
    reason: str
    lost_on: str
    expect: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    basis: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that would change the answer, and what the answer would be then."""

    when: str
    then: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """A limit of the workload that not even an idle replica can keep: its path and place in the file, and why."""

    path: tuple[str, ...]
    message: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.place}{': ' if self.place else ''}{'.'.join(self.path)}: {self.message}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided and why. `chosen` is None when nothing fits at all; it may be not recommended when nothing is feasible."""

    case: Case
    chosen: Assessment | None
    ranked: tuple[Assessment, ...]
    losers: tuple[Loser, ...]
    changes: tuple[Change, ...]
    relaxations: tuple[Change, ...]
    assumptions: tuple[Assumption, ...]
    space: Space
    not_simulated: int = 0
    hosted: Hosted | None = None
    other_ways: tuple[OtherWay, ...] = ()  # to pay for the chosen deployment
    prices: PriceFacts | None = None  # of the chosen deployment against what else was looked at
    notes: tuple[str, ...] = ()
    cheaper_if_proven: tuple[Loser, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    capacity: Capacity | None = None  # of the chosen deployment, after a full look
    crossover: Crossover | None = None  # of the engines on the chosen device
    testimony: Testimony | None = None  # of the chosen deployment's engine, where it was asked

    @property
    def feasible(self) -> bool:
        """True when the chosen deployment is at least likely on every hard requirement."""
        return self.chosen is not None and self.chosen.recommended


def with_engine_asked(decision: Decision, ask: Ask) -> Decision:
    """The same choice with the memory that its engine itself tells: it may turn out not to be recommended. Raises what `ask` raises."""
    if decision.chosen is None:
        return decision
    chosen, testimony = assess_asked(decision.chosen.deployment, decision.chosen.available, decision.case, ask)
    if decision.prices is not None:
        chosen = judged_by_prices(chosen, decision.case, decision.prices)
    return replace(decision, chosen=chosen, ranked=(chosen, *decision.ranked[1:]), testimony=testimony)
