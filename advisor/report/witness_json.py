"""`advisor.witness/1`: what an engine alone told of a model whose architecture is not understood here."""

from typing import Any, Final

from advisor.domain.witness import Witness
from advisor.engines.effective import effective_flags
from advisor.intake.unread_gguf import Asked

SCHEMA: Final = "advisor.witness/1"
NUMBERS: Final = (
    "weights_bytes",
    "kv_cache_bytes",
    "recurrent_state_bytes",
    "compute_buffer_bytes",
    "output_buffer_bytes",
    "context_total_tokens",
    "context_per_request_tokens",
)


def witness_document(asked: Asked) -> dict[str, Any]:
    """The engine's numbers, null where it did not say, under the settings that it was asked with."""
    candidate, runtime = asked.candidate, asked.candidate.runtime
    return {
        "schema": SCHEMA,
        "model": candidate.model.id,
        "architecture": candidate.model.architecture.name,
        "engine": {"name": runtime.engine, "version": runtime.version, "runtime": runtime.runtime, "backend": runtime.backend},
        "effective_settings": effective_flags(candidate.settings, asked.record, runtime.runtime, parallelism=candidate.parallelism),
        "source": asked.witness.source,
        **told_numbers(asked.witness),
        "remarks": list(asked.witness.remarks),
    }


def told_numbers(witness: Witness) -> dict[str, float | None]:
    """By name; bytes as whole numbers."""
    values = {name: getattr(witness, name) for name in NUMBERS}
    return {name: None if value is None else round(value) for name, value in values.items()}
