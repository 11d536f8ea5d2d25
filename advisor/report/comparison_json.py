"""The parts of a decision that compare: how much it holds, the other engine, the hosted price, other ways to pay. As JSON."""

import dataclasses
from typing import Any

from advisor.domain.workload import Load
from advisor.planning.amounts import unit_of
from advisor.planning.capacity import Capacity
from advisor.planning.crossover import FIRST, SECOND, Crossover
from advisor.planning.crossover_words import crossover_sentence, measuring_command
from advisor.planning.hosted import Hosted
from advisor.planning.other_ways import OtherWay
from advisor.planning.routing import Routing, assumed_split
from advisor.report.quantity_json import number, optional


def capacity_document(capacity: Capacity | None, load: Load, routing: Routing | None = None) -> dict[str, Any] | None:
    """Largest loads are in `unit`, within the service level; `router` says how the load is taken to be split over the replicas.

    `routing` compares that with a router that picks the fewest requests in hand, where that was simulated.
    """
    if capacity is None:
        return None
    return {
        "unit": unit_of(load).strip(),
        "replicas": capacity.replicas,
        "with_replicas_down": capacity.replicas_down,
        "router": assumed_split(load) if capacity.replicas > 1 else None,
        "routing": dataclasses.asdict(routing) if routing else None,
        "requests_held_typical_per_replica": number(capacity.requests_held_typical),
        "requests_held_longest_per_replica": number(capacity.requests_held_longest),
        "largest_load_one_replica": number(capacity.largest_of_one),
        "largest_load": number(capacity.largest),
        "largest_load_all_up": number(capacity.largest_all_up),
        "growth_pct_per_year": capacity.growth_pct_per_year,
        "months_until_full": optional(capacity.months_until_full),
    }


def crossover_document(found: Crossover | None) -> dict[str, Any] | None:
    """The predicted lines of both engines and where they cross; `why_not` where there is one engine only."""
    if found is None:
        return None
    crossings = found.comparison.crossings if found.comparison else ()
    return {
        "sentence": crossover_sentence(found),
        "device": found.device,
        "model": found.model,
        "engines": {
            FIRST: {"quantization": found.first, "devices": found.devices[0]},
            SECOND: {"quantization": found.second, "devices": found.devices[1]},
        },
        "why_not": found.why_not or None,
        "points": [
            {
                "at_once": point.at_once,
                f"{FIRST}_output_tokens_per_s": number(point.first_tokens_per_s),
                f"{SECOND}_output_tokens_per_s": number(point.second_tokens_per_s),
                f"{SECOND}_over_{FIRST}": number(point.ratio),
            }
            for point in found.points
        ],
        "crossings": [{**dataclasses.asdict(one), "users": found.users(one.concurrency)} for one in crossings],
        "measured_by": measuring_command(found) if found.points else None,
    }


def hosted_document(hosted: Hosted | None) -> dict[str, Any] | None:
    """The hosted price with its source, and the volume at which both ways cost the same."""
    if hosted is None:
        return None
    document = dataclasses.asdict(hosted)
    price = document.pop("price")
    return {**document, "provider": price["provider"], "price_as_of": price["as_of"], "source": price["source"]} | {
        name: price[name] for name in ("input_usd_per_mtok", "output_usd_per_mtok")
    }


def ways_document(ways: tuple[OtherWay, ...]) -> list[dict[str, Any]]:
    """Each other way to pay with its price a month."""
    return [dataclasses.asdict(way) for way in ways]
