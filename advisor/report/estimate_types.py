"""The types of `advisor.estimate/1`: its JSON Schema is made of them."""

from typing import Literal

from typing_extensions import TypedDict

from advisor.report.cost_json import CostJson
from advisor.report.quantity_json import QuantityJson


class EngineJson(TypedDict):
    """Which program in which version; `backend` is the kind of device it was built for."""

    name: str
    version: str
    runtime: str
    backend: str


class DeviceMemoryJson(TypedDict):
    """Bytes on one device."""

    device: str
    weights_bytes: QuantityJson
    kv_cache_bytes: QuantityJson
    recurrent_state_bytes: QuantityJson
    compute_buffer_bytes: QuantityJson
    output_buffer_bytes: QuantityJson
    runtime_overhead_bytes: QuantityJson
    required_bytes: QuantityJson
    reserved_bytes: QuantityJson
    usable_bytes: QuantityJson
    adapters_bytes: QuantityJson
    draft_bytes: QuantityJson


class HostMemoryJson(TypedDict):
    """Bytes of host memory beside the devices."""

    weights_bytes: QuantityJson
    repacked_weights_bytes: QuantityJson
    kv_cache_bytes: QuantityJson
    recurrent_state_bytes: QuantityJson
    compute_buffer_bytes: QuantityJson
    output_buffer_bytes: QuantityJson
    prompt_cache_bytes: QuantityJson
    context_checkpoints_bytes: QuantityJson
    runtime_overhead_bytes: QuantityJson
    required_bytes: QuantityJson
    usable_bytes: QuantityJson
    adapters_bytes: QuantityJson
    shared_memory_bytes: QuantityJson


class MemoryJson(TypedDict):
    """Memory of one replica. `fits` is null where the range straddles the limit."""

    devices: list[DeviceMemoryJson]
    host: HostMemoryJson
    kv_cache_bytes_per_token: QuantityJson
    kv_cache_capacity_tokens: QuantityJson
    num_blocks: QuantityJson | None
    max_concurrency_x: QuantityJson | None
    steady_concurrency_x: QuantityJson | None
    requests_held_typical: QuantityJson | None
    requests_held_longest: QuantityJson
    fits: bool | None


class PercentilesJson(TypedDict):
    """Percentiles over requests."""

    p50: QuantityJson | None
    p95: QuantityJson | None
    p99: QuantityJson | None


class NearestJson(TypedDict):
    """The measurement that is nearest to what is asked, its times over those that the fit predicts of it, whether they scaled the answer.

    `same`: the same model, format and layout · `variant`: another format or layout · `model`: another model in this format ·
    `device`: another model in another format on the device.
    """

    source: str
    grade: Literal["same", "variant", "model", "device"]
    decode_scale: float | None
    prefill_scale: float | None
    applied: bool


class PerformanceJson(TypedDict):
    """Latency and throughput; all null but `start_s` when no lengths were given or it does not fit. Shares are between 0 and 1.

    `itl_s` is over all gaps between two tokens, `queued` and `in_flight` are means of a replica; goodput is within the stated limits.
    """

    ttft_s: PercentilesJson
    tpot_s: PercentilesJson
    itl_s: PercentilesJson
    e2e_s: PercentilesJson
    output_tokens_per_s: QuantityJson | None
    requests_per_s: QuantityJson | None
    capacity_requests_per_s: QuantityJson | None
    goodput_share: QuantityJson | None
    goodput_requests_per_s: QuantityJson | None
    failed_share: QuantityJson | None
    preemptions_per_request: QuantityJson | None
    prefill_tokens_per_s: QuantityJson | None
    utilization: QuantityJson | None
    in_flight: QuantityJson | None
    queued: QuantityJson | None
    kv_cache_used_share: QuantityJson | None
    saturated: bool | None
    start_s: QuantityJson
    nearest_measurement: NearestJson | None


class WeightsJson(TypedDict):
    """Which files: `published` is false where they would have to be made first."""

    repo_id: str
    format: Literal["gguf", "safetensors"]
    quantization: str
    imatrix: bool
    published: bool


class HardwareJson(TypedDict):
    """The device of the replica and how many it uses; `assumed_host` says that the machine around it was not stated."""

    device: str
    devices: int
    assumed_host: bool
    host: str


class ToldJson(TypedDict):
    """One number that the engine told, beside the predicted one, in the unit that its name ends in."""

    name: str
    predicted: QuantityJson
    told: float
    agrees: bool


class WitnessJson(TypedDict):
    """What the engine itself said (--ask-engine): which build, number by number, and what it could not tell for this device."""

    source: str
    told: list[ToldJson]
    remarks: list[str]


class EstimateJson(TypedDict):
    """The whole answer."""

    schema: Literal["advisor.estimate/1"]
    model: str
    weights: WeightsJson
    hardware: HardwareJson
    engine: EngineJson
    effective_settings: dict[str, bool | int | float | str | None]
    memory: MemoryJson
    performance: PerformanceJson
    cost: CostJson
    witness: WitnessJson | None
