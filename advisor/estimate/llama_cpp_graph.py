"""The tensors that llama.cpp computes for one batch of a model, in its order: what its compute buffer is sized by.

Restates src/llama-graph.cpp and src/models/*.cpp of llama.cpp b11549 (commit 0c1e570) for attention models; how the graphs of the
architectures differ is in `llama_cpp_graph_styles`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from advisor.domain.architecture import (
    DenseFfn,
    GroupedAttention,
    KeyValueCache,
    LatentAttention,
    LayerGroup,
    ModelArchitecture,
    MoeFfn,
    window_of,
)
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import ggml_type
from advisor.estimate.ggml_graph import Graph, Tensor
from advisor.estimate.kv_cache_llama_cpp import Context
from advisor.estimate.llama_cpp_graph_styles import GraphStyle, style_of

_F32 = 4
_F16 = 2
_I64 = 8
_ROTATED_MULTIPLE = 64  # a quantised cache is rotated when its head is a multiple of it


def op(shape: tuple[int, ...], *sources: Tensor, in_place: bool = False, element: int = _F32) -> Tensor:
    """A computed tensor; one without sources is an input."""
    tensor = Tensor(shape, prod(shape) * element, sources)
    tensor.in_place = in_place
    return tensor


def view(source: Tensor, *shape: int) -> Tensor:
    """The same memory in another shape."""
    tensor = Tensor(shape, 0, (source,))
    tensor.view_of = source.view_of or source
    return tensor


def same(source: Tensor, *others: Tensor) -> Tensor:
    """An operation element by element: takes the place of a source that nobody else reads."""
    return op(source.shape, source, *others, in_place=True)


def norm(source: Tensor) -> Tensor:
    """A norm and its weight."""
    return same(same(source))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What every layer reads: positions, and for full and windowed layers each a mask, cache indices and rotations."""

    positions: Tensor
    masks: tuple[Tensor, Tensor]
    indices: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]
    key_rotation: Tensor | None
    value_rotation: Tensor | None
    output_rows: Tensor


