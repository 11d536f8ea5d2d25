"""llama.cpp's servers about themselves: buffers from their log (verbosity 4), slots and context from their pages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

from advisor.domain.engine import LlamaCppSettings
from advisor.engines.llama_cpp_log import LlamaCppLog
from advisor.engines.llama_server_log import LlamaServerLog, read_llama_server_log
from advisor.validation.served.truth import Truth, number

_SYSTEM: Final = re.compile(r"system_info: (?P<words>.+)")
PAGES: Final = ("/props", "/slots", "/v1/models")


def llama_cpp_truth(lines: Sequence[str], told: Mapping[str, Any], settings: LlamaCppSettings, patterns: Mapping[str, str]) -> Truth:
    """From the start-up log and the pages of `PAGES`; `patterns` are the engine record's."""
    log = read_llama_server_log(BytesIO("\n".join(lines).encode()), patterns)
    return Truth(
        values={name: float(value) for name, value in _values(log.memory, told).items() if value is not None},
        engine={"name": "llama.cpp", **_engine(log, lines)},
        differing=tuple(_differing(log, told, settings)),
    )


def _values(log: LlamaCppLog, told: Mapping[str, Any]) -> dict[str, float | None]:
    props = told.get("/props")
    n_ctx = _whole(log.context.get("n_ctx"))
    each = number(props, "default_generation_settings", "n_ctx") or _whole(log.context.get("n_ctx_seq")) or n_ctx
    state = log.recurrent_state_bytes or 0.0
    return {
        "starts": 1.0,
        "context_per_request_tokens": each,
        "kv_capacity_tokens": n_ctx,
        "weights_bytes": _weights(log),
        "kv_cache_bytes": 0.0 if log.kv_cache_bytes is None and state else log.kv_cache_bytes,
        "recurrent_state_bytes": state if log.kv_cache_bytes is not None or state else None,
        "compute_buffer_bytes": sum(log.compute_buffer_bytes.values()) if log.compute_buffer_bytes else None,
        "output_buffer_bytes": sum(log.output_buffer_bytes.values()) if log.output_buffer_bytes else None,
        "repacked_weights_bytes": log.repacked_bytes if log.weights_bytes else None,
    }


def _weights(log: LlamaCppLog) -> float | None:
    """A mapped file holds the originals of what was copied; without one a copy is all there is."""
    mapped = any("Mapped" in buffer for buffer in log.weights_bytes)
    kept = [size for buffer, size in log.weights_bytes.items() if not (mapped and "REPACK" in buffer)]
    return sum(kept) if kept else None


def _engine(log: LlamaServerLog, lines: Iterable[str]) -> dict[str, Any]:
    system = next((match["words"] for line in lines if (match := _SYSTEM.search(line))), None)
    told = {"build": log.build, "commit": log.commit, "system_info": system}
    return {name: value for name, value in told.items() if value is not None}


def _differing(log: LlamaServerLog, told: Mapping[str, Any], settings: LlamaCppSettings) -> Iterable[str]:
    """Settings that the engine changed or ignored. The context has claims of its own."""
    on = {"enabled": "on", "disabled": "off"}  # auto tells nothing
    context = log.memory.context
    batch = min(settings.batch_size, _whole(context.get("n_ctx")) or settings.batch_size)
    taken = {
        "parallel": (settings.parallel, number(told.get("/props"), "total_slots") or log.slots),
        "batch-size": (batch, _whole(context.get("n_batch"))),
        "ubatch-size": (min(settings.ubatch_size, batch), _whole(context.get("n_ubatch"))),
        "flash-attn": (settings.flash_attn, on.get(context.get("flash_attn", ""))),
        "kv-unified": (settings.kv_unified, log.unified),
        "cache-type-k": (settings.cache_type_k, log.key_type),
        "cache-type-v": (settings.cache_type_v, log.value_type),
    }
    for flag, (planned, seen) in taken.items():
        if seen is not None and seen != planned:
            yield f"{flag} {_word(planned)} -> {_word(seen)}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
