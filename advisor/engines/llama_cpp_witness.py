"""llama.cpp asked for its own memory without weights: a file's header, real or made of the architecture, loaded with `no_alloc`.

The header alone is written (the tensor data is a hole), so a model of any size takes milliseconds and a few kilobytes of disk, for as
long as the question lasts. A CPU build is asked: what it says of weights, caches and states holds on every device, its compute buffer
on CPUs alone.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import psutil

from advisor.domain.architecture import StateCache
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.engine_record import EngineRecord
from advisor.domain.quantization import Quantization
from advisor.domain.witness import Witness
from advisor.engines.find import FoundEngine
from advisor.engines.interruption import raised
from advisor.engines.llama_cpp_log import ROUNDING_BYTES, LlamaCppLog, parse_log
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.errors import EngineFailed, NotProven
from advisor.synthesis.gguf import write_gguf
from advisor.units import gib_text

_VALIDATOR: Final = "llama_cpp_smoke.py"
_LIMITS: Final = Limits(time_s=120.0, silence_s=120.0, output_bytes=32 * 1024 * 1024)
_ON_CPU: Final = {"n_gpu_layers": 0, "n_cpu_moe": 0, "tensor_split": []}
_CACHES_ROUNDED: Final = 2  # a windowed and a full cache are two figures in the log
_STATE_SHARE: Final = 0.5  # of the memory that is available
_STATE_BYTES: Final = 4  # llama.cpp keeps states in float32


def ask_llama_cpp(
    candidate: Candidate, quantization: Quantization, *, record: EngineRecord, engine: FoundEngine, file: Path | None = None
) -> Witness:
    """What this llama.cpp allocates for the candidate's settings. `file` is a real GGUF, whose weights are not read.

    Raises EngineFailed with the engine's own words (an architecture that it does not know, settings that it refuses), TimedOut,
    Interrupted, and NotProven where asking itself would take more memory than there is.
    """
    _require_memory_for_state(candidate)
    build = _build(record, engine)
    with _header(candidate, quantization, file) as path:
        request = {"mode": "size_only", "model": str(path), "settings": asdict(candidate.settings) | _ON_CPU}
        report = ask_validator(engine.python, _VALIDATOR, request, name=build, limits=_LIMITS)
    weights_known = file is None and candidate.checkpoint.weights_bytes is not None
    return _witness(report, candidate, build, record, tells_weights=not weights_known)


def _require_memory_for_state(candidate: Candidate) -> None:
    """llama.cpp allocates the state of recurrent layers even when it is asked for sizes only."""
    settings = candidate.settings
    sequences = settings.parallel if isinstance(settings, LlamaCppSettings) else 1
    groups = candidate.model.architecture.layer_groups
    states = [(cache, group.count) for group in groups for cache in group.caches if isinstance(cache, StateCache)]
    state_bytes = sequences * _STATE_BYTES * sum(count * (cache.conv_elements + cache.state_elements) for cache, count in states)
    available_bytes = psutil.virtual_memory().available
    if state_bytes > _STATE_SHARE * available_bytes:
        raise NotProven(
            f"{candidate.model.id}: llama.cpp allocates the recurrent state of {sequences} sequences even when asked for sizes only: "
            f"{gib_text(state_bytes)}, and {gib_text(available_bytes)} are available here. Ask with fewer slots, or on a larger machine"
        )


@contextmanager
def _header(candidate: Candidate, quantization: Quantization, file: Path | None) -> Iterator[Path]:
    if file is not None:
        yield file.absolute()
        return
    with raised(), tempfile.TemporaryDirectory(prefix="llm-serving-advisor-") as folder:
        path = Path(folder) / "sparse.gguf"
        write_gguf(path, candidate.model.architecture, quantization, imatrix=candidate.checkpoint.imatrix, sparse=True)
        yield path


def _build(record: EngineRecord, engine: FoundEngine) -> str:
    """The engine as the catalog names its builds, with what it calls itself."""
    return f"{record.title} {_version(record, engine) or 'of unknown build'} (llama-cpp-python {engine.version})"


def _version(record: EngineRecord, engine: FoundEngine) -> str | None:
    return next((fact.version for fact in record.versions.known if fact.binding == engine.version), None)


def _witness(report: dict[str, Any], candidate: Candidate, build: str, record: EngineRecord, *, tells_weights: bool) -> Witness:
    try:
        log = parse_log(report["log"])
        context, tensor_bytes = report["context"], float(report["model"]["tensor_bytes"])
        total, each = int(context["n_ctx"]), int(context["n_ctx_seq"] or context["n_ctx"])
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailed(f"{build}: its report lacks or misshapes {error}: it does not belong to this version") from None
    has_memory = log.kv_cache_bytes is not None or log.recurrent_state_bytes is not None
    return Witness(
        source=f"{build}, asked without loading",
        rounding_bytes=_CACHES_ROUNDED * ROUNDING_BYTES,
        weights_bytes=tensor_bytes if tells_weights else None,
        kv_cache_bytes=log.kv_cache_bytes or 0.0 if has_memory else None,
        recurrent_state_bytes=log.recurrent_state_bytes or 0.0 if has_memory else None,
        compute_buffer_bytes=_total(log.compute_buffer_bytes),
        output_buffer_bytes=_total(log.output_buffer_bytes),
        context_total_tokens=total,
        context_per_request_tokens=each,
        kv_cache_capacity_tokens=total,
        remarks=tuple(_remarks(report, candidate, build, log)),
    )


def _total(buffers: dict[str, float]) -> float | None:
    return sum(buffers.values()) if buffers else None


def _remarks(report: dict[str, Any], candidate: Candidate, build: str, log: LlamaCppLog) -> Iterator[str]:
    """What the answer does not cover, in words."""
    planned = candidate.runtime.version
    if planned not in build:
        yield f"the candidate is {planned}, asked was {build}"
    if not candidate.on_cpu:
        yield f"the compute buffer of {candidate.node.device.id} is the prediction's: a CPU build cannot tell it"
    if log.kv_cache_bytes is None and log.recurrent_state_bytes is None:
        yield "the log of this build does not name the caches"
    if ignored := report.get("ignored_settings"):
        yield f"not known to this build: {', '.join(ignored)}"
