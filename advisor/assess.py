"""A deployment, estimated and judged: the one place where plan, check and validate learn what a deployment will do."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from advisor.catalog.catalog import Catalog
from advisor.domain.assessment import Assessment
from advisor.domain.demand import Demand
from advisor.domain.deployment import Candidate, Deployment
from advisor.domain.engine import Parallelism
from advisor.domain.estimate import Estimate, MemoryEstimate, PerformanceEstimate
from advisor.domain.hardware import Available
from advisor.domain.model import Checkpoint
from advisor.domain.quantity import Quantity, exact
from advisor.domain.verdict import Requirement
from advisor.domain.weights import WeightBytes
from advisor.domain.witness import Ask, Testimony
from advisor.domain.workload import Workload
from advisor.engines.support import processor_needs
from advisor.estimate.cost import estimate_cost
from advisor.estimate.load import estimate_performance
from advisor.estimate.load_observed import FAILED_AT_MOST
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import StepTimeModel, step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.estimate.witnessed import with_witness
from advisor.rules.build_facts import build_facts
from advisor.rules.facts import Facts, ManifestFacts
from advisor.rules.judge import assumed, configure, judge
from advisor.rules.price_facts import PriceFacts
from advisor.rules.rule import RuleSet
from advisor.units import GIB, SECONDS_PER_HOUR

SEED = 20_260
EXISTING = ("owned", "this_machine")
_P95_MISSES = 0.05
Look = Literal["quick", "ranges", "full"]
"""How closely to look: the expected speed with replicas down; the same with its range; both with all replicas up as well.

A deployment is recommended on its expected values, so a quick look ranks as a full one does."""


@dataclass(frozen=True, slots=True)
class Case:
    """What every deployment of one question shares: the workload, its filled-in demand, the catalog and the rules.

    Weights are worked out tensor by tensor, so those of a checkpoint are remembered while the question lasts.
    """

    workload: Workload
    demand: Demand
    catalog: Catalog
    rules: RuleSet
    weights: dict[tuple[str, Checkpoint, Parallelism], WeightBytes] = field(default_factory=dict, compare=False, repr=False)

    def weights_of(self, candidate: Candidate) -> WeightBytes:
        """What the candidate's weights take, by layer."""
        key = (candidate.model.id, candidate.checkpoint, candidate.parallelism)
        if key not in self.weights:
            quantization = self.catalog.quantization(candidate.checkpoint.quantization)
            architecture, checkpoint, spread = candidate.model.architecture, candidate.checkpoint, candidate.parallelism
            self.weights[key] = checkpoint_weights(architecture, checkpoint, quantization, parallelism=spread)
        return self.weights[key]


@dataclass(frozen=True, slots=True)
class Sized:
    """A candidate with its weights, memory and step times: all that does not depend on the load."""

    candidate: Candidate
    weights: WeightBytes
    memory: MemoryEstimate
    steps: StepTimeModel


def size(candidate: Candidate, case: Case) -> Sized:
    """Work out what a candidate weighs, holds, and how long its steps take."""
    demand, catalog = case.demand, case.catalog
    weights = case.weights_of(candidate)
    memory = estimate_memory(
        candidate,
        weights,
        constants=catalog.memory_constants,
        typical_tokens=demand.typical_tokens,
        longest_tokens=demand.longest_tokens,
    )
    return Sized(candidate, weights, memory, steps_of(candidate, case))


def steps_of(candidate: Candidate, case: Case) -> StepTimeModel:
    """How long its steps take, which no memory decides."""
    catalog = case.catalog
    quantization = catalog.quantization(candidate.checkpoint.quantization)
    calibration = catalog.calibrations[candidate.runtime.engine]
    return step_time_model(candidate, case.weights_of(candidate), calibration, quantization=quantization, near=catalog.near)


