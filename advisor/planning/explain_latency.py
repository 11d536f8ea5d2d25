"""Where the seconds go: the parts of one engine step with this model's figures, and what queueing and sharing add."""

from collections.abc import Callable, Iterator

from advisor.assess import Case, Sized
from advisor.domain.assessment import Assessment
from advisor.domain.calibration import Metric
from advisor.domain.estimate import PerformanceEstimate, StepTime
from advisor.domain.quantity import Basis
from advisor.estimate.replica_limits import replica_limits
from advisor.estimate.token_work import token_work
from advisor.planning.term import Term
from advisor.units import GIB, significant

Terms = Callable[[Case, Assessment, Sized], Iterator[Term]]


def first_token_terms(claim: str) -> Terms:
    """A prompt of the 95th percentile computed alone, then what waiting and sharing steps with others adds."""

    def terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
        performance = _performance(assessment, claim)
        limits = replica_limits(sized.candidate, sized.memory, case.demand)
        tokens = max(1, case.demand.input_tokens.p95 - limits.reused_tokens)
        step = sized.steps.prefill(tokens, limits.reused_tokens)
        yield from _parts(step, sized, prompt_tokens=tokens, batch=1)
        yield from _nearest(step, sized, "prefill")
        yield Term(sized.steps.request_floor_s, " s", "per request outside the engine's steps", sized.steps.source)
        alone_s = step.value_s.value + sized.steps.request_floor_s
        yield _rest(performance.ttft_s.p95.value - alone_s, performance, "waiting for a place and sharing steps")

    return terms


def per_token_terms(claim: str) -> Terms:
    """A decode step with the mean number of requests in service, then what prompts of others add in between."""

    def terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
        performance = _performance(assessment, claim)
        step = performance.decode_step
        yield from _parts(step, sized, prompt_tokens=0, batch=_batch(performance))
        yield from _nearest(step, sized, "decode")
        yield _rest(performance.tpot_s.p95.value - step.value_s.value, performance, "others' prompts computed in between, fuller steps")

    return terms


def whole_answer_terms(claim: str) -> Terms:
    """The median first token, a long answer at the median pace, and what the slowest requests lose beyond."""

    def terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
        performance = _performance(assessment, claim)
        output, first, pace = case.demand.output_tokens.p95, performance.ttft_s.p50, performance.tpot_s.p50
        yield Term(first.value, " s", "first token of the median request", first.source)
        tokens_s, each = (output - 1) * pace.value, significant(pace.value * 1e3)
        yield Term(tokens_s, " s", f"{output - 1:,} more tokens (p95 answer) at {each} ms each (median)", pace.source)
        yield _rest(performance.e2e_s.p95.value - first.value - tokens_s, performance, "longer waits and fuller steps than the median's")

    return terms


def _performance(assessment: Assessment, claim: str) -> PerformanceEstimate:
    estimate = assessment.estimate
    found = estimate.performance_degraded if claim.endswith("_down") else estimate.performance
    assert found is not None  # noqa: S101 - the claim exists only with it
    return found


def _batch(performance: PerformanceEstimate) -> int:
    return max(1, round(performance.in_flight.value))


def _rest(rest_s: float, performance: PerformanceEstimate, what: str) -> Term:
    """What the simulation of requests adds to one step; below zero where the request at the percentile is an easier one."""
    in_flight, busy = significant(performance.in_flight.value), performance.utilization.value * 100
    others = f"about {in_flight} requests in service a replica, {busy:.0f} % of capacity"
    text = f"{what}: {others}" if rest_s >= 0 else f"the request at this percentile has less to do than that: {others}"
    return Term(rest_s, " s", text, performance.ttft_s.p95.source)


def _parts(step: StepTime, sized: Sized, *, prompt_tokens: int, batch: int) -> Iterator[Term]:
    for name, part_s in step.parts_s.items():
        yield Term(part_s, " s", _part_text(name, sized, prompt_tokens=prompt_tokens, batch=batch), step.value_s.source)


def _nearest(step: StepTime, sized: Sized, metric: Metric) -> Iterator[Term]:
    """Beside the sum: what was measured near, and what the step would be without it."""
    one, near = sized.steps.applied.get(metric), sized.steps.nearest
    if one is not None:
        text = f"the same step by the fit alone; its parts are x {one.factor:.3g} because of {one.by}"
        yield Term(step.value_s.value / one.factor, " s", text, one.scales[0].source, adds=False, basis=Basis.MODELLED)
    elif near is not None and not near.applied and (scale := near.scale.of(metric)) is not None:
        what = "this setup" if near.grade == "same" else "this model in another format or layout"
        text = f"times the fit was measured of {what} on another host; it scales nothing: held out, such a ratio did not carry over"
        yield Term(scale, " x", text, near.scale.source, adds=False, basis=Basis.MEASURED)


def _part_text(name: str, sized: Sized, *, prompt_tokens: int, batch: int) -> str:
    """One part of a step in words, with the figures of this model on this hardware."""
    architecture, device, spread = sized.candidate.model.architecture, sized.candidate.node.device, sized.candidate.parallelism
    weights_gib = max(d.weights_bytes.value for d in sized.memory.devices) / GIB
    gflop = token_work(architecture, key_bytes=2, value_bytes=2).prefill_flops / 1e9
    bandwidth = device.memory_bandwidth_bytes_per_s / 1e9
    requests = f"{batch} request{'s' if batch > 1 else ''}"
    tokens = f"{prompt_tokens:,} prompt tokens (p95, less what is cached)" if prompt_tokens else f"the next token of {requests}"
    beyond = ", beyond the arithmetic that it overlaps" if prompt_tokens else ""
    texts = {
        "weights": f"reading {weights_gib:.2f} GiB of weights a device at a share of {bandwidth:,.0f} GB/s{beyond}",
        "experts": f"reading the experts that the tokens reach, {architecture.experts} a layer",
        "compute": f"arithmetic of {tokens} at {gflop:,.1f} GFLOP each",
        "attention": f"attention of {tokens} to those before them, {architecture.layers} layers",
        "layers": f"launching {architecture.layers} layers",
        "sequences": f"scheduling and sampling for {requests}",
        "kv": f"reading the cache of {requests}, {sized.memory.kv_cache_bytes_per_token.value / 1024:,.0f} KiB a token a device",
        "all_reduce": f"exchanges between {spread.tensor} devices after each layer",
        "host_offload": "reading the weights that stay in host memory",
    }
    return texts.get(name, name.replace("_", " "))
