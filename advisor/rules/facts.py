"""What a rule may read: flat groups of plain values, so that every condition is type-checked before it runs.

rule-engine 5.1 understands str, int, float, bool, `T | None`, tuples and nested dataclasses; it refuses StrEnum, Literal and frozenset, so
the closed vocabularies of the domain stand here as `str` with their allowed words in the field's metadata ("choices").
A group that does not apply (`vllm` for a llama.cpp candidate, `manifest` outside `check`) keeps its neutral defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from advisor.domain.engine import EngineName
from advisor.domain.hardware import Acquisition, DeviceClass, ProcessorFeature
from advisor.domain.quantity import Basis
from advisor.domain.strict import STRICT
from advisor.domain.workload import LossBand, Place, Task
from advisor.rules.price_facts import PriceFacts

DATA_LABELS = ("public", "internal", "personal", "patient")
CONCURRENCY = ("serial", "slots", "paged")
LOSS_BANDS = ("none", "slight", "some", "large")


def _word(*choices: str, default: str = "") -> Any:  # noqa: ANN401 - dataclasses.field is typed by the annotation
    """A text fact from a closed vocabulary; the empty default means that it does not apply."""
    return field(default=default, metadata={"choices": (*choices, "") if default == "" else choices})


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """What is asked for. Every one is stated, from a preset, or assumed: never estimated."""

    __pydantic_config__ = STRICT
    task: str = _word(*get_args(Task))
    data: str = _word(*DATA_LABELS, default="internal")
    stays_on: str = _word(*get_args(Place), default="anywhere")
    internet_at_runtime: bool | None = None
    quantization_loss: str = _word(*get_args(LossBand), default="any")
    loss_rank: int = 3  # none 0, slight 1, some 2, any 3
    needs: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()  # of hardware.rent; empty: none named
    typical_tokens: int = 0  # median prompt + median answer
    p95_tokens: int = 0  # 95th percentile prompt + 95th percentile answer
    longest_tokens: int = 0
    input_tokens_p95: int = 0
    input_tokens_longest: int = 0
    shared_prefix_tokens: int = 0
    in_flight_at_most: int | None = None  # people or callers; None for an open stream of requests
    concurrent: bool = False  # two requests may be in service at the same moment
    replicas_down: int = 0
    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None
    e2e_p95_s: float | None = None
    budget_usd_per_month: float | None = None


@dataclass(frozen=True, slots=True)
class HardwareFacts:
    """The device, the node it sits in, and how one comes by it. `fp8` and `fp4` say whether it multiplies in that format."""

    __pydantic_config__ = STRICT
    device: str = ""
    name: str = ""
    device_class: str = _word(*get_args(DeviceClass))
    vendor: str = ""
    compute_capability: float | None = None  # NVIDIA
    memory_gib: float = 0.0
    unified_memory: bool = False
    is_cpu: bool = False
    processor_known: bool = False  # of a CPU: what it has is known
    processor_features: tuple[str, ...] = field(default=(), metadata={"choices": get_args(ProcessorFeature)})
    is_slice: bool = False  # a part of a card (NVIDIA MIG)
    fp8: bool = False
    fp4: bool = False
    backends: tuple[str, ...] = ()  # of llama.cpp, best first
    link: str = ""
    node_devices: int = 1
    nodes: int | None = None  # how many there are; None: as many as wanted
    host_memory_gib: float = 0.0
    acquisition: str = _word(*get_args(Acquisition), "hosted")
    provider: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The model, whatever its weights are stored in."""

    __pydantic_config__ = STRICT
    id: str = ""
    licence: str = ""
    commercial_use: str = _word("allowed", "restricted", "forbidden")  # empty: the licence is not in the catalog
    licence_condition: str = ""
    licence_source: str = ""
    kinds: tuple[str, ...] = field(default=(), metadata={"choices": ("moe", "sliding", "latent", "hybrid")})
    in_llama_cpp: bool = False  # llama.cpp knows the architecture
    max_context_tokens: int = 0
    parameters_total_b: float = 0.0
    parameters_active_b: float = 0.0
    experts: int = 0
    layers: int = 0
    heads: int = 0  # attention query heads, of the layers that have most
    kv_heads: int | None = None  # None: no layer keeps keys per head (latent attention, recurrent layers)


@dataclass(frozen=True, slots=True)
class QuantizationFacts:
    """The weight format. `loss` is the band of quality lost against 16 bits, `compute` the arithmetic it is meant for."""

    __pydantic_config__ = STRICT
    id: str = ""
    format: str = _word("gguf", "safetensors")
    loss: str = _word(*LOSS_BANDS, default="none")
    loss_rank: int = 0  # none 0, slight 1, some 2, large 3
    compute: str = _word("16bit", "fp8", "int8", "fp4", default="16bit")
    min_compute_capability: float | None = None
    native_compute_capability: float | None = None
    published: bool = True  # False: the user would have to make the files
    weight_bits: float | None = None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """The program that serves. `concurrency`: one request at a time, fixed slots, or a paged pool; `needs_processor`: the features without
    which it does not load this model in this format on this backend."""

    __pydantic_config__ = STRICT
    name: str = _word(*get_args(EngineName))
    runtime: str = ""
    version: str = ""
    backend: str = _word("cuda", "rocm", "vulkan", "sycl", "metal", "cpu", "xpu")
    concurrency: str = _word(*CONCURRENCY)
    needs_processor: tuple[str, ...] = field(default=(), metadata={"choices": get_args(ProcessorFeature)})