def assess(deployment: Deployment, available: Available, case: Case, sized: Sized | None = None, *, look: Look = "full") -> Assessment:
    """Estimate a deployment under the case's load, hold it against what is required, and let the rules judge."""
    sized = sized or size(deployment.candidate, case)
    down = min(case.demand.replicas_down, deployment.replicas - 1)
    worst = _performance(deployment, case, sized, down=down, ranges=look != "quick")
    performance = worst if look != "full" or not down else _performance(deployment, case, sized, down=0, ranges=True)
    degraded = worst if down else None
    cost = estimate_cost(deployment, available, demand=case.demand, terms=case.workload.cost, performance=performance)
    estimate = Estimate(sized.memory, performance, degraded, cost)
    return judged(deployment, available, estimate, case)


def assess_asked(deployment: Deployment, available: Available, case: Case, ask: Ask) -> tuple[Assessment, Testimony]:
    """As `assess`, with the memory that the engine itself tells, and what it told. Raises what `ask` raises."""
    candidate = deployment.candidate
    sized = size(candidate, case)
    quantization, record = case.catalog.quantization(candidate.checkpoint.quantization), case.catalog.engine(candidate.runtime.engine)
    witness = ask(candidate, quantization, record)
    memory, testimony = with_witness(sized.memory, witness, candidate=candidate, weights=sized.weights)
    return assess(deployment, available, case, replace(sized, memory=memory)), testimony


def judged(
    deployment: Deployment,
    available: Available,
    estimate: Estimate,
    case: Case,
    *,
    prices: PriceFacts | None = None,
    manifest: ManifestFacts | None = None,
) -> Assessment:
    """An estimate held against the workload and the rules.

    `prices` is how it stands against what else was looked at, `manifest` what a checked file says beside the engine's settings.
    """
    existing = available.acquisition in EXISTING
    needs = tuple(requirements(estimate, case.workload, case.demand, replicas=deployment.replicas, existing=existing))
    facts = facts_of(
        deployment.candidate,
        available,
        case,
        deployment=deployment,
        estimate=estimate,
        requirements=needs,
        prices=prices,
        manifest=manifest,
    )
    configuration = configure(case.rules, facts)
    facts = assumed(facts, configuration)
    verdicts = (*judge(case.rules, facts, "screen"), *configuration.taken_for_granted, *judge(case.rules, facts, "judge"))
    return Assessment(deployment, available, estimate, verdicts, needs)


def judged_by_prices(assessment: Assessment, case: Case, prices: PriceFacts) -> Assessment:
    """The same deployment, judged knowing how it stands against what else was looked at."""
    return judged(assessment.deployment, assessment.available, assessment.estimate, case, prices=prices)


def facts_of(
    candidate: Candidate,
    available: Available,
    case: Case,
    *,
    deployment: Deployment | None = None,
    estimate: Estimate | None = None,
    requirements: Iterable[Requirement] = (),
    prices: PriceFacts | None = None,
    manifest: ManifestFacts | None = None,
    graph: bool = True,
) -> Facts:
    """What the rules may read of a candidate, with the catalog's records of its parts; of llama.cpp's graph if `graph`."""
    record = case.catalog.engine(candidate.runtime.engine)
    quantization = case.catalog.quantization(candidate.checkpoint.quantization)
    architecture, backend = candidate.model.architecture, candidate.runtime.backend
    return build_facts(
        case.workload,
        case.demand,
        available=available,
        candidate=candidate,
        quantization=quantization,
        licence=case.catalog.licences.get(candidate.model.licence),
        concurrency=record.runtimes[candidate.runtime.runtime].concurrency,
        needs_processor=processor_needs(record, quantization, architecture=architecture, backend=backend),
        deployment=deployment,
        estimate=estimate,
        requirements=requirements,
        prices=prices,
        manifest=manifest,
        graph=graph,
    )


def _performance(deployment: Deployment, case: Case, sized: Sized, *, down: int, ranges: bool) -> PerformanceEstimate:
    return estimate_performance(
        deployment,
        case.demand,
        memory=sized.memory,
        steps=sized.steps,
        replicas_up=deployment.replicas - down,
        seed=SEED,
        ranges=ranges,
        level=case.workload.service_level,
    )


# ---- requirements


