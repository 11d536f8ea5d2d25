"""The size of llama.cpp's compute buffer: the graph that it reserves for, restated (src/models/*.cpp and ggml-alloc.c, b11549)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from advisor.domain.architecture import (
    GatedDeltaNet,
    GroupedAttention,
    IndexerCache,
    LatentAttention,
    LayerGroup,
    Mamba2,
    ModelArchitecture,
    MoeFfn,
    ShortConvolution,
    window_of,
)
from advisor.domain.engine import LlamaCppSettings
from advisor.estimate.ggml_graph import Tensor
from advisor.estimate.graph_attention_llama_cpp import grouped_attention
from advisor.estimate.graph_batch_llama_cpp import Batch, op, same, view
from advisor.estimate.graph_ffn_llama_cpp import dense, feed_forward, routed, routing
from advisor.estimate.graph_latent_llama_cpp import latent_attention
from advisor.estimate.graph_recurrent_llama_cpp import delta_net, mamba2, short_convolution
from advisor.estimate.graph_styles_llama_cpp import STYLES, GraphStyle
from advisor.estimate.growth import Piece, parts, piece
from advisor.estimate.kv_cache_llama_cpp import Context

_LONGEST_PERIOD: Final = 8  # of the patterns in which kinds of layers follow each other
_FEW_PERIODS: Final = 3
_KEPT_PERIODS: Final = 4
_CYCLES: Final = 6


def graph_piece(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context, *, head: bool = True) -> Piece:
    """Bytes of the buffer with the output head or without it, at this context and at the neighbours that it answers for."""
    batch = _sized(architecture, settings, context, head=head, grows=True)
    found = piece(context.cells, batch.graph.peak_form, batch.graph.margins)
    if found is not None:
        return found
    fixed = _sized(architecture, settings, context, head=head, grows=False)
    return Piece(context.cells, parts(fixed.graph.peak_form)[0], 0, context.cells, context.cells)


def restated_tensors(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> int:
    """Operations and inputs of the whole graph, as far as they are restated: views of the caches and some that work in place are not."""
    batch = Batch(architecture, settings, context, _style(architecture), grows=False)
    _build(batch, _every_layer(architecture), head=True)
    return batch.graph.tensors


def _sized(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context, *, head: bool, grows: bool) -> Batch:
    """The graph of three periods of the layers' pattern where that is seen to tell the whole, else of more."""
    style = _style(architecture)
    for few in (True, False):
        batch = Batch(architecture, settings, context, style, grows=grows)
        _build(batch, _telling_layers(architecture, style, few=few), head=head)
        batch.graph.allocate()
        if batch.graph.settled:
            break
    return batch


def _build(batch: Batch, layers: "Sequence[_Layer]", *, head: bool) -> None:
    batch.graph.expand(op((batch.hidden, batch.tokens)))  # embeddings given instead of tokens: reserved, never used
    current = batch.graph.expand(op((batch.hidden, batch.tokens), op((batch.tokens,))))
    if batch.style.embedding_scale:
        current = same(current)
    own = _own_embeddings(batch, current)
    for layer in layers:
        current = _layer(batch, current, layer, own, last=layer is layers[-1] and batch.style.last_rows == "in_layer")
        if layer.before_repetition:
            batch.graph.mark()
    batch.graph.expand(_head(batch, current) if head else current)


def _style(architecture: ModelArchitecture) -> GraphStyle:
    return STYLES.get(architecture.gguf_name or "", GraphStyle(weights_sum_to_one=True))


def is_restated(architecture: ModelArchitecture) -> bool:
    """True when this architecture's own graph is known here; others are sized as the commonest graph of the same parts."""
    return architecture.gguf_name in STYLES


def _head(batch: Batch, current: Tensor) -> Tensor:
    """The last norm and the logits. What the application may read keeps its memory."""
    where = batch.style.last_rows
    if where == "before_norm":
        current.kept = True
        current = batch.chosen(current)
    current = batch.norm(current)
    current.kept = True
    if where == "after_norm":
        current = batch.chosen(current)
        current.kept = True
    logits = op((batch.architecture.vocab_size, batch.outputs), current)
    logits.kept = True
    return logits


# ---- layers


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer by its place in the model."""

    index: int
    group: LayerGroup
    before_repetition: bool = False  # memory is to look the same after each of these

    @property
    def windowed(self) -> bool:
        return any(window_of(cache) is not None for cache in self.group.read_caches)

    def positioned(self, style: GraphStyle) -> bool:
        """Whether queries and keys are rotated by position."""
        match style.positions:
            case "windows":
                return self.windowed
            case "not_every_fourth":
                return (self.index + 1) % 4 != 0
            case _:
                return style.positions == "all"


@lru_cache
def _telling_layers(architecture: ModelArchitecture, style: GraphStyle, *, few: bool) -> tuple[_Layer, ...]:
    """The layers without repetitions in the middle, which leave the allocator as they found it and add nothing to the peak.

    `few` leaves two periods of the layers' pattern and the last, to be used when the second leaves memory as the first did. Without it
    four stay: where free memory lies repeats after one, two or three periods, so whole multiples of six periods are left out.
    """
    layers = _every_layer(architecture)
    order = [(group, layer.positioned(style)) for group, layer in zip(_order(architecture), layers, strict=True)]
    start, period, length = max((_stretch(order, period) for period in range(1, _LONGEST_PERIOD + 1)), key=lambda found: found[2])
    kept, step = (_FEW_PERIODS, period) if few else (_KEPT_PERIODS, _CYCLES * period)
    dropped = max(0, length - kept * period) // step * step
    if not dropped or any(isinstance(cache, IndexerCache) for group in architecture.layer_groups for cache in group.caches):
        return tuple(layers)  # with indexers each layer has an input of its own, all reserved at the start
    first = start + kept // 2 * period + (period if few else 0)
    if few:
        for at in (first - 1, first - 1 - period):
            layers[at] = replace(layers[at], before_repetition=True)
    return (*layers[:first], *layers[first + dropped :])


def _every_layer(architecture: ModelArchitecture) -> list[_Layer]:
    return [_Layer(index, architecture.layer_groups[group]) for index, group in enumerate(_order(architecture))]


def _order(architecture: ModelArchitecture) -> list[int]:
    """The number of each layer's group."""
    groups = enumerate(architecture.layer_groups)
    return [group for _, group in sorted((index, number) for number, group in groups for index in group.layers)]