@dataclass(frozen=True, slots=True)
class ParallelismFacts:
    """How one replica is spread over devices."""

    __pydantic_config__ = STRICT
    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: bool = False
    devices: int = 1


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """What the settings of either engine come to, as the memory estimate works it out."""

    __pydantic_config__ = STRICT
    context_total_tokens: int | None = None
    context_per_request_tokens: int | None = None
    parallel_requests: int | None = None


@dataclass(frozen=True, slots=True)
class LlamaCppFacts:
    """llama.cpp's own settings; readable by rules that apply to llama.cpp alone.

    `graph_tensors` are what its graph holds at least, `graph_room` is for how many its scheduler sets up a table.
    """

    __pydantic_config__ = STRICT
    ctx_size: int = 0
    parallel: int = 1
    kv_unified: bool = False
    swa_full: bool = False
    flash_attn: str = _word("on", "off")
    cache_type_k: str = ""
    cache_type_v: str = ""
    k_quantized: bool = False
    v_quantized: bool = False
    batch_size: int = 0
    ubatch_size: int = 0
    n_gpu_layers: int = 0
    n_cpu_moe: int = 0
    split_mode: str = _word("none", "layer", "row")
    load_mode: str = _word("mmap", "none", "mlock")
    repack: bool = False
    cache_ram_mib: int = 0
    ctx_checkpoints: int = 0
    graph_tensors: int = 0
    graph_room: int = 0


@dataclass(frozen=True, slots=True)
class VllmFacts:
    """vLLM's own settings; readable by rules that apply to vLLM alone."""

    __pydantic_config__ = STRICT
    max_model_len: int = 0
    max_num_seqs: int = 0
    max_num_batched_tokens: int = 0
    gpu_memory_utilization: float = 0.0
    kv_cache_dtype: str = ""
    block_size: int = 0
    enable_prefix_caching: bool = False
    enforce_eager: bool = False
    kv_cache_memory_gib: float | None = None


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """The candidate in service; `replicas` is None before anybody has said how many."""

    __pydantic_config__ = STRICT
    replicas: int | None = None
    device_share: float = 1.0


@dataclass(frozen=True, slots=True)
class EstimateFacts:
    """What was computed; None where it was not. GiB are of the fullest device, `bound_gib` counts exact parts alone."""

    __pydantic_config__ = STRICT
    fits: bool | None = None
    bound_gib: float | None = None
    required_gib: float | None = None
    required_low_gib: float | None = None
    required_high_gib: float | None = None
    reserved_gib: float | None = None
    usable_gib: float | None = None
    host_required_gib: float | None = None
    host_required_low_gib: float | None = None
    host_usable_gib: float | None = None
    kv_cache_capacity_tokens: float | None = None
    requests_held_typical: float | None = None
    requests_held_longest: float | None = None
    saturated: bool | None = None
    utilization: float | None = None
    in_flight: float | None = None  # mean requests in service per replica
    capacity_requests_per_s: float | None = None
    ttft_floor_s: float | None = None  # the p95 prompt's multiplications at the devices' peak: no software is faster
    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None
    e2e_p95_s: float | None = None


@dataclass(frozen=True, slots=True)
class RequirementFacts:
    """Hard requirements by their standing, as claim names and as sentences ready to print; `_down` are those with replicas down."""

    __pydantic_config__ = STRICT
    breaks: tuple[str, ...] = ()
    unlikely: tuple[str, ...] = ()
    breaks_down: tuple[str, ...] = ()
    unlikely_down: tuple[str, ...] = ()
    breaks_text: str = ""
    unlikely_text: str = ""
    breaks_down_text: str = ""
    unlikely_down_text: str = ""


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """What a manifest says beside the engine's settings; filled by `advisor check` alone."""

    __pydantic_config__ = STRICT
    image: str = ""
    image_tag: str = ""
    image_digest: bool = False  # pinned by digest
    planned_tag: str = ""  # of the plan's image; empty: there is no plan
    api_key: bool | None = None
    exposed: bool | None = None  # reachable from outside its own namespace or host
    logs_prompts: bool | None = None
    startup_budget_s: float | None = None
    probe_allows_s: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a rule may read, by group. `basis` holds the basis of each fact that is not exact, by dotted path."""

    __pydantic_config__ = STRICT
    workload: WorkloadFacts = field(default_factory=WorkloadFacts)
    hardware: HardwareFacts = field(default_factory=HardwareFacts)
    model: ModelFacts = field(default_factory=ModelFacts)
    quantization: QuantizationFacts = field(default_factory=QuantizationFacts)
    engine: EngineFacts = field(default_factory=EngineFacts)
    parallelism: ParallelismFacts = field(default_factory=ParallelismFacts)
    settings: SettingsFacts = field(default_factory=SettingsFacts)
    llama_cpp: LlamaCppFacts = field(default_factory=LlamaCppFacts)
    vllm: VllmFacts = field(default_factory=VllmFacts)
    deployment: DeploymentFacts = field(default_factory=DeploymentFacts)
    estimate: EstimateFacts = field(default_factory=EstimateFacts)
    requirements: RequirementFacts = field(default_factory=RequirementFacts)
    prices: PriceFacts = field(default_factory=PriceFacts)
    manifest: ManifestFacts = field(default_factory=ManifestFacts)
    basis: Mapping[str, Basis] = field(default_factory=dict)
