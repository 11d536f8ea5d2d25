"""What a validation measured, as rows that fits and later plans can read: one for its memory, one for each concurrency."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from advisor.domain.evidence import EvidenceFile
from advisor.domain.measurement import Measurement, row_id_of, split_of
from advisor.domain.plan import PlannedDeployment
from advisor.units import GIB

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
_PERCENTILES: Final = tuple(f"{metric}_{point}" for metric in ("ttft", "tpot", "itl", "e2e") for point in ("p50", "p95", "p99"))
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
    version = engine.get("version") or (f"llama-cpp-python {binding}" if binding else planned.engine.version)
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
    in_ms = {f"{name}_ms": row.get(f"{name}_s") for name in _PERCENTILES}
    own = {column: row[name] for name, column in _OWN_SPEEDS.items() if name in row}
    times: dict[str, Any] = {column: 1e3 * seconds for column, seconds in (in_ms | own).items() if isinstance(seconds, int | float)}
    others: dict[str, Any] = {
        "max_concurrency": row.get("concurrency"),
        "input_len_tokens": row.get("prompt_tokens"),
        "output_len_tokens": row.get("output_tokens"),
        "output_throughput_tok_s": row.get("output_tokens_per_s"),
    }
    known: dict[str, Any] = {name: value for name, value in others.items() if isinstance(value, int | float)}
    return replace(base, **times, **known)
