"""The constraints of a workload that its owner could give up, each alone: what it says now and what it would say."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from advisor.domain.workload import HardwareChoice, Quality, RentedHardware, ServiceLevel, Workload


@dataclass(frozen=True, slots=True)
class Constraint:
    """`relaxed` is the workload without it; `given_up` what it says then."""

    name: str
    given_up: str
    relaxed: Callable[[Workload], Workload]


def constraints_of(workload: Workload) -> Iterator[Constraint]:
    """Those whose loss helps most often first: hardware, latency, budget, replicas that may be down, quality."""
    level = workload.service_level
    if workload.hardware is not None and workload.hardware.rent is None:
        yield _hardware(workload)
    limits = [name for name in ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s") if getattr(level, name) is not None]
    if limits:
        yield Constraint(
            "service_level: " + ", ".join(f"{name} {getattr(level, name):g}" for name in limits),
            "no latency limits",
            lambda w: replace(w, service_level=ServiceLevel(with_replicas_down=w.service_level.with_replicas_down)),
        )
    if workload.cost.budget_usd_per_month is not None:
        budget = f"cost.budget_usd_per_month: {workload.cost.budget_usd_per_month:g}"
        yield Constraint(budget, "no budget", lambda w: replace(w, cost=replace(w.cost, budget_usd_per_month=None)))
    if level.with_replicas_down:
        yield Constraint(
            f"service_level.with_replicas_down: {level.with_replicas_down}",
            "with_replicas_down: 0",
            lambda w: replace(w, service_level=replace(w.service_level, with_replicas_down=0)),
        )
    if workload.quality.quantization_loss != "any":
        loss = f"quality.quantization_loss: {workload.quality.quantization_loss}"
        yield Constraint(loss, "quality.quantization_loss: any", lambda w: replace(w, quality=Quality("any")))


def first_choice(workload: Workload) -> Constraint | None:
    """That the model named first is wanted before the others; None where there is no other."""
    if not isinstance(workload.models, tuple) or len(workload.models) < 2:
        return None
    rest = workload.models[1:]
    return Constraint(f"models: {workload.models[0]} first", f"models: {', '.join(rest)}", lambda w: replace(w, models=rest))


def _hardware(workload: Workload) -> Constraint:
    rent = HardwareChoice(rent=RentedHardware())
    if workload.privacy.stays_on in ("anywhere", "own_cloud_account", "region"):
        return Constraint("hardware", "hardware: rented machines", lambda w: replace(w, hardware=rent))
    return Constraint(
        f"privacy.stays_on: {workload.privacy.stays_on}, hardware",
        "privacy.stays_on: own_cloud_account, hardware: rented machines",
        lambda w: replace(w, hardware=rent, privacy=replace(w.privacy, stays_on="own_cloud_account")),
    )