def requirements(estimate: Estimate, workload: Workload, demand: Demand, *, replicas: int, existing: bool) -> Iterable[Requirement]:
    """Everything the workload asks for as a number, with what this estimate gives. `existing` hardware without a price breaks no budget."""
    memory = estimate.memory
    fullest = max(memory.devices, key=lambda device: device.required_bytes.value - device.usable_bytes.value)
    yield Requirement("required_gib", fullest.required_bytes.times(1 / GIB), at_most=fullest.usable_bytes.value / GIB)
    if memory.host.usable_bytes.value > 0:
        host_limit = memory.host.usable_bytes.value / GIB
        yield Requirement("host_required_gib", memory.host.required_bytes.times(1 / GIB), at_most=host_limit)
    yield Requirement("context_per_request_tokens", _context(memory), at_least=demand.longest_tokens)
    yield from _latency(estimate.performance, workload, suffix="")
    if demand.replicas_down:
        yield from _degraded(estimate, workload, demand, replicas=replicas)
    if estimate.performance is not None and demand.load.batch is not None:
        rate = estimate.performance.requests_per_s
        hours = demand.load.batch.requests / SECONDS_PER_HOUR
        yield Requirement("finish_h", _inverse(rate, hours), at_most=demand.load.batch.finish_within_h)
    yield from _cold_start(estimate, workload)
    priced = estimate.cost is not None and (estimate.cost.usd_per_month is not None or not existing)
    if estimate.cost is not None and priced and workload.cost.budget_usd_per_month is not None:
        yield Requirement("usd_per_month", estimate.cost.usd_per_month, at_most=workload.cost.budget_usd_per_month)


def _context(memory: MemoryEstimate) -> Quantity:
    tokens = memory.context_per_request_tokens
    return exact(tokens, "the settings")


def _latency(performance: PerformanceEstimate | None, workload: Workload, *, suffix: str) -> Iterable[Requirement]:
    level = workload.service_level
    for name, limit in (("ttft_p95_s", level.ttft_p95_s), ("tpot_p95_s", level.tpot_p95_s), ("e2e_p95_s", level.e2e_p95_s)):
        if limit is not None:
            given = getattr(performance, name.replace("_p95_s", "_s")).p95 if performance else None
            yield Requirement(name + suffix, given, at_most=limit)
    if performance is not None and performance.failed_share.value > FAILED_AT_MOST:
        yield Requirement("failed_pct" + suffix, performance.failed_share.times(100), at_most=100 * FAILED_AT_MOST)
    if performance is not None and not any((level.ttft_p95_s, level.tpot_p95_s, level.e2e_p95_s)):
        yield Requirement("utilization" + suffix, performance.utilization, at_most=1.0)


def _cold_start(estimate: Estimate, workload: Workload) -> Iterable[Requirement]:
    """Where more than one request in twenty finds the deployment off, the 95th percentile of first tokens waits for a start."""
    limit, cost = workload.service_level.ttft_p95_s, estimate.cost
    if limit is not None and cost is not None and cost.cold_share > _P95_MISSES and estimate.performance is not None:
        yield Requirement("cold_start_s", estimate.performance.start_s, at_most=limit)


def _degraded(estimate: Estimate, workload: Workload, demand: Demand, *, replicas: int) -> Iterable[Requirement]:
    suffix = "_one_down" if demand.replicas_down == 1 else f"_{demand.replicas_down}_down"
    spare = replicas - demand.replicas_down
    yield Requirement("replicas_up" + suffix, exact(spare, "replicas less those that may be down"), at_least=1)
    if spare >= 1:
        yield from _latency(estimate.performance_degraded, workload, suffix=suffix)


def _inverse(rate: Quantity, amount: float) -> Quantity:
    if rate.low <= 0:
        return Quantity(amount / max(rate.value, 1e-9), 0.0, float("inf"), rate.basis, rate.source)
    return Quantity(amount / rate.value, amount / rate.high, amount / rate.low, rate.basis, rate.source)


def monthly_usd(assessment: Assessment) -> float:
    """The month's price for ranking. Without a price, what exists already adds nothing that anybody stated; the rest is infinitely dear."""
    cost = assessment.estimate.cost
    if cost is not None and cost.usd_per_month is not None:
        return cost.usd_per_month.value
    return 0.0 if assessment.available.acquisition in EXISTING else float("inf")
