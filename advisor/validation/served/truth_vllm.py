"""vLLM's server about itself: memory and pool from its start-up log, blocks from its metrics, the length it serves from its models."""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

from advisor.domain.engine_record import EngineRecord
from advisor.engines.metrics import read_metrics
from advisor.errors import UserInputError
from advisor.units import GIB
from advisor.validation.log.shown import Names
from advisor.validation.log.vllm import read_vllm
from advisor.validation.served.truth import METRICS, Truth, number
from advisor.validation.subject import Subject

PAGES: Final = ("/v1/models", METRICS)
_ITS_OWN: Final = ("context_per_request_tokens", "start_s", "reserved_gib")  # told elsewhere, or counted by us


def vllm_truth(subject: Subject, lines: Sequence[str], told: Mapping[str, Any], record: EngineRecord) -> Truth:
    """From the start-up log and the pages of `PAGES`. Raises UserInputError for a log without a start of vLLM."""
    shown = read_vllm(subject, BytesIO("\n".join(lines).encode()), record, Names({}))
    values = {name: value for name, value in shown.values.items() if name not in _ITS_OWN}
    in_bytes = {name.replace("_gib", "_bytes"): value * GIB for name, value in values.items() if name.endswith("_gib")}
    length = number(told.get("/v1/models"), "data", 0, "max_model_len") or shown.values.get("context_per_request_tokens")
    blocks, differing = _cache(subject, told.get(METRICS), record)
    seen = {"starts": 1.0, "context_per_request_tokens": length, "num_blocks": blocks or values.get("num_blocks")}
    return Truth(
        values={**values, **in_bytes, **{name: float(value) for name, value in seen.items() if value is not None}},
        engine=shown.engine,
        differing=tuple(dict.fromkeys([*shown.differs, *differing])),
    )


def _cache(subject: Subject, text: str | None, record: EngineRecord) -> tuple[int | None, Iterable[str]]:
    """Blocks of the pool, and where the size of a block is not the planned one."""
    try:
        caches = read_metrics(text or "", [record]).caches
    except UserInputError:
        return None, ()
    planned = str(getattr(subject.candidate.settings, "block_size", ""))
    taken = {cache.settings.get("block_size", planned) for cache in caches}
    blocks = [cache.num_blocks for cache in caches if cache.num_blocks is not None]
    return sum(blocks) if blocks else None, [f"block-size {planned} -> {size}" for size in sorted(taken - {planned})]