class _Builder:
    """One graph: `tokens` in a batch, `outputs` of them with logits."""

    def __init__(self, architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context, style: GraphStyle) -> None:
        self.graph = Graph()
        self.architecture, self.settings, self.context, self.style = architecture, settings, context, style
        self.tokens = min(context.total_tokens, settings.ubatch_size)
        self.outputs = min(self.tokens, settings.outputs)
        self.flash = settings.flash_attn == "on"
        self.hidden = architecture.hidden_size
        self.windows = {w for g in architecture.layer_groups for c in g.caches if (w := window_of(c)) is not None}
        self.store = op((1,))  # the caches lie outside the graph
        self.inputs = self._inputs()

    def build(self, layers: list[LayerGroup], *, head: bool) -> Graph:
        """The whole graph of these layers, with the output head or without."""
        rows = op((self.tokens,))
        self.graph.expand(op((self.hidden, self.tokens)))  # embeddings given instead of tokens: reserved, never used
        current = self.graph.expand(op((self.hidden, self.tokens), rows))
        if self.style.scaled_embedding:
            current = same(current)
        for index, group in enumerate(layers):
            last = index == len(layers) - 1 and not self.style.whole_last_layer
            current = self._layer(current, group, last=last)
        if self.style.whole_last_layer:
            current = self._chosen(current)
        if head:
            current = norm(current)
            current = op((self.architecture.vocab_size, self.outputs), current)
            current.kept = True
        self.graph.expand(current)
        return self.graph

    # ---- inputs

    def _inputs(self) -> _Inputs:
        element = _F16 if self.flash else _F32
        cells = (self.context.cells, max((self.context.window_cells(w, self.settings) for w in self.windows), default=1))
        masks = tuple(op((count, self.tokens), element=element) for count in cells)
        value_width = 1 if self.flash else self._widest_value()
        indices = tuple(
            (op((self.tokens,), element=_I64), op((self.tokens * value_width,), element=_I64)) for _ in range(2)
        )
        head = self._common_head()
        return _Inputs(
            positions=op((self.tokens,)),
            masks=(masks[0], masks[1]),
            indices=(indices[0], indices[1]),
            key_rotation=self._rotation(self.settings.cache_type_k, head),
            value_rotation=self._rotation(self.settings.cache_type_v, head and _ROTATED_MULTIPLE),
            output_rows=op((self.outputs,)),
        )

    def _widest_value(self) -> int:
        caches = [c for g in self.architecture.layer_groups for c in g.caches if isinstance(c, KeyValueCache)]
        return max((cache.kv_heads * cache.value_dim for cache in caches), default=1)

    def _common_head(self) -> int:
        """The head size of all layers; 0 where they differ or cannot be rotated."""
        heads = {c.key_dim for g in self.architecture.layer_groups for c in g.caches if isinstance(c, KeyValueCache)}
        return heads.pop() if len(heads) == 1 and max(heads) % _ROTATED_MULTIPLE == 0 else 0

    @staticmethod
    def _rotation(cache_type: str, head: int) -> Tensor | None:
        """A Hadamard matrix as wide as the largest power of two in the head size: src/llama-kv-cache.cpp:1447."""
        if not head or ggml_type(cache_type).block == 1:
            return None
        width = head & -head
        return op((width, width))

    # ---- layers

    def _layer(self, current: Tensor, group: LayerGroup, *, last: bool) -> Tensor:
        style, residual = self.style, current
        normed = norm(current) if style.attention_norm else current
        attended = self._attention(normed, group) if group.mixer else current
        if last:
            attended, residual = self._chosen(attended), self._chosen(residual)
            normed = self._chosen(normed) if style.parallel else normed
        if group.ffn is None:
            return same(attended, residual)
        if style.parallel:
            return same(same(self._ffn(normed, group), residual), attended)
        if style.post_norms:
            attended = norm(attended)
        halfway = same(attended, residual) if group.mixer else attended
        out = self._ffn(norm(halfway) if style.ffn_norm else halfway, group)
        if style.post_norms:
            out = norm(out)
        return same(halfway, out) if style.residual_first else same(out, halfway)

    def _chosen(self, tensor: Tensor) -> Tensor:
        """The rows whose logits are wanted."""
        return op((tensor.shape[0], self.outputs), tensor, self.inputs.output_rows)

    # ---- attention

    def _attention(self, current: Tensor, group: LayerGroup) -> Tensor:
        match group.mixer:
            case GroupedAttention():
                return self._grouped(current, group.mixer, windowed=self._windowed(group))
            case LatentAttention():
                return self._latent(current, group.mixer)
            case _:
                raise NotImplementedError

    def _windowed(self, group: LayerGroup) -> int:
        return int(any(window_of(cache) is not None for cache in group.caches))

    def _grouped(self, current: Tensor, mixer: GroupedAttention, *, windowed: int) -> Tensor:
        query, key, value = self._projections(current, mixer)
        query, key, value = self._rotated(query, key, value)
        for tensor in (query, key, value) if self.windows else (query, value, key):
            self.graph.expand(tensor)
        indices = self.inputs.indices[windowed]
        self._stored(view(key, mixer.kv_heads * mixer.key_dim, self.tokens), indices[0])
        self._stored(self._value_rows(value, mixer), indices[1])
        attended = self._scores(query, mixer.heads, mixer.value_dim, windowed=windowed)
        self.graph.expand(attended)
        if self.inputs.value_rotation is not None:
            flat = view(attended, self.inputs.value_rotation.shape[0], -1)
            attended = view(op((mixer.heads * mixer.value_dim, self.tokens), self.inputs.value_rotation, flat), 0)
        return op((self.hidden, self.tokens), attended)

    def _projections(self, current: Tensor, mixer: GroupedAttention) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.tokens
        sizes = ((mixer.heads, mixer.key_dim), (mixer.kv_heads, mixer.key_dim), (mixer.kv_heads, mixer.value_dim))
        if self.style.fused_qkv:
            fused = op((sum(heads * dim for heads, dim in sizes), tokens), current)
            flat = [fused, fused, fused]
        else:
            flat = [op((heads * dim, tokens), current) for heads, dim in sizes]
        if mixer.qk_norm == "projection":
            flat[:2] = [norm(tensor) for tensor in flat[:2]]
        query, key, value = (view(tensor, dim, heads, tokens) for tensor, (heads, dim) in zip(flat, sizes, strict=True))
        if mixer.qk_norm == "head":
            query, key = norm(query), norm(key)
        if self.style.value_norm:
            value = same(value)
        return same(query, self.inputs.positions), same(key, self.inputs.positions), value

    def _rotated(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if (rotation := self.inputs.key_rotation) is not None:
            query, key = self._turned(query, rotation), self._turned(key, rotation)
        if (rotation := self.inputs.value_rotation) is not None:
            value = self._turned(value, rotation)
        return query, key, value

    def _turned(self, tensor: Tensor, rotation: Tensor) -> Tensor:
        flat = view(tensor, rotation.shape[0], -1)
        return view(op(tensor.shape, rotation, flat), *tensor.shape)

    def _stored(self, rows: Tensor, indices: Tensor) -> None:
        written = Tensor((0,), 0, (rows, indices))
        written.view_of = self.store
        self.graph.expand(written)

    def _value_rows(self, value: Tensor, mixer: GroupedAttention) -> Tensor:
        width = mixer.kv_heads * mixer.value_dim
        rows = view(value, width, self.tokens)
        if not self.flash and width < self._widest_value():
            rows = op((self._widest_value(), self.tokens), rows)
        return rows

    def _scores(self, query: Tensor, heads: int, value_dim: int, *, windowed: int) -> Tensor:
        mask = self.inputs.masks[windowed]
        asked = view(view(query, *query.shape), *query.shape)
        if self.flash:
            return view(op((value_dim, heads, self.tokens), asked, mask), heads * value_dim, self.tokens)
        scores = same(op((mask.shape[0], self.tokens, heads), asked), mask)
        mixed = op((value_dim, self.tokens, heads), scores)
        return op((heads * value_dim, self.tokens), view(mixed, value_dim, heads, self.tokens))

    def _latent(self, current: Tensor, mixer: LatentAttention) -> Tensor:
        """Absorbed queries against one compressed row a token: src/models/deepseek2.cpp."""
        tokens, heads, rank = self.tokens, mixer.heads, mixer.kv_lora_rank
        asked = current if mixer.q_lora_rank is None else norm(op((mixer.q_lora_rank, tokens), current))
        query = op((heads * (mixer.qk_nope_dim + mixer.qk_rope_dim), tokens), asked)
        query = view(query, mixer.qk_nope_dim + mixer.qk_rope_dim, heads, tokens)
        packed = op((rank + mixer.qk_rope_dim, tokens), current)
        turned_key = same(view(packed, mixer.qk_rope_dim, 1, tokens), self.inputs.positions)
        compressed = norm(view(packed, rank, tokens))
        turned_query = same(view(query, mixer.qk_rope_dim, heads, tokens), self.inputs.positions)
        absorbed = op((rank, tokens, heads), view(view(query, mixer.qk_nope_dim, heads, tokens), 0))
        joined = op((rank + mixer.qk_rope_dim, heads, tokens), view(absorbed, rank, heads, tokens), turned_query)
        value = view(compressed, rank, 1, tokens)
        key = op((rank + mixer.qk_rope_dim, 1, tokens), value, turned_key)
        for tensor in (joined, value, key):
            self.graph.expand(tensor)
        self._stored(view(key, rank + mixer.qk_rope_dim, tokens), self.inputs.indices[0][0])
        attended = self._latent_scores(joined, mixer)
        self.graph.expand(attended)
        return op((self.hidden, tokens), attended)

    def _latent_scores(self, query: Tensor, mixer: LatentAttention) -> Tensor:
        tokens, heads, rank = self.tokens, mixer.heads, mixer.kv_lora_rank
        mask = self.inputs.masks[0]
        asked = view(view(query, *query.shape), *query.shape)
        if self.flash:
            mixed: Tensor = view(op((rank, heads, tokens), asked, mask), rank, tokens, heads)
        else:
            mixed = op((rank, tokens, heads), same(op((mask.shape[0], tokens, heads), asked), mask))
        values = op((mixer.value_dim, tokens, heads), mixed)
        whole = op((mixer.value_dim, heads, tokens), view(values, mixer.value_dim, heads, tokens))
        return view(whole, heads * mixer.value_dim, tokens) if self.flash else whole

    # ---- feed-forward

    def _ffn(self, current: Tensor, group: LayerGroup) -> Tensor:
        match group.ffn:
            case DenseFfn():
                return self._dense(current, group.ffn.width, gated=group.ffn.gated)
            case MoeFfn():
                return self._experts(current, group.ffn)
            case _:
                raise NotImplementedError

    def _dense(self, current: Tensor, width: int, *, gated: bool = True) -> Tensor:
        rows = current.shape[-1]
        if not gated:
            return op((self.hidden, rows), same(same(op((width, rows), current))))
        if self.style.fused_gate:
            return op((self.hidden, rows), op((width, rows), op((2 * width, rows), current)))
        up = op((width, rows), current)
        return op((self.hidden, rows), op((width, rows), op((width, rows), current), up))

    def _experts(self, current: Tensor, ffn: MoeFfn) -> Tensor:
        rows, used = current.shape[-1], ffn.experts_per_token
        chosen, weights = self._routing(current, ffn)
        each = view(current, self.hidden, 1, rows)
        up = op((ffn.expert_width, used, rows), each, chosen)
        act = op((ffn.expert_width, used, rows), op((ffn.expert_width, used, rows), each, chosen), up) if ffn.gated else same(same(up))
        down = op((self.hidden, used, rows), act, chosen)
        weighted = self.graph.expand(same(down, weights))
        parts = [self.graph.expand(view(weighted, self.hidden, rows, 0)) for _ in range(used)]
        out = parts[0] if used > 1 else op((self.hidden, rows), parts[0])
        for index, part in enumerate(parts[1:]):
            out = self.graph.expand(same(out, part) if index else op((self.hidden, rows), out, part))
        if ffn.shared_width:
            out = same(out, self._shared(current, ffn))
        return out

    def _routing(self, current: Tensor, ffn: MoeFfn) -> tuple[Tensor, Tensor]:
        """The chosen experts of each token and their weights."""
        rows, used, style = current.shape[-1], ffn.experts_per_token, self.style
        logits = op((ffn.experts, rows), current)
        probabilities = logits if style.softmax_after_choice else same(logits)
        biased = same(probabilities, op((1,))) if ffn.correction_bias else probabilities
        order = op((ffn.experts, rows), biased)
        chosen = view(order, used, rows)
        weights = op((1, used, rows), view(probabilities, 1, ffn.experts, rows), chosen)
        if style.softmax_after_choice:
            weights = view(same(view(weights, used, rows)), 1, used, rows)
        if style.normed_weights:
            flat = view(weights, used, rows)
            weights = view(same(flat, same(op((1, rows), flat))), 1, used, rows)
        return chosen, self.graph.expand(weights)

    def _shared(self, current: Tensor, ffn: MoeFfn) -> Tensor:
        out = self._dense(current, ffn.shared_width, gated=ffn.gated)
        if not ffn.shared_gate:
            return out
        gate = op((1, current.shape[-1]), current)
        return same(out, same(same(gate), gate))


def graph_peaks(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> tuple[int, int] | None:
    """Bytes of the buffer with and without the output head; None for an architecture whose graph is not restated here."""
    style = style_of(architecture)
    if style is None:
        return None
    layers = _telling_layers(architecture)
    whole, headless = (
        _Builder(architecture, settings, context, style).build(layers, head=head).peak_bytes() for head in (True, False)
    )
    return whole, headless


def _telling_layers(architecture: ModelArchitecture) -> list[LayerGroup]:
    """Layers that repeat what came before add nothing to the peak: each sequence of three is kept twice, and the last layer."""
    order = [group for _, group in sorted((index, i) for i, g in enumerate(architecture.layer_groups) for index in g.layers)]
    seen: Counter[tuple[int, ...]] = Counter()
    kept = []
    for index, group in enumerate(order):
        around = tuple(order[max(0, index - 1) : index + 2])
        seen[around] += 1
        if seen[around] <= 2 or index == len(order) - 1:
            kept.append(architecture.layer_groups[group])
    return kept


Built = Callable[[Tensor], Tensor]
