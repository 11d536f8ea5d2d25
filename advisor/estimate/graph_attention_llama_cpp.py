"""Grouped attention in llama.cpp's graphs, with flash attention and without (src/llama-graph.cpp, b11549)."""

from advisor.domain.architecture import GroupedAttention
from advisor.estimate.ggml_graph import Tensor
from advisor.estimate.graph_batch_llama_cpp import Batch, CacheInputs, op, same, view
from advisor.estimate.kv_cache_llama_cpp import widest_value


def grouped_attention(batch: Batch, current: Tensor, mixer: GroupedAttention, cache: CacheInputs, *, positioned: bool) -> Tensor:
    """Projections, their rotations, the cache, the scores, and the output projection (build_attn)."""
    if mixer.queries_alone:
        return _borrowing(batch, current, mixer, cache)
    query, key, value, gate = _projections(batch, current, mixer)
    query, key = _positioned(batch, query, key, positioned=positioned)
    if cache.key_rotation is not None:
        query, key = _rotated(query, cache.key_rotation), _rotated(key, cache.key_rotation)
    if cache.value_rotation is not None:
        value = _rotated(value, cache.value_rotation)
    for tensor in (query, key, value) if batch.has_windows else (query, value, key):
        batch.graph.expand(tensor)
    batch.stored(view(key, mixer.kv_heads * mixer.key_dim, batch.tokens), cache.key_rows)
    batch.stored(_value_rows(batch, value, mixer), cache.value_rows)
    attended = batch.graph.expand(_scores(batch, query, mixer.heads, mixer.value_dim, cache))
    if cache.value_rotation is not None:
        attended = _rotated(attended, cache.value_rotation)
    if gate is not None:
        attended = _in_place_of(attended, same(op(attended.shape, gate)))
    return op((batch.hidden, batch.tokens), attended)


def _borrowing(batch: Batch, current: Tensor, mixer: GroupedAttention, cache: CacheInputs) -> Tensor:
    """Nothing is stored: queries, normalised and rotated by position, read what an earlier layer stored (src/models/gemma4.cpp)."""
    query = view(op((mixer.heads * mixer.key_dim, batch.tokens), current), mixer.key_dim, mixer.heads, batch.tokens)
    query = same(batch.norm(query), batch.positions)
    if cache.key_rotation is not None:
        query = _rotated(query, cache.key_rotation)
    attended = batch.graph.expand(_scores(batch, batch.graph.expand(query), mixer.heads, mixer.value_dim, cache))
    if cache.value_rotation is not None:
        attended = _rotated(attended, cache.value_rotation)
    return op((batch.hidden, batch.tokens), attended)


def _positioned(batch: Batch, query: Tensor, key: Tensor, *, positioned: bool) -> tuple[Tensor, Tensor]:
    """Rotated by position, or scaled by it, or neither."""
    if positioned:
        query, key = same(query, batch.positions), same(key, batch.positions)
    elif batch.style.scales_the_others:
        query = same(query, batch.positions)
    return same(query) if batch.style.scaled_queries else query, key


def _projections(batch: Batch, current: Tensor, mixer: GroupedAttention) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Queries, keys, values by head, and the gate on the output that some models compute with the queries."""
    tokens = batch.tokens
    sizes = ((mixer.heads, mixer.key_dim), (mixer.kv_heads, mixer.key_dim), (mixer.kv_heads, mixer.value_dim))
    if batch.style.fused_qkv:
        flat = [op((sum(heads * dim for heads, dim in sizes), tokens), current)] * 3
    else:
        gated = 2 if mixer.output_gate else 1
        flat = [op((heads * dim * (1 if index else gated), tokens), current) for index, (heads, dim) in enumerate(sizes)]
    if mixer.qk_norm == "projection":
        flat[:2] = [batch.norm(tensor) for tensor in flat[:2]]
    query, key, value = (view(tensor, dim, heads, tokens) for tensor, (heads, dim) in zip(flat, sizes, strict=True))
    gate = view(flat[0], mixer.key_dim, mixer.heads, tokens) if mixer.output_gate else None
    if mixer.qk_norm == "head":
        query, key = batch.norm(query), batch.norm(key)
    return query, key, same(value) if batch.style.value_norm else value, gate


def _in_place_of(seen: Tensor, owned: Tensor) -> Tensor:
    """An operation on a view and a tensor of its own."""
    result = op(owned.shape, seen, owned)
    result.in_place = True
    return result


def _rotated(tensor: Tensor, rotation: Tensor) -> Tensor:
    """Times a Hadamard matrix (llama_mul_mat_hadamard)."""
    return view(op(tensor.shape, rotation, view(tensor, rotation.shape[0], -1)), *tensor.shape)


def _value_rows(batch: Batch, value: Tensor, mixer: GroupedAttention) -> Tensor:
    """Without flash attention every layer's rows are as wide as the widest (ggml_pad)."""
    width, widest = mixer.kv_heads * mixer.value_dim, widest_value(batch.architecture)
    rows = view(value, width, batch.tokens)
    return rows if batch.flash or width == widest else op((widest, batch.tokens), rows)


def _scores(batch: Batch, query: Tensor, heads: int, value_dim: int, cache: CacheInputs) -> Tensor:
    tokens = batch.tokens
    asked = view(query, *query.shape)
    if batch.flash:
        return view(op((value_dim, heads, tokens), asked, cache.mask), heads * value_dim, tokens)
    scores = same(op((cache.mask.shape[0], tokens, heads), asked), cache.mask)
    mixed = op((value_dim, tokens, heads), scores)
    return op((heads * value_dim, tokens), view(mixed, value_dim, heads, tokens))
