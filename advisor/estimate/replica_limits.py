"""How much one replica takes in at once: slots, tokens per step, cache, and what it reuses of a shared prefix."""

from dataclasses import dataclass

from advisor.domain.demand import Demand
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.estimate import MemoryEstimate


@dataclass(frozen=True, slots=True)
class ReplicaLimits:
    """Limits of one replica (of one data-parallel rank, where there are several).

    `preempts`: the engine admits by the prompt and takes a request's cache away when the pool runs out (vLLM); otherwise a full pool
    fails every request in service (llama.cpp with a shared context; slots with contexts of their own never fill more than theirs).
    `reused_tokens` of each prompt are cached already, with `shares_prefix` once for all requests. `keeps_blocks`: a preempted request
    finds again what nobody has overwritten.
    """

    slots: int
    step_tokens: int
    cache_tokens: float
    request_tokens: int
    preempts: bool
    reused_tokens: int
    shares_prefix: bool
    block_tokens: int = 1
    keeps_blocks: bool = False

    def held_tokens(self, input_tokens: float, output_tokens: float) -> float:
        """Mean cache tokens of a request in service."""
        own = input_tokens - (self.reused_tokens if self.shares_prefix else 0)
        return max(1.0, own + output_tokens / 2 + (self.block_tokens - 1) / 2)


def replica_limits(candidate: Candidate, memory: MemoryEstimate, demand: Demand) -> ReplicaLimits:
    """The limits that the settings and the memory leave."""
    settings = candidate.settings
    if isinstance(settings, LlamaCppSettings):
        return ReplicaLimits(
            slots=max(memory.parallel_requests, 1),
            step_tokens=settings.batch_size,
            cache_tokens=memory.context_total_tokens,
            request_tokens=memory.context_per_request_tokens,
            preempts=False,
            reused_tokens=demand.shared_prefix_tokens if _reuses_prefix(candidate, settings) else 0,
            shares_prefix=False,
        )
    whole_blocks = demand.shared_prefix_tokens // settings.block_size * settings.block_size
    return ReplicaLimits(
        slots=settings.max_num_seqs,
        step_tokens=settings.max_num_batched_tokens,
        cache_tokens=_cache_tokens(candidate, memory, demand),
        request_tokens=memory.context_per_request_tokens,
        preempts=True,
        reused_tokens=whole_blocks if settings.enable_prefix_caching else 0,
        shares_prefix=True,
        block_tokens=settings.block_size,
        keeps_blocks=settings.enable_prefix_caching,
    )


def _cache_tokens(candidate: Candidate, memory: MemoryEstimate, demand: Demand) -> float:
    """Tokens of typical requests that fit: where layers keep a window or a state, that is not the logged capacity."""
    unusual = set(candidate.model.architecture.kinds) & {"sliding", "hybrid"}
    if unusual:
        return max(memory.requests_held_typical.value / candidate.parallelism.data * demand.typical_tokens, 1.0)
    return max(memory.kv_cache_capacity_tokens.value, 1.0)


def _reuses_prefix(candidate: Candidate, settings: LlamaCppSettings) -> bool:
    """A slot keeps its last prompt; a window or a recurrent state cannot be rolled back to the end of the prefix."""
    kinds = set(candidate.model.architecture.kinds)
    return "hybrid" not in kinds and ("sliding" not in kinds or settings.swa_full)
