"""What `advisor estimate` would have answered about a published run: the same memory, step times and load simulation."""

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.accuracy.case import Case, CaseMetric
from advisor.accuracy.llama_cpp_cases import decode_context_tokens, is_bench
from advisor.catalog import Catalog
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import MemoryEstimate, PerformanceEstimate
from advisor.domain.published import LlamaCppRun, VllmRun
from advisor.domain.quantity import Quantity
from advisor.domain.workload import Batch, Load
from advisor.errors import UserInputError
from advisor.estimate.load import estimate_performance
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import StepTimeModel, step_time_model

_BATCH_AFTER_BATCH = "offline_static_batches"  # the next is sent when the last one is done: `max_concurrency` at once
_ANY_DEADLINE_H = 24.0  # of a batch: how long it takes does not hang on it


@dataclass(frozen=True, slots=True)
class Prediction:
    """Each metric that the advisor predicts of a run, and the time that the device's data sheet alone would give.

    `familiar`: the ranges are those of a measured class of device; `saturated`: more is offered than the advisor says can be served.
    """

    metrics: Mapping[CaseMetric, Quantity]
    floors_s: Mapping[CaseMetric, float]
    familiar: bool
    saturated: bool = False


def predict(case: Case, catalog: Catalog, *, near: bool = True, ranges: bool = True) -> Prediction:
    """The prediction, with or without measurements near it, and with or without its range.

    Raises UserInputError for what the advisor says would not start.
    """
    steps = steps_of(case, catalog, near=near)
    familiar = steps.speed.decode.level not in ("device", "source")
    if is_bench(case):
        return Prediction(_bench(case, steps), _bench_floors(case, steps), familiar)
    demand, memory = case_demand(case), case_memory(case, catalog)
    rounds = case.harness.rounds
    performance = estimate_performance(
        case_deployment(case), demand, memory=memory, steps=steps, replicas_up=1, rounds=rounds, ranges=ranges
    )
    return Prediction(_metrics(performance, case), _served_floors(case, steps), familiar, performance.saturated)


def steps_of(case: Case, catalog: Catalog, *, near: bool) -> StepTimeModel:
    """The step-time model of the case's candidate."""
    calibration = catalog.calibrations[case.candidate.runtime.engine]
    told = catalog.near if near else None
    return step_time_model(case.candidate, case.weights, calibration, quantization=case.quantization, near=told)


def case_deployment(case: Case) -> Deployment:
    """The run's own replica."""
    return Deployment("accuracy", case.candidate, replicas=1)


def case_memory(case: Case, catalog: Catalog) -> MemoryEstimate:
    """The memory of the run's replica. Raises UserInputError where it would not start, or not take a request of this length."""
    demand = case_demand(case)
    tokens, longest = demand.typical_tokens, demand.input_tokens.max + demand.output_tokens.max
    constants = catalog.memory_constants
    memory = estimate_memory(case.candidate, case.weights, constants=constants, typical_tokens=tokens, longest_tokens=longest)
    if memory.fits is False:
        raise UserInputError("it would not start by the advisor's estimate of memory")
    if longest > memory.context_per_request_tokens:
        raise UserInputError("a request is longer than the context that the settings allow")
    return memory


# ---- a benchmark without a server: the steps themselves


def bench_prompts(case: Case) -> int:
    """Prompts that are computed at once."""
    return (case.in_flight or 1) if isinstance(case.row, LlamaCppRun) and case.row.tool == "llama-batched-bench" else 1


def _bench(case: Case, steps: StepTimeModel) -> Mapping[CaseMetric, Quantity]:
    found: dict[CaseMetric, Quantity] = {}
    if "tpot_s" in case.measured:
        found["tpot_s"] = steps.decode(case.in_flight or 1, decode_context_tokens(case)).value_s
    if "prefill_s" in case.measured:
        prompts = bench_prompts(case)
        found["prefill_s"] = steps.prefill(case.input_tokens * prompts, case.depth_tokens, prompts).value_s
    return found


def _bench_floors(case: Case, steps: StepTimeModel) -> Mapping[CaseMetric, float]:
    return {
        "tpot_s": steps.floor_decode_s(case.in_flight or 1, decode_context_tokens(case)),
        "prefill_s": steps.floor_prefill_s(case.input_tokens * bench_prompts(case)),
    }


# ---- a server under load


def _metrics(performance: PerformanceEstimate, case: Case) -> Mapping[CaseMetric, Quantity]:
    """Medians: published rows give them, or means of nearly equal requests, of which only a first token tells the first round."""
    return {
        "ttft_s": performance.ttft_mean_s if case.harness.states_mean else performance.ttft_s.p50,
        "tpot_s": performance.tpot_s.p50,
        "e2e_s": performance.e2e_s.p50,
        "output_tokens_per_s": performance.output_tokens_per_s,
        "requests_per_s": performance.requests_per_s,
    }


def _served_floors(case: Case, steps: StepTimeModel) -> Mapping[CaseMetric, float]:
    """Of a fixed number in flight, each rank with its share."""
    if case.in_flight is None:
        return {}
    batch = -(-case.in_flight // case.candidate.parallelism.data)
    context = case.depth_tokens + case.input_tokens + case.output_tokens / 2
    return {"tpot_s": steps.floor_decode_s(batch, context), "ttft_s": steps.floor_prefill_s(case.input_tokens)}


def case_demand(case: Case) -> Demand:
    """The run's load with requests of its mean lengths, or around them; what was cached before is a prefix that all share."""
    cached, longest = round(case.depth_tokens), case.harness.longest
    return Demand(
        case_load(case), _lengths(case.input_tokens, longest, cached), _lengths(case.output_tokens, longest), shared_prefix_tokens=cached
    )


def _lengths(mean_tokens: float, longest: float, cached_tokens: int = 0) -> Lengths:
    """Evenly spread up to `longest` times the mean: of what is above the mean, nine tenths lie below the 95th percentile."""
    p50, p95, most = (max(1, round(mean_tokens * factor)) + cached_tokens for factor in (1.0, 1 + 0.9 * (longest - 1), longest))
    return Lengths(p50, p95, most)


def case_load(case: Case) -> Load:
    """Always so many in flight, so many arriving a second, or all at once. Raises UserInputError where the row says none of them."""
    if case.in_flight is not None:
        together = case.harness.together and case.in_flight > 1
        return Load(in_flight=case.in_flight, start="together" if together else "spread")
    row = case.row
    if isinstance(row, VllmRun):
        if row.load_class == "open_loop" and row.request_rate_rps:
            return Load(requests_per_s=row.request_rate_rps)
        at_once = row.max_concurrency if row.concurrency_kind == _BATCH_AFTER_BATCH else None
        requests = at_once or row.num_prompts or row.completed_requests
        if row.load_class != "open_loop" and requests:
            return Load(batch=Batch(requests, _ANY_DEADLINE_H))
    raise UserInputError("how many requests, or how fast they arrive, is not stated")
