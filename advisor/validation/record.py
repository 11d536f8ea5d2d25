"""What a validation measured, as rows that fits and later plans can read: one for its memory, one for each concurrency."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from advisor.domain.evidence import EvidenceFile
from advisor.domain.measurement import Measurement, row_id_of, split_of
from advisor.domain.plan import PlannedDeployment
from advisor.units import GIB
from advisor.validation.verify import version_that_ran

_SOURCE_ID: Final = "advisor-validate"
_OF_CLAIMS: Final = {  # claim -> column
    "weights_gib": "weights_load_gib_per_gpu",
    "compute_buffer_gib": "peak_activation_gib",
    "cuda_graphs_gib": "cudagraph_gib",
    "kv_cache_gib": "available_kv_cache_gib_per_gpu",
    "kv_capacity_tokens": "gpu_kv_cache_tokens",
    "max_concurrency_x": "max_concurrency_x",
    "context_per_request_tokens": "max_concurrency_at_tokens",
    "recurrent_state_gib": "recurrent_state_gib",
    "output_buffer_gib": "output_buffer_gib",
    "load_s": "load_s",
    "start_s": "start_s",
}
_METRICS: Final = ("ttft", "tpot", "itl", "e2e")
_POINTS: Final = ("p50", "p95", "p99")
_OF_ROWS: Final = {  # a benchmark's row -> column
    "concurrency": "max_concurrency",
    "rate_per_s": "request_rate_rps",
    "requests": "num_prompts",
    "requests_per_s": "req_throughput_rps",
    "output_tokens_per_s": "output_throughput_tok_s",
}
_OWN_SPEEDS: Final = {"step_s": "tpot_p50_ms", "last_first_token_s": "ttft_p50_ms", "first_token_p95_s": "ttft_p95_ms"}


def measurements_of(evidence: EvidenceFile, planned: PlannedDeployment) -> tuple[Measurement, ...]:
    """Rows of this evidence; none of a log of another deployment, whose settings the plan does not know."""
    if evidence.differs:
        return ()
    base = _described(evidence, planned)
    rows = [*_memory(base, evidence), *(_speed(base, row) for row in evidence.benchmark)]
    return tuple(replace(row, row_id=row_id_of(row)) for row in rows)


def _described(evidence: EvidenceFile, planned: PlannedDeployment) -> Measurement:
    """What all rows of the run say: engine, model, device, settings; no machine's name."""
    engine, spread = evidence.engine, planned.parallelism
    binding = engine.get("binding_version")
    version = version_that_ran(evidence) or (f"llama-cpp-python {binding}" if binding else planned.engine.version)
    flags = {
        "synthetic_weights": evidence.weights == "synthetic",
        "disturbed": bool(evidence.contention.get("disturbed")),
        "reduced": bool(evidence.reduced),
    }
    return Measurement(
        row_id="",
        source_id=_SOURCE_ID,
        source=f"{evidence.source} of {evidence.deployment} {evidence.fingerprint[:12]}",
        source_date=evidence.measured_on,
        engine=planned.engine.name,
        engine_version=str(version),
        model=planned.model.repo_id or planned.model.id,
        weight_quant=planned.model.quantization,
        gpu=evidence.device,
        gpu_count=planned.hardware.devices,
        split=split_of(_SOURCE_ID, evidence.device, planned.model.id),
        flags=";".join(name for name, holds in flags.items() if holds) or None,
        backend=planned.engine.backend,
        kv_dtype=_kv_type(evidence.settings),
        tp=spread.tensor,
        pp=spread.pipeline,
        dp=spread.data,
        launch_args=json.dumps(evidence.settings, sort_keys=True),
    )


def _kv_type(settings: Mapping[str, Any]) -> str | None:
    found = settings.get("kv-cache-dtype") or settings.get("cache-type-k")
    return str(found) if found else None


def _memory(base: Measurement, evidence: EvidenceFile) -> Iterator[Measurement]:
    measured = {claim.name: claim.measured for claim in evidence.claims if claim.measured is not None}
    found: dict[str, Any] = {column: measured[name] for name, column in _OF_CLAIMS.items() if name in measured}
    if "num_blocks" in measured:
        found["num_gpu_blocks"] = int(measured["num_blocks"])
    if "memory_bytes" in measured:
        found["resident_gib"] = measured["memory_bytes"] / GIB
    if found:
        yield replace(base, **found)


def _speed(base: Measurement, row: Mapping[str, Any]) -> Measurement:
    """Seconds become the milliseconds of the columns; what a row does not have stays empty."""
    own = {column: row[name] for name, column in _OWN_SPEEDS.items() if name in row}
    times: dict[str, Any] = {column: 1e3 * seconds for column, seconds in (_percentiles(row) | own).items() if _is_number(seconds)}
    others: dict[str, Any] = {column: row[name] for name, column in _OF_ROWS.items() if _is_number(row.get(name))}
    return replace(base, **times, **others, **_lengths(row))


def _percentiles(row: Mapping[str, Any]) -> dict[str, Any]:
    """`{"ttft_s": {"p50": 0.2, …}}` by column."""
    told = {metric: row.get(f"{metric}_s") for metric in _METRICS}
    spreads = {metric: spread for metric, spread in told.items() if isinstance(spread, Mapping)}
    return {f"{metric}_{point}_ms": spread.get(point) for metric, spread in spreads.items() for point in _POINTS}


def _lengths(row: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens of one request: told as they were planned, or as the sum over the requests that were answered."""
    if _is_number(row.get("prompt_tokens")):
        return {"input_len_tokens": row["prompt_tokens"]}
    answered = row.get("requests", 0) - row.get("failed", 0) if _is_number(row.get("requests")) and _is_number(row.get("failed")) else 0
    if answered <= 0:
        return {}
    return {f"{way}_len_tokens": row[f"{way}_tokens"] / answered for way in ("input", "output") if _is_number(row.get(f"{way}_tokens"))}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
