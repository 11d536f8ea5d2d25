"""Published measurements: rows of `catalog/measurements`, in the columns and units that the tools which made them print.

`quality`: A a raw log or a tool's own table with version, model, weights, device, lengths and load · B one of these is missing or
inferred · C old, secondary or confounded. `judge_ready`: `1` every metric of the row may be compared · `tpot_only` its time to first
token holds warm prefixes or the client's own time. `series_id` joins the rows that differ in their load alone: weigh by series and by
source, never by row. `split` is drawn once by `measurement.split_of`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from advisor.domain.engine import EngineName
from advisor.domain.measurement import Split
from advisor.domain.strict import STRICT, IsoDate

PartialDate = Annotated[str, Field(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")]  # many sources give the month or the year alone
LoadClass = Literal["single", "closed_loop", "open_loop", "burst", "offline", "saturated"]
JudgeReady = Literal["1", "tpot_only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What every row has. `model` and `gpu` are the source's own words; `catalog/measurements/names` says which ids they mean."""

    __pydantic_config__ = STRICT
    row_id: str
    source_id: str
    source: str
    source_date: PartialDate
    quality: Literal["A", "B", "C"]
    split: Split
    model: str
    flags: str | None = None  # traps and settings that a reader must know, joined by semicolons
    gpu: str | None = None
    gpu_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmRun(Published):
    """A served or offline load on vLLM; its speeds are those of the whole deployment."""

    load_class: LoadClass
    series_id: str
    judge_ready: JudgeReady
    engine_version: str | None = None
    weight_quant: str | None = None
    kv_dtype: str | None = None
    tp: int | None = None
    pp: int | None = None
    dp: int | None = None
    ep: int | None = None
    launch_args: str | None = None
    client_or_dataset: str | None = None
    input_len_tokens: float | None = None
    input_len_kind: str | None = None
    output_len_tokens: float | None = None
    output_len_kind: str | None = None
    num_prompts: int | None = None
    request_rate_rps: float | None = None  # absent: all at once, or a closed loop
    max_concurrency: int | None = None
    concurrency_kind: str | None = None
    mean_running_batch: float | None = None
    duration_s: float | None = None
    completed_requests: int | None = None
    total_input_tokens: int | None = None
    total_output_tokens: int | None = None
    req_throughput_rps: float | None = None
    output_throughput_tok_s: float | None = None
    total_throughput_tok_s: float | None = None
    ttft_mean_ms: float | None = None
    ttft_p50_ms: float | None = None
    ttft_p90_ms: float | None = None
    ttft_p95_ms: float | None = None
    ttft_p99_ms: float | None = None
    tpot_mean_ms: float | None = None
    tpot_p50_ms: float | None = None
    tpot_p90_ms: float | None = None
    tpot_p95_ms: float | None = None
    tpot_p99_ms: float | None = None
    itl_mean_ms: float | None = None
    itl_p50_ms: float | None = None
    itl_p90_ms: float | None = None
    itl_p95_ms: float | None = None
    itl_p99_ms: float | None = None
    e2e_mean_ms: float | None = None
    e2e_p50_ms: float | None = None
    e2e_p90_ms: float | None = None
    e2e_p95_ms: float | None = None
    e2e_p99_ms: float | None = None
    gpu_power_w_total: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCppRun(Published):
    """A run of llama-bench, llama-batched-bench, llama-server or Ollama. `tg_tok_s` is the rate of all `n_parallel` sequences together."""

    tool: Literal["llama-bench", "llama-batched-bench", "llama-server", "ollama"]
    engine: Literal["llama.cpp", "ollama"]
    quant: str
    series_id: str
    judge_ready: JudgeReady
    build: str | None = None
    backend: str | None = None
    model_size_gib: float | None = None
    params_b: float | None = None
    ngl: int | Literal["all"] | None = None
    split_mode: Literal["layer", "row"] | None = None
    n_batch: int | None = None
    n_ubatch: int | None = None
    n_threads: int | None = None
    flash_attn: bool | None = None
    type_k: str | None = None  # absent: the default, f16
    type_v: str | None = None
    test: str | None = None
    n_prompt_tokens: int | None = None
    n_gen_tokens: int | None = None
    depth_tokens: int | None = None
    n_parallel: int | None = None
    pp_tok_s: float | None = None
    pp_std: float | None = None
    tg_tok_s: float | None = None
    tg_std: float | None = None
    total_tok_s: float | None = None
    t_pp_s: float | None = None
    t_tg_s: float | None = None
    max_concurrency: int | None = None
    ttft_mean_ms: float | None = None
    ttft_p50_ms: float | None = None
    mem_peak_mib: float | None = None
    power_w: float | None = None

    @property
    def load_class(self) -> LoadClass:
        """One sequence, a fixed number of clients, or a fixed batch without a client."""
        if max(self.n_parallel or 1, self.max_concurrency or 1) == 1:
            return "single"
        return "offline" if self.tool == "llama-batched-bench" else "closed_loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmStart(Published):
    """What vLLM logged about memory at one start; `*_per_gpu` is one rank's."""

    engine_version: str | None = None
    weight_quant: str | None = None
    dtype: str | None = None
    kv_cache_dtype: str | None = None
    gpu_total_mem_gib: float | None = None
    tp: int | None = None
    pp: int | None = None
    dp: int | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    enforce_eager: bool | None = None
    enable_prefix_caching: bool | None = None
    block_size: int | None = None
    launch_args: str | None = None
    weights_load_gib_per_gpu: float | None = None
    non_torch_gib: float | None = None
    peak_activation_gib: float | None = None
    cudagraph_gib: float | None = None
    initial_memory_gib: float | None = None
    torch_peak_gib: float | None = None
    available_kv_cache_gib_per_gpu: float | None = None
    num_gpu_blocks: int | None = None
    gpu_kv_cache_tokens: int | None = None
    max_concurrency_x: float | None = None
    max_concurrency_at_tokens: int | None = None
    error_kv_needed_gib: float | None = None
    error_kv_available_gib: float | None = None
    error_est_max_model_len: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCppStart(Published):
    """What llama.cpp logged about memory at one start; `*_per_device_mib` is `name=MiB` joined by semicolons."""

    fork: str | None = None  # absent: llama.cpp itself
    build: str | None = None
    arch: str | None = None
    model_type: str | None = None
    quant: str | None = None
    model_size_gib: float | None = None
    params_b: float | None = None
    n_layer: int | None = None
    n_head: int | None = None
    n_head_kv: int | None = None
    n_embd: int | None = None
    n_embd_k_gqa: int | None = None
    n_swa: int | None = None
    backend: str | None = None
    layers_offloaded: str | None = None
    n_ctx: int | None = None
    n_ctx_per_seq: int | None = None
    n_seq_max: int | None = None
    n_batch: int | None = None
    n_ubatch: int | None = None
    flash_attn: bool | None = None
    kv_unified: bool | None = None
    pipeline_parallel_copies: int | None = None
    type_k: str | None = None
    type_v: str | None = None
    model_buffer_gpu_mib_total: float | None = None
    model_buffer_per_device_mib: str | None = None
    model_buffer_host_mib: float | None = None
    kv_total_mib: float | None = None
    kv_per_device_mib: str | None = None
    kv_k_mib: float | None = None
    kv_v_mib: float | None = None
    kv_cells: int | None = None
    recurrent_state_mib: float | None = None
    output_buffer_mib: float | None = None
    compute_per_device_mib: str | None = None
    compute_gpu_mib_max: float | None = None
    compute_gpu_mib_sum: float | None = None
    compute_host_mib: float | None = None
    vram_used_measured_mib: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeName:
    """Which catalog id a source's own words mean; none where they mean no one thing, and then `why` says what is missing.

    `drawn_as` is the name by which the split was drawn, where the id was found later: rows are never drawn again.
    """

    __pydantic_config__ = STRICT
    spelling: str
    id: str | None = None
    why: str | None = None
    drawn_as: str | None = None

    def __post_init__(self) -> None:
        if self.id is None and not self.why:
            raise ValueError("say in `why` what is missing, or give the id")


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """What another estimator, run by us in this version, predicts of a published run of ours."""

    __pydantic_config__ = STRICT
    row_id: str
    peer: str
    version: str
    ttft_ms: float | None = None
    tpot_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PeerError:
    """An error that another estimator publishes of itself, on cases of its own choice."""

    __pydantic_config__ = STRICT
    peer: str
    version: str
    metric: str
    cases: str
    error: str
    address: str
    retrieved: IsoDate


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeFormat:
    """Which weight format a source's own word means for an engine; with `model`, as the source spells it, for that model alone."""

    __pydantic_config__ = STRICT
    spelling: str
    engine: EngineName
    model: str | None = None
    id: str | None = None
    why: str | None = None

    def __post_init__(self) -> None:
        if self.id is None and not self.why:
            raise ValueError("say in `why` what is missing, or give the id")
