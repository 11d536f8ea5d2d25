"""When nothing keeps every requirement: what comes nearest among the recipes that would run, too slowly."""

from collections.abc import Iterable, Iterator

from advisor.assess import Case
from advisor.domain.assessment import Assessment
from advisor.planning.option import Dropped, Family, Option, Space
from advisor.planning.search import replicated
from advisor.planning.size import sized_anyway

_SIZED = 12
_SIMULATED = 4


def nearest(case: Case, space: Space) -> list[tuple[Assessment, Option]]:
    """Quick looks at the recipes that screening dropped for their speed alone, those that miss the limits by least first."""
    options = sorted(_options(case, _late(space.dropped)[:_SIZED]), key=lambda pair: pair[0])
    families: dict[Family, Option] = {}
    for _, option in options:
        families.setdefault(option.prospect.family, option)
    return [(replicated(case, option), option) for option in list(families.values())[:_SIMULATED]]


def _late(dropped: Iterable[Dropped]) -> list[Dropped]:
    """Those that would run, the smallest miss first, each engine's best before any engine's second."""
    found = sorted((d for d in dropped if d.prospect is not None), key=lambda d: (_factor(d), d.text))
    first: dict[str, Dropped] = {}
    for entry in found:
        first.setdefault(entry.family.runtime, entry)
    return [*first.values(), *(entry for entry in found if entry not in first.values())]


def _options(case: Case, dropped: Iterable[Dropped]) -> Iterator[tuple[float, Option]]:
    for entry in dropped:
        assert entry.prospect is not None  # noqa: S101 - chosen by it
        option = sized_anyway(case, entry.prospect)
        if isinstance(option, Option):
            yield _factor(entry), option


def _factor(dropped: Dropped) -> float:
    return dropped.missed.factor if dropped.missed else 0.0
