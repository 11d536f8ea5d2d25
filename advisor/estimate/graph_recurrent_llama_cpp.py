"""Recurrent layers in llama.cpp's graphs: short convolutions, Mamba-2 and gated delta nets (b11549)."""

from advisor.domain.architecture import GatedDeltaNet, Mamba2, ShortConvolution
from advisor.estimate.ggml_graph import Tensor
from advisor.estimate.graph_batch_llama_cpp import Batch, op, same, view


def _convolved(batch: Batch, rows: Tensor, channels: int, kernel: int, state: Tensor) -> Tensor:
    """The last tokens of the state before these, its new tail kept, and the convolution."""
    per_sequence = batch.tokens // batch.sequences
    joined = op((kernel - 1 + per_sequence, channels, batch.sequences), view(state, 0), view(rows, 0))
    batch.stored(view(joined, 0))
    return op((channels, batch.tokens), joined)


def short_convolution(batch: Batch, current: Tensor, mixer: ShortConvolution) -> Tensor:
    """src/models/lfm2.cpp: gate, convolution, gate."""
    hidden, tokens = batch.hidden, batch.tokens
    packed = op((3 * hidden, tokens), view(current, hidden, tokens))
    gated = op((hidden, tokens), view(packed, hidden, tokens, 0), view(packed, hidden, tokens, 0))
    state = batch.state((mixer.kernel - 1) * hidden)
    convolved = _convolved(batch, gated, hidden, mixer.kernel, state)
    out = op((hidden, tokens), view(packed, hidden, tokens, 0), convolved)
    out.in_place = True
    return view(op((hidden, tokens), out), hidden, tokens)


def mamba2(batch: Batch, current: Tensor, mixer: Mamba2) -> Tensor:
    """src/models/mamba-base.cpp: the projection holds gate, convolved part and time steps."""
    tokens, inner = batch.tokens, mixer.heads * mixer.head_dim
    channels = inner + 2 * mixer.groups * mixer.state_dim
    state = batch.state((mixer.conv_kernel - 1) * channels)
    packed = op((inner + channels + mixer.heads, tokens), current)
    convolved = same(same(_convolved(batch, packed, channels, mixer.conv_kernel, state)))
    steps = same(op((mixer.heads, tokens), view(packed, mixer.heads, tokens)))
    part = view(convolved, mixer.head_dim, mixer.heads, tokens, 0)
    scanned = op((inner * tokens + mixer.state_dim * inner * batch.sequences,), part, steps, batch.state_rows)
    batch.graph.expand(scanned)
    batch.stored(view(scanned, 0))
    skipped = op((mixer.head_dim, mixer.heads, tokens), part)
    summed = op(skipped.shape, view(scanned, *skipped.shape), skipped)
    summed.in_place = True
    gated = op((inner, tokens), op((inner, tokens), view(packed, inner, tokens)), summed)
    return op((batch.hidden, tokens), view(batch.norm(view(gated, inner, tokens)), inner, tokens))


def delta_net(batch: Batch, current: Tensor, mixer: GatedDeltaNet) -> Tensor:
    """src/models/delta-net-base.cpp, fused: queries, keys and values convolved together, a state of one matrix per value head."""
    tokens, inner = batch.tokens, mixer.value_heads * mixer.value_dim
    key_width = mixer.key_heads * mixer.key_dim
    channels = inner + 2 * key_width
    mixed, out_gate = op((channels, tokens), current), op((inner, tokens), current)
    decay, strength = _delta_gates(batch, current, mixer)
    state = batch.state((mixer.conv_kernel - 1) * channels)
    joined = op((mixer.conv_kernel - 1 + tokens // batch.sequences, channels, batch.sequences), view(state, 0), view(mixed, 0))
    batch.stored(view(joined, 0))
    matrices = batch.state(mixer.value_heads * mixer.value_dim * mixer.key_dim)
    convolved = same(op((channels, tokens), joined))
    query, key = (_unit(batch, convolved, mixer) for _ in range(2))
    value = view(convolved, inner, tokens, 0)
    size = inner * tokens + mixer.value_heads * mixer.value_dim * mixer.key_dim * batch.sequences
    result = op((size,), query, key, value, view(decay, 0), strength, view(matrices, 0))
    batch.stored(view(result, 0))
    normed = batch.norm(view(result, inner, tokens))
    gated = same(normed, same(view(out_gate, inner, tokens)))
    return view(op((batch.hidden, tokens), view(gated, inner, tokens)), batch.hidden, tokens)


def _delta_gates(batch: Batch, current: Tensor, mixer: GatedDeltaNet) -> tuple[Tensor, Tensor]:
    heads, tokens = mixer.value_heads, batch.tokens
    if batch.style.packed_gates:
        packed = op((2 * heads, tokens), current)
        first, second = (op((heads, tokens), view(packed, heads, tokens, 0)) for _ in range(2))
        return same(same(same(second))), view(same(first), heads, tokens)
    strength, decay = op((heads, tokens), current), op((heads, tokens), current)
    return same(same(same(view(decay, heads, tokens)))), same(view(strength, heads, tokens))


def _unit(batch: Batch, convolved: Tensor, mixer: GatedDeltaNet) -> Tensor:
    """Queries or keys of length one, repeated where the architecture does."""
    unit = same(same(view(convolved, mixer.key_heads * mixer.key_dim, batch.tokens)))
    if not batch.style.repeated_heads or mixer.key_heads == mixer.value_heads:
        return unit
    width = mixer.value_heads * mixer.key_dim
    return view(op((width, batch.tokens), view(unit, 0)), width, batch.tokens)
