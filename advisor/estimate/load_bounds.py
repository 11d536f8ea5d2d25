"""What no engine can beat: arithmetic at the peak, bytes at nominal bandwidth. For screening."""

from advisor.domain.demand import Demand
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import MemoryEstimate
from advisor.estimate.load_requests import request_stream
from advisor.estimate.replica_limits import replica_limits
from advisor.estimate.step_time_base import StepTimeModel


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
