"""A decision in 80 columns: what, why it holds, why not the others, what would change it, what nobody has confirmed."""

import textwrap
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from advisor.domain.assessment import Assessment
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.verdict import Requirement, Standing
from advisor.planning.compose import decision_sentence
from advisor.planning.decision import Decision
from advisor.planning.describe import label_of, limit_text
from advisor.units import significant

WIDTH = 80
_COLOURS = {
    Standing.CERTAIN: "green",
    Standing.HOLDS: "green",
    Standing.LIKELY: "yellow",
    Standing.UNLIKELY: "red",
    Standing.BREAKS: "red",
    Standing.NOT_TESTED: "dim",
}


def print_decision(decision: Decision, console: Console, *, proof: str) -> None:
    """Print the whole answer. `proof` is the command that proves it."""
    _paragraph(console, "Decision", decision_sentence(decision))
    if decision.chosen is not None:
        console.print()
        console.print(_needs_table(decision.chosen))
        console.print(Text(_LEGEND, style="dim"))
        _list(console, "Settings that decide it", _settings(decision.chosen))
        _list(console, "Watch", [f"{v.message} [{v.rule}]" for v in decision.chosen.verdicts if v.severity == "warn"])
    _list(console, "Why not", [f"{loser.option}: {loser.reason}" for loser in decision.losers])
    _list(console, "Removed", _removed(decision))
    _list(console, "For comparison", decision.hosted)
    _list(console, "What would change the answer", [f"{change.when}: {change.then}" for change in decision.changes])
    _list(console, "What to relax", [f"{change.when} -> {change.then}" for change in decision.relaxations])
    _list(console, "You have not confirmed", [f"{a.text} ({a.path})" for a in decision.assumptions])
    _list(console, "Proof", [proof])


_LEGEND = (
    "  certain: exact or measured, inside. holds: the whole range is inside. likely: the\n"
    "  expected value is, the range is not. Ranges are 80 %: of measurements like this,\n"
    "  8 in 10 are meant to fall inside."
)


def _needs_table(chosen: Assessment) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), width=WIDTH)
    table.add_column("", no_wrap=True)
    table.add_column("you need", no_wrap=True)
    table.add_column("you get", overflow="fold")
    table.add_column("")
    for requirement in chosen.requirements:
        table.add_row(f"  {label_of(requirement.name)[0]}", _limit(requirement), _given(requirement), _word(requirement))
    for name, number, unit in _extras(chosen):
        table.add_row(f"  {name}", "-", number.show(unit), "")
    return table


def _limit(requirement: Requirement) -> str:
    return limit_text(requirement).replace("limit ", "<= ").replace("needs ", ">= ")


def _given(requirement: Requirement) -> str:
    return requirement.given.show(label_of(requirement.name)[1]) if requirement.given else "not estimated"


def _word(requirement: Requirement) -> Text:
    return Text(str(requirement.standing), style=_COLOURS[requirement.standing])


def _extras(chosen: Assessment) -> Iterator[tuple[str, Quantity, str]]:
    """What nobody asked for as a limit but everybody wants to know."""
    required = {requirement.name for requirement in chosen.requirements}
    performance, cost = chosen.estimate.performance, chosen.estimate.cost
    if performance is not None:
        rows = (("first token, p95", "ttft_p95_s", performance.ttft_s.p95), ("per token, p95", "tpot_p95_s", performance.tpot_s.p95))
        yield from ((label, number, " s") for label, name, number in rows if name not in required)
        yield "requests served", performance.requests_per_s, " /s"
        yield "most it can serve", performance.capacity_requests_per_s, " /s"
    yield "tokens held", chosen.estimate.memory.kv_cache_capacity_tokens, ""
    if cost is not None and cost.usd_per_month is not None and "usd_per_month" not in required:
        yield "cost a month", cost.usd_per_month, " USD"
    if cost is not None and cost.usd_per_request is not None:
        yield "cost a request", _cents(cost.usd_per_request), " USD"


def _cents(number: Quantity) -> Quantity:
    """Money per request to two significant digits, even when it is plain arithmetic: nobody pays 0.034090909 USD."""
    if number.basis is not Basis.STATED:
        return number
    short = float(significant(number.value).replace(",", ""))
    return Quantity(short, short, short, number.basis, number.source)


def _settings(chosen: Assessment) -> list[str]:
    candidate = chosen.deployment.candidate
    return [f"--{flag}: {reason}" for flag, reason in candidate.why.items() if reason and not reason.startswith("engine default")]


def _removed(decision: Decision) -> list[str]:
    """Hardware that a rule removed, one line a rule."""
    counts: dict[tuple[str, str], int] = {}
    for _, verdict in decision.space.removed_hardware:
        counts[(verdict.rule, verdict.message)] = counts.get((verdict.rule, verdict.message), 0) + 1
    by_rule: dict[str, tuple[int, str]] = {}
    for (rule, message), count in counts.items():
        total, first = by_rule.get(rule, (0, message))
        by_rule[rule] = (total + count, first)
    return [f"{count} machine{'s' if count > 1 else ''} by {rule}, such as: {message}" for rule, (count, message) in by_rule.items()]


def _paragraph(console: Console, title: str, text: str) -> None:
    wrapped = textwrap.wrap(text, WIDTH - 10)
    console.print(Text(f"{title:<10}", style="bold") + Text(wrapped[0] if wrapped else ""))
    for line in wrapped[1:]:
        console.print(Text(" " * 10 + line))


def _list(console: Console, title: str, items: Iterable[str]) -> None:
    lines = list(items)
    if not lines:
        return
    console.print(Text(title, style="bold"))
    for item in lines:
        console.print(Text(textwrap.fill(item, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_long_words=False)))
