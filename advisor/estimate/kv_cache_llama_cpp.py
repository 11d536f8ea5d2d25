"""Bytes of llama.cpp's caches, exactly as its allocators take them (llama.cpp b11549, commit 0c1e570).

All of it is allocated at start-up, whether a request comes or not. Formulas: src/llama-kv-cache.cpp, src/llama-kv-cache-iswa.cpp,
src/llama-memory-recurrent.cpp and src/llama-context.cpp of that commit.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from advisor.domain.architecture import (
    Cache,
    ChunkedCache,
    FullCache,
    IndexerCache,
    KeyValueCache,
    LatentCache,
    LayerGroup,
    ModelArchitecture,
    SlidingCache,
    StateCache,
    window_of,
)
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import row_bytes
from advisor.units import round_up

CELL_MULTIPLE: Final = 256  # every cell count is rounded up to it
_STATE_ELEMENT_BYTES: Final = 4  # recurrent state is float32, whatever the cache type


def padded(tokens: int) -> int:
    """Rounded up to the next multiple of 256 cells."""
    return round_up(tokens, CELL_MULTIPLE)


@dataclass(frozen=True, slots=True)
class Context:
    """How --ctx-size, --parallel and --kv-unified become cells.

    `cells` lie in each of `streams` caches; one sequence may use `cells` of them, but never more than the trained length.
    """

    cells: int
    streams: int
    sequences: int
    trained_tokens: int

    @property
    def total_tokens(self) -> int:
        """Cells of all streams: what all requests together may hold."""
        return self.cells * self.streams

    @property
    def per_request_tokens(self) -> int:
        """The longest request, prompt and answer together."""
        return min(self.cells, self.trained_tokens)

    def window_cells(self, window_tokens: int, settings: LlamaCppSettings) -> int:
        """Cells of a sliding-window layer in each stream."""
        if settings.swa_full:
            return self.cells
        # n_swa_cells = roundup256(min(n_ctx_seq, W * (unified ? n_seq_max : 1) + n_ubatch)): src/llama-kv-cache-iswa.cpp:73
        shared_by = 1 if self.streams > 1 else self.sequences
        return padded(min(self.cells, window_tokens * shared_by + settings.ubatch_size))


def context_of(architecture: ModelArchitecture, settings: LlamaCppSettings) -> Context:
    """The cells that these settings allocate: src/llama-context.cpp:290-330."""
    asked = padded(settings.ctx_size or architecture.max_context_tokens)
    if settings.kv_unified or settings.parallel == 1:
        return Context(asked, 1, settings.parallel, architecture.max_context_tokens)
    per_sequence = padded(asked // settings.parallel)
    return Context(per_sequence, settings.parallel, settings.parallel, architecture.max_context_tokens)


def layer_cache_bytes(group: LayerGroup, architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> int:
    """KV bytes of one layer of the group, all streams."""
    value_width = _padded_value(architecture, settings)
    cells = sum(_cells(cache, settings, context) * _row_bytes(cache, settings, value_width=value_width) for cache in group.caches)
    return context.streams * (cells + context.cells * _padding_row_bytes(group, architecture, settings))


def layer_state_bytes(group: LayerGroup, context: Context) -> int:
    """Recurrent state of one layer, all sequences: 4 * (n_embd_r + n_embd_s) * n_seq_max, src/llama-memory-recurrent.cpp:102."""
    elements = sum(cache.conv_elements + cache.state_elements for cache in group.caches if isinstance(cache, StateCache))
    return _STATE_ELEMENT_BYTES * elements * context.sequences


def layer_token_bytes(group: LayerGroup, architecture: ModelArchitecture, settings: LlamaCppSettings) -> int:
    """Bytes that one more cell adds to one layer once the windows are full."""
    value_width = _padded_value(architecture, settings)
    growing = [cache for cache in group.caches if settings.swa_full or window_of(cache) is None]
    rows = sum(_row_bytes(cache, settings, value_width=value_width) for cache in growing)
    return rows + _padding_row_bytes(group, architecture, settings)


def layer_elements(group: LayerGroup, settings: LlamaCppSettings, context: Context) -> int:
    """Keys and values of one layer, all streams, as elements."""
    rows = [
        _cells(cache, settings, context) * cache.kv_heads * (cache.key_dim + cache.value_dim)
        for cache in group.caches
        if isinstance(cache, KeyValueCache)
    ]
    return context.streams * sum(rows)


def checkpoint_bytes(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> int:
    """One sequence's windows and recurrent state: what a checkpoint copies, without its few bytes a cell; 0 where nothing needs one.

    Of a window those cells alone that a further token may see: llama_kv_cache::state_write, src/llama-kv-cache.cpp:2065.
    """
    caches = [(cache, group.count) for group in architecture.layer_groups for cache in group.caches]
    windows = [(window_of(cache), _row_bytes(cache, settings), count) for cache, count in caches if not settings.swa_full]
    rows = sum(count * min(window, context.per_request_tokens) * row for window, row, count in windows if window is not None)
    alone = Context(context.cells, 1, 1, context.trained_tokens)
    return rows + sum(group.count * layer_state_bytes(group, alone) for group in architecture.layer_groups)


def widest_window_cells(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> int:
    """Cells of the second attention mask that models with windows need; 0 for others."""
    windows = [window_of(cache) for group in architecture.layer_groups for cache in group.caches]
    return max((context.window_cells(window, settings) for window in windows if window is not None), default=0)


def _cells(cache: Cache, settings: LlamaCppSettings, context: Context) -> int:
    window = window_of(cache)
    return context.cells if window is None else context.window_cells(window, settings)


def _row_bytes(cache: Cache, settings: LlamaCppSettings, *, value_width: int = 0) -> int:
    """Bytes of one cell: row(type_k, dk * K) + row(type_v, dv * K), src/llama-kv-cache.cpp:210; `value_width` pads V without FA."""
    match cache:
        case FullCache() | SlidingCache() | ChunkedCache():
            keys = row_bytes(settings.cache_type_k, cache.kv_heads * cache.key_dim)
            values = max(value_width, cache.kv_heads * cache.value_dim)
            return keys + row_bytes(settings.cache_type_v, values)
        case LatentCache():  # V is a view of K: no V tensor at all
            return row_bytes(settings.cache_type_k, cache.rank + cache.rope_dim)
        case IndexerCache():
            return row_bytes(settings.cache_type_k, cache.head_dim)
        case StateCache():
            return 0
        case _:
            assert_never(cache)


def widest_value(architecture: ModelArchitecture) -> int:
    """Elements of V in the widest layer."""
    return max(_value_widths(architecture), default=0)


def _value_widths(architecture: ModelArchitecture) -> set[int]:
    caches = [cache for group in architecture.layer_groups for cache in group.caches if isinstance(cache, KeyValueCache)]
    return {cache.kv_heads * cache.value_dim for cache in caches}


def _padded_value(architecture: ModelArchitecture, settings: LlamaCppSettings) -> int:
    """Without flash attention V is stored transposed, every layer as wide as the widest: src/llama-kv-cache.cpp:158. Else 0."""
    return widest_value(architecture) if settings.flash_attn == "off" else 0


def _padding_row_bytes(group: LayerGroup, architecture: ModelArchitecture, settings: LlamaCppSettings) -> int:
    """V that a layer without attention gets all the same, where V is padded and no layer is recurrent (which has a filter of its own)."""
    if group.mixer is not None or group.caches:
        return 0
    if any(isinstance(cache, StateCache) for other in architecture.layer_groups for cache in other.caches):
        return 0
    return row_bytes(settings.cache_type_v, _padded_value(architecture, settings))
