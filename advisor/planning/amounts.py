"""A load as one number with its unit: to scale it, to look for its limit, to print it."""

import math
from dataclasses import replace

from advisor.domain.quantity import Quantity
from advisor.domain.workload import Load
from advisor.units import significant


def load_size(load: Load) -> float:
    """The number that the load is given in: users, requests per second, requests in flight, or requests of the pile."""
    if load.users is not None:
        return load.users.active
    if load.batch is not None:
        return load.batch.requests
    return load.in_flight or load.requests_per_s or 0.0


def sized_load(load: Load, amount: float) -> Load:
    """The same kind of load with another number, whole where it counts things."""
    whole = max(1, math.ceil(amount - 1e-9))
    if load.users is not None:
        return replace(load, users=replace(load.users, active=whole))
    if load.batch is not None:
        return replace(load, batch=replace(load.batch, requests=whole))
    return replace(load, in_flight=whole) if load.in_flight is not None else replace(load, requests_per_s=amount)


def unit_of(load: Load) -> str:
    """What a number of this load counts: ` users`, ` requests/s` …"""
    if load.users is not None:
        return " users"
    if load.batch is not None:
        return f" requests in {load.batch.finish_within_h:g} h"
    return " in flight" if load.in_flight is not None else " requests/s"


def load_text(amount: Quantity, load: Load) -> str:
    """`290 users (140-530, modelled)`; counts below 100 as they are."""
    value, low, high = (_text(number, load) for number in (amount.value, amount.low, amount.high))
    return f"{value}{unit_of(load)} ({low}-{high}, {amount.basis})"


def _text(number: float, load: Load) -> str:
    """Two significant digits; a count below 100 as it is."""
    return f"{number:.0f}" if load.requests_per_s is None and number < 100 else significant(number)
