"""`advisor.estimate/1` as JSON: a thin map from the answer, every key always there, null where not asked or not known.

`estimate_schema` makes the JSON Schema of the types.
"""

import dataclasses
from typing import Any, Final

from pydantic import TypeAdapter

from advisor.domain.estimate import MemoryEstimate, Percentiles, PerformanceEstimate
from advisor.domain.near import Nearest
from advisor.domain.quantity import Quantity
from advisor.domain.witness import Testimony
from advisor.engines.effective import effective_flags
from advisor.intake.estimation import EstimateAnswer
from advisor.report.cost_json import cost_document
from advisor.report.estimate_types import (
    EstimateJson,
    MemoryJson,
    NearestJson,
    PercentilesJson,
    PerformanceJson,
    ToldJson,
    WitnessJson,
)
from advisor.report.quantity_json import number, optional, whole

SCHEMA: Final = "advisor.estimate/1"
_OVER_REQUESTS: Final = ("ttft_s", "tpot_s", "itl_s", "e2e_s")


def estimate_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return TypeAdapter(EstimateJson).json_schema()


def estimate_json(answer: EstimateAnswer) -> EstimateJson:
    """The whole document."""
    candidate, estimate = answer.candidate, answer.estimate
    runtime, checkpoint = candidate.runtime, candidate.checkpoint
    return {
        "schema": SCHEMA,
        "model": answer.model.id,
        "weights": {
            "repo_id": checkpoint.repo_id,
            "format": checkpoint.format,
            "quantization": checkpoint.quantization,
            "imatrix": checkpoint.imatrix,
            "published": checkpoint.published,
        },
        "hardware": {
            "device": candidate.node.device.id,
            "devices": candidate.parallelism.devices,
            "assumed_host": candidate.node.assumed_host,
            "host": candidate.node.host.source,
        },
        "engine": {"name": runtime.engine, "version": runtime.version, "runtime": runtime.runtime, "backend": runtime.backend},
        "effective_settings": _settings(answer),
        "memory": _memory(estimate.memory, lengths_given=answer.request_tokens is not None),
        "performance": _performance(estimate.performance, answer.start_s),
        "cost": cost_document(estimate.cost),
        "witness": _witness(answer.testimony),
    }


def _settings(answer: EstimateAnswer) -> dict[str, bool | int | float | str | None]:
    candidate, memory = answer.candidate, answer.estimate.memory
    flags = effective_flags(candidate.settings, answer.record, candidate.runtime.runtime, parallelism=candidate.parallelism)
    return {
        **flags,
        "context_total_tokens": memory.context_total_tokens,
        "context_per_request_tokens": memory.context_per_request_tokens,
        "parallel_requests": memory.parallel_requests,
    }


def _memory(memory: MemoryEstimate, *, lengths_given: bool) -> MemoryJson:
    return {
        "devices": [_quantities(device) for device in memory.devices],  # type: ignore[misc]
        "host": _quantities(memory.host),  # type: ignore[typeddict-item]
        "kv_cache_bytes_per_token": number(memory.kv_cache_bytes_per_token),
        "kv_cache_capacity_tokens": number(memory.kv_cache_capacity_tokens),
        "num_blocks": optional(memory.num_blocks),
        "max_concurrency_x": optional(memory.max_concurrency_x),
        "steady_concurrency_x": optional(memory.steady_concurrency_x),
        "requests_held_typical": number(memory.requests_held_typical) if lengths_given else None,
        "requests_held_longest": number(memory.requests_held_longest),
        "fits": memory.fits,
    }


def _performance(performance: PerformanceEstimate | None, start_s: Quantity) -> PerformanceJson:
    shown: dict[str, Any] = {
        "saturated": performance.saturated if performance else None,
        "start_s": number(start_s),
        "nearest_measurement": _nearest(performance.nearest if performance else None),
    }
    for name in PerformanceJson.__annotations__.keys() - shown.keys():
        shown[name] = (_percentiles if name in _OVER_REQUESTS else optional)(getattr(performance, name, None))
    return {name: shown[name] for name in PerformanceJson.__annotations__}  # type: ignore[return-value]


def _nearest(nearest: Nearest | None) -> NearestJson | None:
    if nearest is None:
        return None
    scale = nearest.scale
    return {
        "source": scale.source,
        "grade": nearest.grade,
        "decode_scale": scale.decode,
        "prefill_scale": scale.prefill,
        "applied": nearest.applied,
    }


def _witness(testimony: Testimony | None) -> WitnessJson | None:
    if testimony is None:
        return None
    told: list[ToldJson] = [
        {"name": one.name, "predicted": number(one.predicted), "told": whole(one.told), "agrees": one.agrees} for one in testimony.told
    ]
    return {"source": testimony.source, "told": told, "remarks": list(testimony.remarks)}


def _percentiles(percentiles: Percentiles | None) -> PercentilesJson:
    if percentiles is None:
        return {"p50": None, "p95": None, "p99": None}
    return {"p50": number(percentiles.p50), "p95": number(percentiles.p95), "p99": number(percentiles.p99)}


def _quantities(owner: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass of quantities; the schema test holds it to its type
    return {field.name: _plain(getattr(owner, field.name)) for field in dataclasses.fields(owner)}


def _plain(value: object) -> object:
    return number(value) if isinstance(value, Quantity) else value
