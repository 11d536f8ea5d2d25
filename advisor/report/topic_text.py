"""A topic of a plan in 80 columns and as `advisor.explanation/1`."""

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import Any

from advisor.domain.claim_labels import label_of
from advisor.planning.capacity import capacity_lines
from advisor.planning.crossover import FIRST, SECOND, Crossover
from advisor.planning.crossover_words import crossover_sentence, measuring_command
from advisor.planning.describe import charged_text, option_text, shown
from advisor.planning.hosted import hosted_lines
from advisor.planning.topics import Told
from advisor.report.comparison_json import capacity_document, crossover_document, hosted_document, ways_document
from advisor.report.cost_json import cost_document
from advisor.units import significant

WIDTH = 80
_MONEY = (
    "usd_per_month",
    "usd_per_pile",
    "usd_per_request",
    "usd_per_request_at_capacity",
    "usd_per_million_input_tokens",
    "usd_per_million_output_tokens",
    "usd_per_user_month",
)


def topic_text(told: Told) -> str:
    """Everything that is known about it, ending without a line break."""
    head = textwrap.wrap(f"{told.deployment}: {option_text(told.assessment)}", WIDTH)
    return "\n".join([*head, *_lines(told)])


def _lines(told: Told) -> Iterator[str]:
    if told.capacity is not None:
        yield from _items(capacity_lines(told.capacity, told.case.demand.load))
        if told.routing is not None:
            yield from _items([str(told.routing)])
        if told.capacity.months_until_full is not None:
            months = told.capacity.months_until_full.show(" months")
            yield from _items([f"growth of {told.capacity.growth_pct_per_year:g} % a year fills it in {months}"])
    if told.crossover is not None:
        yield from _crossover(told.crossover)
    if told.topic == "cost":
        yield from _cost(told)
    if told.constraints is not None:
        yield from _items(map(str, told.constraints))


def _crossover(found: Crossover) -> Iterator[str]:
    if found.points:
        yield f"  {'at once':>7}  {f'{FIRST} {found.first}':<21}  {f'{SECOND} {found.second}':<21}  {SECOND} over {FIRST}"
        yield f"  {'':>7}  {'tokens/s':<21}  tokens/s"
    for point in found.points:
        rates = (point.first_tokens_per_s.show(), point.second_tokens_per_s.show())
        times = f"{significant(point.ratio.value)}x ({significant(point.ratio.low)}-{significant(point.ratio.high)})"
        yield f"  {point.at_once:>7}  {rates[0].replace(', modelled', ''):<21}  {rates[1].replace(', modelled', ''):<21}  {times}"
    yield from _items([crossover_sentence(found)])
    if found.points:
        yield from _items([f"measured by: {measuring_command(found)}"])


def _cost(told: Told) -> Iterator[str]:
    cost = told.assessment.estimate.cost
    if cost is not None and cost.usd_per_month is not None:
        yield from _items([f"charged: {charged_text(cost)}"])
        known = ((label_of(name)[0], getattr(cost, name)) for name in _MONEY)
        yield from _items(f"{label}: {shown(number, ' USD')}" for label, number in known if number is not None)
        for label, pair in (("", cost.token_prices), (" when full", cost.token_prices_at_capacity)):
            if pair is not None:
                both = f"{shown(pair.input, ' USD')} sent, {shown(pair.output, ' USD')} generated"
                yield from _items([f"a million tokens{label}, the bill split by the engine's time: {both}"])
    yield from _items(hosted_lines(told.case, told.hosted))
    yield from _items(map(str, told.other_ways))


def _items(texts: Iterator[str] | list[str]) -> Iterator[str]:
    for text in texts:
        yield textwrap.fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_long_words=False)


def topic_document(told: Told) -> dict[str, Any]:
    """The same for programs; what the topic does not need is left out."""
    document: dict[str, Any] = {"schema": "advisor.explanation/1", "deployment": told.deployment, "topic": told.topic}
    if told.capacity is not None:
        document["capacity"] = capacity_document(told.capacity, told.case.demand.load, told.routing)
    if told.crossover is not None:
        document["crossover"] = crossover_document(told.crossover)
    if told.topic == "cost":
        document["cost"] = cost_document(told.assessment.estimate.cost)
        document |= {"hosted_price": hosted_document(told.hosted), "other_ways": ways_document(told.other_ways)}
    if told.constraints is not None:
        document["constraints"] = [dataclasses.asdict(one) for one in told.constraints]
    return document
