"""Latency and throughput of a deployment under a load: one replica simulated with its share, at the expected speed and at both ends."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import MemoryEstimate, Percentiles, PerformanceEstimate
from advisor.domain.quantity import Basis, Quantity, weakest
from advisor.domain.workload import Load, ServiceLevel
from advisor.errors import UserInputError
from advisor.estimate.load_equilibrium import ReplicaCurve
from advisor.estimate.load_observed import Observed, Three
from advisor.estimate.load_requests import RequestStream, request_stream
from advisor.estimate.load_run import NO_LIMITS, ROUNDS, observe
from advisor.estimate.replica_limits import replica_limits
from advisor.estimate.scaling import METRICS, in_words, worked_out
from advisor.estimate.step_time_base import StepTimeModel


def estimate_performance(
    deployment: Deployment,
    demand: Demand,
    *,
    memory: MemoryEstimate,
    steps: StepTimeModel,
    replicas_up: int,
    seed: int = 0,
    ranges: bool = True,
    level: ServiceLevel = NO_LIMITS,
    rounds: int = ROUNDS,
) -> PerformanceEstimate:
    """Percentiles over requests with `replicas_up` replicas sharing the load equally. Raises UserInputError when none is up.

    Without `ranges` only the expected speed is simulated: a third of the time, for searching. `level` is what goodput is counted by.
    `rounds`: how often requests that begin together do so.
    """
    ranks = replicas_up * deployment.candidate.parallelism.data
    if ranks < 1:
        raise UserInputError(f"{deployment.name}: no replica is up")
    stream = request_stream(demand, seed)
    load = share_of_load(demand.load, ranks)
    curves = speed_curves(deployment, demand, memory=memory, steps=steps, stream=stream)
    runs = tuple(observe(curve, stream, load, level, rounds=rounds) for curve in (curves if ranges else curves[:1]))
    return _estimate(runs, curves[0], demand, ranks=ranks, data=deployment.candidate.parallelism.data)


def speed_curves(
    deployment: Deployment, demand: Demand, *, memory: MemoryEstimate, steps: StepTimeModel, stream: RequestStream
) -> tuple[ReplicaCurve, ...]:
    """One replica at the expected speed, at the fast and at the slow end of its range."""
    limits = replica_limits(deployment.candidate, memory, demand)
    longest = limits.request_tokens
    slowdown = 1.0 / deployment.device_share
    return tuple(
        ReplicaCurve(
            steps.rescaled(slowdown * decode, slowdown * prefill),
            limits,
            min(stream.mean_input_tokens, longest - 1),
            min(stream.mean_output_tokens, longest),
        )
        for decode, prefill in (
            (1.0, 1.0),
            (steps.speed.decode.low, steps.speed.prefill.low),
            (steps.speed.decode.high, steps.speed.prefill.high),
        )
    )


def share_of_load(load: Load, ranks: int) -> Load:
    """What the busiest of equal replicas sees."""
    if load.users is not None:
        return replace(load, users=replace(load.users, active=math.ceil(load.users.active / ranks)))
    if load.in_flight is not None:
        return replace(load, in_flight=math.ceil(load.in_flight / ranks))
    if load.batch is not None:
        return replace(load, batch=replace(load.batch, requests=math.ceil(load.batch.requests / ranks)))
    return replace(load, requests_per_s=(load.requests_per_s or 0.0) / ranks)


def offered_per_s(load: Load, served_per_s: float) -> float:
    """Requests per second that the load asks for: closed loops ask for what they get."""
    if load.batch is not None:
        return load.batch.requests / (load.batch.finish_within_h * 3600)
    return load.requests_per_s or served_per_s


@dataclass(frozen=True, slots=True)
class _Figures:
    """Numbers of the runs at the expected speed, at its fast and at its slow end, as quantities."""

    runs: tuple[Observed, ...]
    source: str
    basis: Basis  # of what rests on both kinds of step

    def of(self, read: Callable[[Observed], float], factor: float = 1.0, basis: Basis | None = None) -> Quantity:
        values = [read(run) * factor for run in self.runs]
        return Quantity(values[0], min(values), max(values), basis or self.basis, self.source)

    def percentiles(self, read: Callable[[Observed], Three], median: Basis) -> Percentiles:
        """Only a median can have been measured; the others follow from it."""
        bases = (median, worked_out(median), worked_out(median))
        return Percentiles(*(self.of(lambda run, i=i: read(run)[i], basis=basis) for i, basis in enumerate(bases)))  # type: ignore[misc]


def _estimate(runs: tuple[Observed, ...], curve: ReplicaCurve, demand: Demand, *, ranks: int, data: int) -> PerformanceEstimate:
    steps, expected = curve.steps, runs[0]
    at = (expected.in_service, curve.input_tokens, curve.output_tokens)
    decode, prefill = (steps.basis(metric, *at) for metric in METRICS)
    both = worked_out(weakest((decode, prefill)))
    figures = _Figures(runs, f"simulated requests on step times: {steps.source}", both)
    of, percentiles = figures.of, figures.percentiles
    whole = _share_served(demand.load, ranks)
    offered = offered_per_s(share_of_load(demand.load, ranks), 0.0)
    batch = max(1, min(round(expected.in_service), curve.limits.slots))
    return PerformanceEstimate(
        ttft_s=percentiles(lambda run: run.ttft_s, prefill),
        ttft_mean_s=of(lambda run: run.ttft_mean_s, basis=prefill),
        tpot_s=percentiles(lambda run: run.tpot_s, decode),
        itl_s=percentiles(lambda run: run.itl_s, worked_out(decode)),
        e2e_s=percentiles(lambda run: run.e2e_s, both),
        output_tokens_per_s=of(lambda run: run.requests_per_s, whole * curve.output_tokens),
        requests_per_s=of(lambda run: run.requests_per_s, whole),
        goodput_share=of(lambda run: run.good_share),
        goodput_requests_per_s=of(lambda run: run.requests_per_s / max(1 - run.failed_share, 1e-9) * run.good_share, whole),
        failed_share=of(lambda run: run.failed_share),
        prefill_tokens_per_s=of(lambda run: run.requests_per_s, whole * max(curve.input_tokens - curve.limits.reused_tokens, 0)),
        utilization=of(lambda run: (offered or run.requests_per_s) / max(run.capacity_per_s, run.requests_per_s)),
        saturated=_saturated(demand.load, expected, whole),
        start_s=steps.start_s,
        capacity_requests_per_s=of(lambda run: max(run.capacity_per_s, run.requests_per_s), ranks),
        in_flight=of(lambda run: run.in_service, data),
        queued=of(lambda run: run.queued, data),
        kv_cache_used_share=of(lambda run: run.cache_share),
        preemptions_per_request=of(lambda run: run.preempted_share),
        decode_step=steps.decode(batch, demand.input_tokens.p50 + demand.output_tokens.p50 / 2),
        prefill_step=steps.prefill(demand.input_tokens.p50),
        scaled_by=in_words(steps.applied),
        nearest=steps.nearest,
    )


def _share_served(load: Load, ranks: int) -> float:
    """Replicas' worth of load: less than their number where it does not divide evenly."""
    if load.users is not None:
        return load.users.active / math.ceil(load.users.active / ranks)
    if load.in_flight is not None:
        return load.in_flight / math.ceil(load.in_flight / ranks)
    return float(ranks)


def _saturated(load: Load, expected: Observed, ranks: float) -> bool:
    """Offered above capacity, waiting at the cap, or late for the deadline."""
    if load.batch is not None:
        return expected.requests_per_s * ranks * load.batch.finish_within_h * 3600 < load.batch.requests
    return expected.saturated