def _stretch(order: Sequence[object], period: int) -> tuple[int, int, int]:
    """Start, period and length of the longest stretch of layers that repeats with this period."""
    best = start = 0
    best_start = 0
    for index in range(period, len(order)):
        if order[index] != order[index - period]:
            start = index - period + 1
        elif index + 1 - start > best:
            best, best_start = index + 1 - start, start
    return best_start, period, best


def _own_embeddings(batch: Batch, embedded: Tensor) -> Tensor | None:
    """Every layer's own embeddings of the tokens: looked up, and what the embeddings are projected to (project_per_layer_inputs)."""
    width = batch.architecture.token_width
    if not width:
        return None
    shape = (width, batch.tokens)
    found = batch.graph.expand(same(view(op(shape, op((batch.tokens,))), *shape)))
    projected = batch.norm(view(same(op(shape, embedded)), *shape))
    return op((batch.tokens, width), view(same(same(projected, found)), *shape))


def _with_own_embedding(batch: Batch, current: Tensor, own: Tensor, width: int) -> Tensor:
    """The layer's own embedding, gated by its output, projected and added to it: src/models/gemma4.cpp."""
    gate = same(op((width, batch.tokens), current))
    out = op((batch.hidden, batch.tokens), same(gate, view(own, width, batch.tokens)))
    return same(current, batch.norm(out))


def _layer(batch: Batch, current: Tensor, layer: _Layer, own: Tensor | None, *, last: bool) -> Tensor:
    style, residual, group = batch.style, current, layer.group
    if style.single_block:
        normed = batch.norm(current)
        return same(_mixed(batch, normed, layer) if group.mixer else feed_forward(batch, normed, group.ffn), residual)
    normed = batch.norm(current) if style.attention_norm and group.mixer else current
    if style.early_norm:
        batch.graph.expand(normed)
    attended = _mixed(batch, normed, layer) if group.mixer else current
    if last:
        attended, residual = batch.chosen(attended), batch.chosen(residual)
        normed = batch.chosen(normed) if style.parallel else normed
    if style.parallel:
        return same(same(feed_forward(batch, normed, group.ffn), residual), attended)
    if style.post_norms:
        attended = batch.norm(attended)
    halfway = _sum(attended, residual, residual_first=style.attention_residual_first) if group.mixer else attended
    return _second_half(batch, halfway, group, own) if group.ffn else halfway


def _second_half(batch: Batch, halfway: Tensor, group: LayerGroup, own: Tensor | None) -> Tensor:
    style, ffn = batch.style, group.ffn
    if isinstance(ffn, MoeFfn) and ffn.dense_width:
        out = _dense_beside_experts(batch, halfway, ffn)
    else:
        out = feed_forward(batch, batch.norm(halfway) if style.ffn_norm else halfway, ffn)
    out = _sum(batch.norm(out) if style.post_norms else out, halfway, residual_first=style.ffn_residual_first)
    if own is not None:
        out = _with_own_embedding(batch, out, own, group.token_width)
    return same(out) if group.layer_scalar else out


def _dense_beside_experts(batch: Batch, halfway: Tensor, ffn: MoeFfn) -> Tensor:
    """A dense block and experts on the same input, each normed before and after: src/models/gemma4.cpp."""
    beside = batch.norm(dense(batch, batch.norm(halfway), ffn.dense_width))
    entering = batch.norm(halfway)
    chosen, weights = routing(batch, same(same(same(halfway))), ffn)
    return same(beside, batch.norm(routed(batch, entering, ffn, chosen, weights)))


def _sum(branch: Tensor, residual: Tensor, *, residual_first: bool) -> Tensor:
    return same(residual, branch) if residual_first else same(branch, residual)


def _mixed(batch: Batch, current: Tensor, layer: _Layer) -> Tensor:
    match layer.group.mixer:
        case GroupedAttention() as mixer:
            cache = batch.windowed if layer.windowed else batch.full
            return grouped_attention(batch, current, mixer, cache, positioned=layer.positioned(batch.style))
        case LatentAttention() as mixer:
            return latent_attention(batch, current, mixer)
        case GatedDeltaNet() as mixer:
            return delta_net(batch, current, mixer)
        case Mamba2() as mixer:
            return mamba2(batch, current, mixer)
        case ShortConvolution() as mixer:
            return short_convolution(batch, current, mixer)
        case _:
            return current
