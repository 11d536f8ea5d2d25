"""What is computed about a candidate: memory, performance, cost. Shapes of `advisor.estimate/1` (see docs/schemas)."""

from dataclasses import dataclass
from typing import Final

from advisor.domain.near import Nearest
from advisor.domain.quantity import Quantity, exact

NOTHING: Final = exact(0, "not used here")


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes on one device. `required` starts the engine and serves one request of full context; `reserved` is what the driver shows."""

    device: str
    weights_bytes: Quantity
    kv_cache_bytes: Quantity
    recurrent_state_bytes: Quantity
    compute_buffer_bytes: Quantity
    output_buffer_bytes: Quantity
    runtime_overhead_bytes: Quantity
    required_bytes: Quantity
    reserved_bytes: Quantity
    usable_bytes: Quantity
    adapters_bytes: Quantity = NOTHING  # LoRA: vLLM's slots, llama.cpp's loaded files
    draft_bytes: Quantity = NOTHING  # weights of a draft model; its cache is in the pool


@dataclass(frozen=True, slots=True)
class HostMemory:
    """Bytes of host RAM that the engine needs beside the devices; `weights_bytes` is evictable page cache under mmap."""

    weights_bytes: Quantity
    repacked_weights_bytes: Quantity
    kv_cache_bytes: Quantity
    recurrent_state_bytes: Quantity
    compute_buffer_bytes: Quantity
    output_buffer_bytes: Quantity
    prompt_cache_bytes: Quantity
    context_checkpoints_bytes: Quantity
    runtime_overhead_bytes: Quantity
    required_bytes: Quantity
    usable_bytes: Quantity
    adapters_bytes: Quantity = NOTHING  # LoRA adapters kept here
    shared_memory_bytes: Quantity = NOTHING  # /dev/shm, a ceiling


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Memory of one replica. `fits` is judged on required against usable: True, False, or None when the range straddles.

    A CPU is one device whose usable memory is the host's; the host's own entries are then zero, except what is copied there
    (`repacked_weights_bytes`) and may grow there (`prompt_cache_bytes`, `context_checkpoints_bytes`).
    """

    devices: tuple[DeviceMemory, ...]
    host: HostMemory
    kv_cache_bytes_per_token: Quantity  # marginal byte of one more token at full length, one device
    kv_cache_capacity_tokens: Quantity
    num_blocks: Quantity | None  # vLLM
    max_concurrency_x: Quantity | None  # what vLLM's log prints
    steady_concurrency_x: Quantity | None
    requests_held_typical: Quantity
    requests_held_longest: Quantity
    context_total_tokens: int
    context_per_request_tokens: int
    parallel_requests: int
    fits: bool | None


@dataclass(frozen=True, slots=True)
class StepTime:
    """Seconds of one engine step as a sum of named parts; `value_s` is their sum with its range."""

    value_s: Quantity
    parts_s: dict[str, float]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """50th, 95th and 99th percentile over requests."""

    p50: Quantity
    p95: Quantity
    p99: Quantity


@dataclass(frozen=True, slots=True)
class PerformanceEstimate:
    """Latency and throughput of the deployment under the given load. TTFT includes queueing; TPOT = (e2e - TTFT)/(output - 1).

    Percentiles are over the requests that are served, of `itl_s` over all gaps between two tokens. `goodput` counts the requests that keep
    every limit of the service level; without limits all that are served. A failed request got an error instead of (the rest of) its answer.
    """

    ttft_s: Percentiles
    ttft_mean_s: Quantity
    tpot_s: Percentiles
    itl_s: Percentiles
    e2e_s: Percentiles
    output_tokens_per_s: Quantity
    requests_per_s: Quantity
    goodput_share: Quantity
    goodput_requests_per_s: Quantity
    failed_share: Quantity
    prefill_tokens_per_s: Quantity
    utilization: Quantity
    saturated: bool
    start_s: Quantity
    capacity_requests_per_s: Quantity  # of the whole deployment, at the workload's lengths
    in_flight: Quantity  # mean requests in service per replica
    queued: Quantity  # mean requests waiting per replica
    kv_cache_used_share: Quantity  # mean over time
    preemptions_per_request: Quantity
    decode_step: StepTime  # one step at the mean batch
    prefill_step: StepTime  # the whole prompt of the median request, alone
    scaled_by: str = ""  # what was measured near, by which times were scaled, in words
    nearest: Nearest | None = None  # the nearest measurement, also where it scales nothing


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """USD per million tokens sent and generated that together make the bill, like a hosted API's pair of prices."""

    input: Quantity
    output: Quantity


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Money for the whole deployment, whole instances charged; None where there is no price or no volume.

    `usd_per_million_*_tokens` is the whole bill over the tokens of that kind alone; `token_prices` split it by the engine's time.
    `usd_per_user_month` is per user of the busiest quarter of an hour. `cold_share` of the requests wait for a start.
    `usd_per_pile` is what one pile of a batch takes of what is paid by the hour that is on, its start included.
    """

    usd_per_hour: Quantity | None
    usd_per_month: Quantity | None
    usd_per_request: Quantity | None
    usd_per_request_at_capacity: Quantity | None
    usd_per_million_output_tokens: Quantity | None
    price_as_of: str | None
    idle_devices_charged: int
    basis_text: str  # one sentence: what was charged
    usd_per_million_input_tokens: Quantity | None = None
    token_prices: TokenPrices | None = None
    token_prices_at_capacity: TokenPrices | None = None
    usd_per_user_month: Quantity | None = None
    usd_per_pile: Quantity | None = None
    hours_per_month: float | None = None  # that are paid for, starts included
    starts_per_month: float = 0.0
    cold_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """All three, for one deployment and one workload. `performance_degraded` is with the workload's replicas down."""

    memory: MemoryEstimate
    performance: PerformanceEstimate | None
    performance_degraded: PerformanceEstimate | None
    cost: CostEstimate | None
