"""A decision in 80 columns: what, why it holds, why not the others, what would change it, what nobody has confirmed."""

import textwrap
from collections.abc import Container, Iterable, Iterator

from rich.console import Console
from rich.text import Text

from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.quantity import Quantity
from advisor.domain.verdict import Requirement, Severity, Standing
from advisor.planning.capacity import capacity_lines
from advisor.planning.compose import decision_sentence, planned_settings
from advisor.planning.crossover_words import crossover_sentence
from advisor.planning.decision import Change, Decision, Loser
from advisor.planning.describe import charged_text, plain, shown
from advisor.planning.further import NOT_ASKED, Further
from advisor.planning.hosted import hosted_lines
from advisor.planning.staircase import staircase_lines
from advisor.report.witness_text import testimony_lines

WIDTH = 80
_LABEL, _NEED, _GIVEN = 26, 10, 33  # two spaces in front, the word behind
_SMALL_USD, _THOUSAND = 0.001, 1000
_COLOURS = {
    Standing.CERTAIN: "green",
    Standing.HOLDS: "green",
    Standing.LIKELY: "yellow",
    Standing.UNLIKELY: "red",
    Standing.BREAKS: "red",
    Standing.NOT_TESTED: "dim",
}
_LEGEND = (
    "certain: exact or measured, inside. holds: the whole range is inside. likely: the expected value is, the range is not. "
    "Ranges are 80 %: of measurements like this, 8 in 10 are meant to fall inside."
)


def print_decision(decision: Decision, console: Console, *, proof: str, further: Further = NOT_ASKED) -> None:
    """Print the whole answer. `proof` is the command that proves it."""
    _paragraph(console, "Decision", decision_sentence(decision))
    _list(console, "Out of reach", [str(wish) for wish in decision.impossible])
    if decision.chosen is not None:
        _needs(console, decision.chosen)
        _list(console, "Settings that decide it", _settings(decision))
        _list(console, "Blocked", _verdicts(decision.chosen, "block"))
        _list(console, "Watch", _verdicts(decision.chosen, "warn"))
    _list(console, "Capacity", capacity_lines(decision.capacity, decision.case.demand.load) if decision.capacity else ())
    _list(console, "Asked the engine itself", testimony_lines(decision.testimony) if decision.testimony else ())
    _list(console, "Note", decision.notes)
    _list(console, "Why not", _losers(decision.losers))
    _list(console, "Cheaper if proven", _losers(decision.cheaper_if_proven))
    _list(console, "Removed", _removed(decision))
    _list(console, "For comparison", _comparison(decision))
    _list(console, "What would change the answer", _changes(decision.changes))
    _list(console, "At multiples of the load", staircase_lines(further.staircase) if further.staircase else ())
    _list(console, "What each constraint costs", map(str, further.constraints or ()))
    _list(console, "What to relax", [f"{change.when} -> {change.then}" for change in decision.relaxations])
    _list(console, "You have not confirmed", [f"{a.text} ({a.path})" for a in decision.assumptions])
    if decision.chosen is not None:
        _list(console, "Proof", [proof])


# ---- the table


def _needs(console: Console, chosen: Assessment) -> None:
    console.print()
    console.print(f"{'':<{_LABEL}} {'you need':<{_NEED}} you get", highlight=False)
    for requirement in _worth_showing(chosen):
        label, unit = label_of(requirement.name)
        given = shown(requirement.given, unit) if requirement.given else "not estimated"
        row = Text(f"  {label:<{_LABEL - 2}} {_limit(requirement):<{_NEED}} {given:<{_GIVEN}} ")
        console.print(row + Text(str(requirement.standing), style=_COLOURS[requirement.standing]), soft_wrap=True)
    for label, number, unit in _extras(chosen):
        console.print(Text(f"  {label:<{_LABEL - 2}} {'':<{_NEED}} {shown(number, unit)}"), soft_wrap=True)
    for footnote in (_LEGEND, *_charged(chosen)):
        for line in textwrap.wrap(footnote, WIDTH - 4):
            console.print(Text(f"  {line}", style="dim"))


def _charged(chosen: Assessment) -> Iterator[str]:
    cost = chosen.estimate.cost
    if cost is not None and cost.usd_per_month is not None:
        yield f"charged: {charged_text(cost)}."


def _worth_showing(chosen: Assessment) -> list[Requirement]:
    """All but memory of which nothing is needed."""
    return [r for r in chosen.requirements if r.given is None or r.given.high > 0 or r.at_least is not None]


def _limit(requirement: Requirement) -> str:
    """`<= 2 s`, `>= 16,200`: the unit only where it may differ from that of the value."""
    _, unit = label_of(requirement.name)
    unit = unit if unit == " s" else ""
    return f"<= {plain(requirement.at_most, unit)}" if requirement.at_most is not None else f">= {plain(requirement.at_least or 0, unit)}"


