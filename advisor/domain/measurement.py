"""A measured row of an engine on a device: speeds at one concurrency, or the memory of one start. Tables of them are CSV files.

Column names are those of public measurement tables: units at their end, GiB and MiB where engines print them.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from advisor.domain.strict import STRICT, IsoDate

Split = Literal["fit", "report"]
_REPORTED_OF_TEN = 3  # groups kept out of every fit


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row; None where it was not measured. `split` says whether a fit may see it."""

    __pydantic_config__ = STRICT
    row_id: str
    source_id: str
    source: str
    source_date: IsoDate
    engine: str
    engine_version: str
    model: str
    weight_quant: str
    gpu: str
    gpu_count: int
    split: Split
    flags: str | None = None  # what a reader must know: synthetic_weights, disturbed, reduced
    backend: str | None = None
    kv_dtype: str | None = None
    tp: int | None = None
    pp: int | None = None
    dp: int | None = None
    launch_args: str | None = None
    max_concurrency: int | None = None
    request_rate_rps: float | None = None
    num_prompts: int | None = None
    input_len_tokens: float | None = None
    output_len_tokens: float | None = None
    output_throughput_tok_s: float | None = None
    req_throughput_rps: float | None = None
    ttft_p50_ms: float | None = None
    ttft_p95_ms: float | None = None
    ttft_p99_ms: float | None = None
    tpot_p50_ms: float | None = None
    tpot_p95_ms: float | None = None
    tpot_p99_ms: float | None = None
    itl_p50_ms: float | None = None
    itl_p95_ms: float | None = None
    itl_p99_ms: float | None = None
    e2e_p50_ms: float | None = None
    e2e_p95_ms: float | None = None
    e2e_p99_ms: float | None = None
    weights_load_gib_per_gpu: float | None = None
    peak_activation_gib: float | None = None
    cudagraph_gib: float | None = None
    available_kv_cache_gib_per_gpu: float | None = None
    num_gpu_blocks: int | None = None
    gpu_kv_cache_tokens: float | None = None
    max_concurrency_x: float | None = None
    max_concurrency_at_tokens: float | None = None
    recurrent_state_gib: float | None = None
    output_buffer_gib: float | None = None
    resident_gib: float | None = None
    load_s: float | None = None
    start_s: float | None = None


def split_of(source_id: str, device: str, model: str) -> Split:
    """Drawn once, by hash of source, device and model: rows of one group never stand on both sides."""
    digest = hashlib.sha256("|".join((source_id, device, model)).encode()).digest()
    return "report" if digest[0] % 10 < _REPORTED_OF_TEN else "fit"


def row_id_of(row: Measurement) -> str:
    """Twelve hex digits of everything else in the row but its date: a log that is read again tomorrow is the same row."""
    rest = {name: value for name, value in asdict(row).items() if name not in ("row_id", "source_date") and value is not None}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12]
