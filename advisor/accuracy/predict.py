"""What `advisor estimate` would have answered about a published run: the same memory, step times and load simulation, nothing of its own."""

from collections.abc import Mapping

from advisor.accuracy.case import Case, CaseMetric
from advisor.accuracy.llama_cpp_cases import decode_context_tokens, is_bench
from advisor.catalog import Catalog
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import PerformanceEstimate
from advisor.domain.published import VllmRun
from advisor.domain.quantity import Quantity
from advisor.domain.workload import Batch, Load
from advisor.errors import UserInputError
from advisor.estimate.load import estimate_performance
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import StepTimeModel, step_time_model

_ANY_DEADLINE_H = 24.0  # of a batch: how long it takes does not hang on it


def predict(case: Case, catalog: Catalog) -> Mapping[CaseMetric, Quantity]:
    """Each metric of the run that the advisor predicts. Raises UserInputError for what it says would not start."""
    calibration = catalog.calibrations[case.candidate.runtime.engine]
    steps = step_time_model(case.candidate, case.weights, calibration, quantization=case.quantization)
    return predicted_steps(case, steps) if is_bench(case) else _served(case, catalog, steps)


def predicted_steps(case: Case, steps: StepTimeModel) -> Mapping[CaseMetric, Quantity]:
    """A benchmark without a server: the steps themselves."""
    batch = case.in_flight or 1
    together = batch if getattr(case.row, "tool", "") == "llama-batched-bench" else 1  # its prompts are computed at once
    found: dict[CaseMetric, Quantity] = {}
    if "tpot_s" in case.measured:
        found["tpot_s"] = steps.decode(batch, decode_context_tokens(case)).value_s
    if "prefill_s" in case.measured:
        found["prefill_s"] = steps.prefill(case.input_tokens * together, case.depth_tokens).value_s
    return found


def _served(case: Case, catalog: Catalog, steps: StepTimeModel) -> Mapping[CaseMetric, Quantity]:
    demand = case_demand(case)
    tokens = demand.typical_tokens
    memory = estimate_memory(
        case.candidate, case.weights, constants=catalog.memory_constants, typical_tokens=tokens, longest_tokens=tokens
    )
    if memory.fits is False:
        raise UserInputError("does not fit its device by the advisor's estimate of memory")
    if tokens > memory.context_per_request_tokens:
        raise UserInputError("a request is longer than the context that the settings allow")
    deployment = Deployment("accuracy", case.candidate, replicas=1)
    return _metrics(estimate_performance(deployment, demand, memory=memory, steps=steps, replicas_up=1))


def _metrics(performance: PerformanceEstimate) -> Mapping[CaseMetric, Quantity]:
    """Medians: published rows give them, or means of nearly equal requests."""
    return {
        "ttft_s": performance.ttft_s.p50,
        "tpot_s": performance.tpot_s.p50,
        "e2e_s": performance.e2e_s.p50,
        "output_tokens_per_s": performance.output_tokens_per_s,
        "requests_per_s": performance.requests_per_s,
    }


def case_demand(case: Case) -> Demand:
    """The run's load with requests of its mean lengths; what was cached before is a prefix that all share."""
    cached = round(case.depth_tokens)
    sent, generated = max(1, round(case.input_tokens)) + cached, max(1, round(case.output_tokens))
    return Demand(case_load(case), Lengths(sent, sent, sent), Lengths(generated, generated, generated), shared_prefix_tokens=cached)


def case_load(case: Case) -> Load:
    """Always so many in flight, so many arriving a second, or all at once. Raises UserInputError where the row says none of them."""
    if case.in_flight is not None:
        return Load(in_flight=case.in_flight)
    row = case.row
    if isinstance(row, VllmRun):
        if row.load_class == "open_loop" and row.request_rate_rps:
            return Load(requests_per_s=row.request_rate_rps)
        requests = row.num_prompts or row.completed_requests
        if row.load_class != "open_loop" and requests:
            return Load(batch=Batch(requests, _ANY_DEADLINE_H))
    raise UserInputError("how many requests, or how fast they arrive, is not stated")
