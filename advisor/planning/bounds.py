"""Bounds for screening: capacity from above, cost from below. They may only discard what a simulated finalist beats."""

import math

from advisor.assess import Case, Sized
from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.hardware import Available
from advisor.domain.workload import ServiceLevel
from advisor.estimate.charges import hourly_charge
from advisor.estimate.duty import duty_of
from advisor.estimate.load_bounds import capacity_bound
from advisor.estimate.packing import Packing
from advisor.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

_USUAL_TTFT_S = 1.0
_USUAL_TPOT_S = 0.05
_BATCH_IN_FLIGHT = 32


def in_flight_wanted(demand: Demand, level: ServiceLevel) -> float:
    """How many requests are in service at the same time in all but the busiest moments: sizes slots, decides nothing.

    The mean follows from answers as quick as they have to be; arrivals scatter around it like a Poisson stream, whose 97th percentile is
    about two standard deviations above: mean + 2 sqrt(mean). Never more than there are users.
    """
    answer_s = (level.ttft_p95_s or _USUAL_TTFT_S) + demand.output_tokens.p50 * (level.tpot_p95_s or _USUAL_TPOT_S)
    load = demand.load
    if load.users is not None:
        mean = load.users.active * answer_s / ((load.users.pause_s or 0.0) + answer_s)
        return max(1.0, min(load.users.active, mean + 2 * math.sqrt(mean)))
    if load.requests_per_s is not None:
        mean = load.requests_per_s * answer_s
        return max(1.0, mean + 2 * math.sqrt(mean))
    return float(load.in_flight or _BATCH_IN_FLIGHT)


def requests_per_s_at_least(demand: Demand, level: ServiceLevel) -> float:
    """The rate that the deployment must serve even when every answer takes as long as it may; 0 when nothing bounds an answer."""
    load = demand.load
    if load.requests_per_s is not None:
        return load.requests_per_s
    if load.batch is not None:
        return load.batch.requests / (load.batch.finish_within_h * SECONDS_PER_HOUR)
    answer_s = _longest_answer_s(demand, level)
    people = load.users.active if load.users else load.in_flight or 0
    pause_s = (load.users.pause_s or 0.0) if load.users else 0.0
    return 0.0 if answer_s is None else people / (pause_s + answer_s)


def _longest_answer_s(demand: Demand, level: ServiceLevel) -> float | None:
    """How long the 95th percentile request may take; None when no limit bounds it."""
    if level.e2e_p95_s is not None:
        return level.e2e_p95_s
    if level.ttft_p95_s is None or level.tpot_p95_s is None:
        return None
    return level.ttft_p95_s + demand.output_tokens.max * level.tpot_p95_s


def replicas_needed(case: Case, sized: Sized) -> float:
    """So many replicas' worth of work does the load ask for at least, whatever the scheduler does."""
    needed = requests_per_s_at_least(case.demand, case.workload.service_level)
    replica = Deployment(case.workload.name, sized.candidate, 1)
    capacity = capacity_bound(replica, case.demand, memory=sized.memory, steps=sized.steps)
    return needed / capacity


def monthly_usd_at_least(case: Case, available: Available, *, nodes: float) -> float:
    """What the instances alone cost while they are on, or the purchase where it is written off; electricity comes on top.

    `nodes` are those that the load keeps busy: whole ones are paid for, but of a pile, after which they are switched off, only the hours.
    """
    rate, demand, whole = case.workload.cost.price_usd_per_hour, case.demand, max(1, math.ceil(nodes - 1e-9))
    hours = duty_of(demand.running, demand.requests_per_month).hours
    if rate is not None:
        return rate * hours if demand.piles_per_month is None else 0.0  # the more nodes that takes, the sooner they are off
    if available.offer is None:
        charge = hourly_charge(available, Packing(whole, whole * available.node.devices, 0), case.workload.cost)
        return (charge.always_usd_per_hour or 0.0) * HOURS_PER_MONTH
    spot_usd_per_hour = available.offer.spot_usd_per_hour if available.spot else None
    return (spot_usd_per_hour or available.offer.usd_per_hour) * _node_hours_at_least(demand, nodes, whole, hours)


def _node_hours_at_least(demand: Demand, nodes: float, whole: int, hours: float) -> float:
    """Half a node for all the hours of a pile is a whole one for half of them."""
    piles, batch = demand.piles_per_month, demand.load.batch
    if piles is None or batch is None:
        return whole * hours
    return min(nodes * piles * batch.finish_within_h, whole * hours)