def _extras(chosen: Assessment) -> Iterator[tuple[str, Quantity, str]]:
    """What nobody asked for as a limit but everybody wants to know."""
    required = {requirement.name for requirement in chosen.requirements}
    performance = chosen.estimate.performance
    if performance is not None:
        rows = (("ttft_p95_s", performance.ttft_s.p95), ("tpot_p95_s", performance.tpot_s.p95))
        yield from ((label_of(name)[0], number, " s") for name, number in rows if name not in required)
        yield "requests served", performance.requests_per_s, " /s"
        yield "most it can serve", performance.capacity_requests_per_s, " /s"
    yield "tokens held", chosen.estimate.memory.kv_cache_capacity_tokens, ""
    yield from _money(chosen, required)


def _money(chosen: Assessment, required: Container[str]) -> Iterator[tuple[str, Quantity, str]]:
    """By the month, the request, the user and the token; small prices for a thousand."""
    cost = chosen.estimate.cost
    if cost is None or cost.usd_per_month is None:
        return
    if "usd_per_month" not in required:
        yield "cost a month", cost.usd_per_month, " USD"
    if cost.usd_per_pile is not None:
        yield label_of("usd_per_pile")[0], cost.usd_per_pile, " USD"
    if cost.usd_per_request is not None:
        many, of = _counted(cost.usd_per_request)
        yield f"cost {'of ' if many > 1 else ''}{of}", cost.usd_per_request.times(many), " USD"
    if cost.usd_per_request_at_capacity is not None:
        many, of = _counted(cost.usd_per_request_at_capacity)
        yield f"{of} when full", cost.usd_per_request_at_capacity.times(many), " USD"
    if cost.usd_per_user_month is not None:
        yield label_of("usd_per_user_month")[0], cost.usd_per_user_month, " USD"
    if cost.token_prices is not None:
        yield "a million tokens sent", cost.token_prices.input, " USD"
        yield "a million generated", cost.token_prices.output, " USD"


def _counted(each: Quantity) -> tuple[int, str]:
    """Of what costs less than a tenth of a cent, a thousand."""
    return (_THOUSAND, f"{_THOUSAND:,} requests") if each.value < _SMALL_USD else (1, "a request")


# ---- the lists


def _settings(decision: Decision) -> list[str]:
    """The flags that were chosen, as they are written on the command line, each with its reason."""
    assert decision.chosen is not None  # noqa: S101 - the caller looks
    candidate = decision.chosen.deployment.candidate
    settings = planned_settings(candidate, decision.case.catalog.engine(candidate.runtime.engine))
    return [
        f"{_flag(name, setting.value)}: {setting.why}"
        for name, setting in settings.items()
        if setting.why and not setting.why.startswith("engine default")
    ]


def _flag(name: str, value: object) -> str:
    if value is True:
        return f"--{name}"
    return f"--no-{name}" if value is False else f"--{name} {value}"


def _verdicts(assessment: Assessment, severity: Severity) -> list[str]:
    return [f"{verdict.message} [{verdict.rule}]" for verdict in assessment.verdicts if verdict.severity == severity]


def _losers(losers: Iterable[Loser]) -> list[str]:
    return [f"{loser.option}: {loser.reason}" for loser in losers]


def _comparison(decision: Decision) -> Iterator[str]:
    """The other engine, the hosted price, and other ways to pay."""
    if decision.crossover is not None:
        yield crossover_sentence(decision.crossover)
    yield from hosted_lines(decision.case, decision.hosted)
    yield from map(str, decision.other_ways)


def _changes(changes: Iterable[Change]) -> list[str]:
    return [f"{change.when}: {change.then}" for change in changes]


def _removed(decision: Decision) -> list[str]:
    """Hardware that a rule removed, one line a rule."""
    first: dict[str, str] = {}
    counts: dict[str, int] = {}
    for _, verdict in decision.space.removed_hardware:
        first.setdefault(verdict.rule, verdict.message)
        counts[verdict.rule] = counts.get(verdict.rule, 0) + 1
    return [f"{counts[rule]} machine{'s' if counts[rule] > 1 else ''} by {rule}, such as: {message}" for rule, message in first.items()]


def _paragraph(console: Console, title: str, text: str) -> None:
    lines = textwrap.wrap(text, WIDTH - 10)
    console.print(Text(f"{title:<10}", style="bold") + Text(lines[0] if lines else ""))
    for line in lines[1:]:
        console.print(Text(" " * 10 + line))


def _list(console: Console, title: str, items: Iterable[str]) -> None:
    lines = list(items)
    if not lines:
        return
    console.print(Text(title, style="bold"))
    for item in lines:
        console.print(Text(textwrap.fill(item, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_long_words=False)))
