"""The batch that llama.cpp reserves its compute buffer for, and the operations that its graphs are written with (b11549)."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Final

from advisor.domain.architecture import IndexerCache, KeyValueCache, ModelArchitecture, window_of
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import ggml_type
from advisor.estimate.ggml_graph import Graph, Tensor
from advisor.estimate.graph_styles_llama_cpp import GraphStyle
from advisor.estimate.growth import Cells, form
from advisor.estimate.kv_cache_llama_cpp import Context, widest_value
from advisor.units import round_up

_F32: Final = 4
_F16: Final = 2
_I64: Final = 8
_ENDLESS: Final = 1 << 40  # cells
_ROTATED_MULTIPLE: Final = 64  # a quantised cache is rotated where its heads are a multiple of it


def batch_tokens(settings: LlamaCppSettings, context: Context) -> int:
    """min(n_ctx, n_ubatch), rounded up to a multiple of the sequences: src/llama-context.cpp:2528."""
    return round_up(min(context.total_tokens, settings.ubatch_size), context.sequences)


def op(shape: tuple[int, ...], *sources: Tensor, element: int = _F32) -> Tensor:
    """A computed tensor; one without sources is an input."""
    return Tensor(shape, prod(shape) * element, sources)


def view(source: Tensor, *shape: int) -> Tensor:
    """The same memory in another shape."""
    tensor = Tensor(shape, 0, (source,))
    tensor.view_of = source.view_of or source
    return tensor


def same(source: Tensor, *others: Tensor) -> Tensor:
    """An operation element by element: takes the place of a source of its shape that nobody else reads."""
    tensor = op(source.shape, source, *others)
    tensor.in_place = True
    return tensor


@dataclass(frozen=True, slots=True)
class CacheInputs:
    """What layers of one cache read: the mask, where keys and values go, and the rotation of a quantised cache."""

    mask: Tensor
    key_rows: Tensor
    value_rows: Tensor
    key_rotation: Tensor | None
    value_rotation: Tensor | None


class Batch:
    """One graph in the making: `tokens` in a batch of `sequences`, `outputs` of them with logits.

    With `grows` its sizes are forms in the cells, else those of this context alone.
    """

    def __init__(
        self, architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context, style: GraphStyle, *, grows: bool
    ) -> None:
        self.graph = Graph()
        self.architecture, self.settings, self.context, self.style = architecture, settings, context, style
        self.hidden, self.sequences = architecture.hidden_size, context.sequences
        self.cells = Cells(context.cells) if grows else context.cells
        self.tokens = batch_tokens(settings, context)
        self.outputs = min(context.total_tokens, settings.ubatch_size, settings.outputs)
        self.flash = settings.flash_attn == "on"
        self.positions = op((style.position_numbers * self.tokens,))
        self.output_rows, self.state_rows = op((self.outputs,)), op((self.sequences,))
        self.chosen_tokens: Tensor | None = None  # by the last indexer
        self._store = op((1,))  # caches lie outside the graph

    @cached_property
    def has_windows(self) -> bool:
        """True when layers with windows have a cache of their own."""
        return any(window_of(cache) is not None for group in self.architecture.layer_groups for cache in group.caches)

    @cached_property
    def full(self) -> CacheInputs:
        """For layers that see everything."""
        return self._cache_inputs(None)

    @cached_property
    def windowed(self) -> CacheInputs:
        """For layers that see a window."""
        windows = [window_of(cache) for group in self.architecture.layer_groups for cache in group.caches]
        return self._cache_inputs(max(window for window in windows if window is not None))

    @cached_property
    def indexer_mask(self) -> Tensor:
        """Always in half precision."""
        return op((self.cells, self.tokens), element=_F16)

    @cached_property
    def indexer_rotation(self) -> Tensor:
        """An indexer's keys are always rotated."""
        dims = [cache.head_dim for group in self.architecture.layer_groups for cache in group.caches if isinstance(cache, IndexerCache)]
        return op((dims[0] & -dims[0], dims[0] & -dims[0]))

    def chosen(self, tensor: Tensor) -> Tensor:
        """The rows whose logits are wanted."""
        return op((tensor.shape[0], self.outputs), tensor, self.output_rows)

    def norm(self, source: Tensor) -> Tensor:
        """A norm and its weight."""
        normed = same(source)
        normed.in_place = self.style.norm_takes_over
        return same(normed)

    def stored(self, *sources: Tensor) -> None:
        """Written into a cache: computed now, without memory in the graph."""
        written = Tensor((0,), 0, sources)
        written.view_of = self._store
        self.graph.expand(written)

    def at_most(self, cells: int) -> int:
        """All cells of the context, or so many where it has more."""
        self.graph.margins.add(form(self.cells - cells, 1))
        return min(self.cells, cells)

    def state(self, elements: int) -> Tensor:
        """The states of all sequences, copied out of their cache; the copy of those beyond them is empty (build_rs)."""
        states = self.graph.expand(op((elements, self.sequences), self.state_rows))
        self.stored(op((elements, 0), self.state_rows))
        return states

    def _cache_inputs(self, window_tokens: int | None) -> CacheInputs:
        settings, endless = self.settings, replace(self.context, cells=_ENDLESS)
        cells = self.cells if window_tokens is None else self.at_most(endless.window_cells(window_tokens, settings))
        groups = self.architecture.layer_groups
        caches = [c for group in groups for c in group.caches if isinstance(c, KeyValueCache) and window_of(c) == window_tokens]
        key_head, value_head = ({getattr(cache, name) for cache in caches} for name in ("key_dim", "value_dim"))
        return CacheInputs(
            mask=op((cells, self.tokens), element=_F16 if self.flash else _F32),
            key_rows=op((self.tokens,), element=_I64),
            value_rows=op((self.tokens * (1 if self.flash else widest_value(self.architecture)),), element=_I64),
            key_rotation=_rotation(settings.cache_type_k, key_head, widest=True),
            value_rotation=_rotation(settings.cache_type_v, value_head, widest=False),
        )


def _rotation(cache_type: str, heads: set[int], *, widest: bool) -> Tensor | None:
    """A Hadamard matrix, for keys as wide as the largest power of two in the head: src/llama-kv-cache.cpp:312 and 1447."""
    head = heads.pop() if len(heads) == 1 else 0
    if not head or head % _ROTATED_MULTIPLE or ggml_type(cache_type).block == 1:
        return None
    width = head & -head if widest else _ROTATED_MULTIPLE
    return op((width, width))
