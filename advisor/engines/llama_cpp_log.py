"""What llama.cpp's own log says about memory and context, in bytes. Sizes in the log have two decimals of a MiB, hence exact to 5 KiB.

Lines as written by llama.cpp commit 0c1e570 (2026-11): `load_tensors`, `llama_context`, `llama_kv_cache`, `llama_memory_recurrent`,
`sched_reserve`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from advisor.units import MIB

ROUNDING_BYTES: Final = 0.005 * MIB
_MIB: Final = r"(?P<mib>\d{1,9}\.\d{1,9}) MiB"  # bounded: a log may hold anything
_BUFFER: Final = re.compile(rf"(?P<device>[\w.]+)\s+(?P<kind>model|KV|RS|compute|output) buffer size =\s*{_MIB}")
_CACHE: Final = re.compile(rf"llama_kv_cache: size =\s*{_MIB} \(\s*(?P<cells>\d{{1,12}}) cells,\s*(?P<layers>\d{{1,9}}) layers")
_STATE: Final = re.compile(rf"llama_memory_recurrent: size =\s*{_MIB}")
_CONTEXT: Final = re.compile(
    r"llama_context: (?P<name>n_ctx|n_ctx_seq|n_seq_max|n_batch|n_ubatch|flash_attn|kv_unified)\s*=\s*(?P<value>\w+)"
)
_NEW_CONTEXT: Final = "constructing llama_context"
_NEW_LOAD: Final = "loading model tensors"  # a fit to the device loads once without allocating, then for real
_TRAINED: Final = re.compile(r"print_info: n_ctx_train\s*=\s*(?P<value>\d{1,12})")


@dataclass(frozen=True, slots=True)
class LlamaCppLog:
    """Buffers of the last context in the log. Weights are by buffer type, the rest by device; `None` where the log is silent.

    `cache_buffer_bytes` are KV and recurrent state together, as allocated on each device.
    """

    weights_bytes: dict[str, float]
    kv_cache_bytes: float | None
    kv_cache_cells: int | None
    recurrent_state_bytes: float | None
    cache_buffer_bytes: dict[str, float]
    compute_buffer_bytes: dict[str, float]
    output_buffer_bytes: dict[str, float]
    context: dict[str, str]
    trained_context_tokens: int | None

    @property
    def repacked_bytes(self) -> float:
        """Weights copied into a CPU-friendly layout, beside the mapped file."""
        return sum(size for buffer, size in self.weights_bytes.items() if "REPACK" in buffer)


def parse_log(lines: Iterable[str]) -> LlamaCppLog:
    """Read a start-up log; lines that say nothing about memory are skipped, whatever they hold."""
    text = "\n".join(lines)
    head, _, context = text.rpartition(_NEW_CONTEXT)
    buffers = list(_BUFFER.finditer(context))
    loaded = (head or text).rpartition(_NEW_LOAD)[2]
    weights = {match["device"]: _bytes(match) for match in _BUFFER.finditer(loaded) if match["kind"] == "model"}
    caches = list(_CACHE.finditer(context))
    states = list(_STATE.finditer(context))
    trained = _TRAINED.search(text)
    return LlamaCppLog(
        weights_bytes=weights,
        kv_cache_bytes=sum(_bytes(match) for match in caches) if caches else None,
        kv_cache_cells=max((int(match["cells"]) for match in caches), default=None),
        recurrent_state_bytes=sum(_bytes(match) for match in states) if states else None,
        cache_buffer_bytes=_summed(match for match in buffers if match["kind"] in ("KV", "RS")),
        compute_buffer_bytes={match["device"]: _bytes(match) for match in buffers if match["kind"] == "compute"},
        output_buffer_bytes={match["device"]: _bytes(match) for match in buffers if match["kind"] == "output"},
        context={match["name"]: match["value"] for match in _CONTEXT.finditer(context)},
        trained_context_tokens=int(trained["value"]) if trained else None,
    )


def _bytes(match: re.Match[str]) -> float:
    return float(match["mib"]) * MIB


def _summed(buffers: Iterable[re.Match[str]]) -> dict[str, float]:
    """Full and sliding-window layers have a buffer each on the same device."""
    sizes: dict[str, float] = {}
    for match in buffers:
        sizes[match["device"]] = sizes.get(match["device"], 0.0) + _bytes(match)
    return sizes
