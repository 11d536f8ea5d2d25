"""What no engine can beat: arithmetic at the peak, bytes at nominal bandwidth. For screening, and to refuse impossible wishes."""

from dataclasses import dataclass

from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import MemoryEstimate
from advisor.estimate.load_requests import request_stream
from advisor.estimate.replica_limits import replica_limits
from advisor.estimate.step_time_base import StepTimeModel


@dataclass(frozen=True, slots=True)
class LatencyFloor:
    """The least a p95 request can take, alone on a replica. `prompt_tokens` of it have to be computed, which is `prompt_flops` in all."""

    ttft_p95_s: float
    tpot_s: float
    e2e_p95_s: float
    prompt_tokens: int
    prompt_flops: float


def latency_floor(demand: Demand, steps: StepTimeModel) -> LatencyFloor:
    """Prompt at p95 without its shared prefix, output at p95; the median context is read at each step."""
    prompt_tokens = max(demand.input_tokens.p95 - demand.shared_prefix_tokens, 1)
    ttft_s = steps.floor_prefill_s(prompt_tokens)
    tpot_s = steps.floor_decode_s(1, demand.input_tokens.p50)
    output = demand.output_tokens.p95
    return LatencyFloor(ttft_s, tpot_s, ttft_s + (output - 1) * tpot_s, prompt_tokens, prompt_tokens * steps.prompt_token_flops)


def capacity_bound(deployment: Deployment, demand: Demand, *, memory: MemoryEstimate, steps: StepTimeModel) -> float:
    """Requests per second that one replica cannot exceed: all slots full, at the floors."""
    candidate = deployment.candidate
    stream = request_stream(demand, 0)
    limits = replica_limits(candidate, memory, demand)
    prompt_tokens = max(stream.mean_input_tokens - demand.shared_prefix_tokens, 1.0)
    at_most = limits.slots
    if not set(candidate.model.architecture.kinds) & {"sliding", "hybrid"}:  # theirs holds more than its tokens
        at_most = max(1, min(at_most, int(memory.kv_cache_capacity_tokens.high / prompt_tokens)))
    step_s = steps.floor_decode_s(at_most, prompt_tokens)
    decoding = at_most / (stream.mean_output_tokens * step_s)
    prompts = 1.0 / steps.floor_prefill_s(prompt_tokens)
    return candidate.parallelism.data * deployment.device_share * min(decoding, prompts)
