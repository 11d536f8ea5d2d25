"""How much one replica is planned to do at once, and what of a running server's KV pool that takes."""

import math
from collections.abc import Iterator

from advisor.engines.metrics import CacheConfig
from advisor.estimate.load import share_of_load
from advisor.validation.subject import Subject


def planned_in_flight(subject: Subject) -> int | None:
    """The most requests that the plan reckons with at once on one replica: users and loops have a most, arrivals an expected number."""
    load = share_of_load(subject.demand.load, subject.planned.replicas)
    if load.users is not None:
        return load.users.active
    return load.in_flight or (math.ceil(subject.in_flight) if subject.in_flight else None)


def planned_at_once(subject: Subject) -> int:
    """How many requests at once are the planned load of one replica: as many as a loop keeps, else the expected number."""
    return share_of_load(subject.demand.load, subject.planned.replicas).in_flight or math.ceil(subject.in_flight or 1)


def tokens_held(subject: Subject, cache: CacheConfig) -> float | None:
    """Tokens in a running pool: as told, else by the plan's own layout of a block; None where neither says."""
    if cache.capacity_tokens is not None:
        return cache.capacity_tokens
    blocks, tokens = subject.memory.num_blocks, subject.memory.kv_cache_capacity_tokens
    size = cache.settings.get("block_size")
    same_size = size is None or size == str(getattr(subject.candidate.settings, "block_size", size))
    if cache.num_blocks is None or blocks is None or not blocks.value or not same_size:
        return None
    return cache.num_blocks * tokens.value / blocks.value


def settings_apart(subject: Subject, cache: CacheConfig) -> Iterator[tuple[str, str, str]]:
    """Each setting that a running server tells and that is not as planned: its flag, the planned value, the server's."""
    for name, told in cache.settings.items():
        planned = getattr(subject.candidate.settings, name, None)
        if planned is not None and str(planned).lower() != told.lower():
            yield name.replace("_", "-"), str(planned), told
