"""Latent attention in llama.cpp's graphs, with an indexer that chooses the tokens or without (b11549)."""

from typing import Final

from advisor.domain.architecture import LatentAttention
from advisor.domain.ggml_types import row_bytes
from advisor.estimate.ggml_graph import Tensor
from advisor.estimate.graph_batch_llama_cpp import Batch, op, same, view

_CHOSEN_TOKENS: Final = 2048  # index_topk of every model that has an indexer so far
_F16: Final = 2
_F32: Final = 4


def latent_attention(batch: Batch, current: Tensor, mixer: LatentAttention) -> Tensor:
    """Absorbed queries against one compressed row a token: src/models/deepseek2.cpp, deepseek32.cpp."""
    tokens, heads, rank, rope = batch.tokens, mixer.heads, mixer.kv_lora_rank, mixer.qk_rope_dim
    asked = current if mixer.q_lora_rank is None else batch.norm(op((mixer.q_lora_rank, tokens), current))
    if mixer.indexer_heads:
        batch.chosen_tokens = _chosen_tokens(batch, current, asked, mixer)
    query = op((heads * (mixer.qk_nope_dim + rope), tokens), asked)
    packed = op((rank + rope, tokens), current)
    turned_key = same(view(packed, rope, 1, tokens), batch.positions)
    value = view(batch.norm(view(packed, rank, tokens)), rank, 1, tokens)
    turned_query = same(view(query, rope, heads, tokens), batch.positions)
    absorbed = op((rank, tokens, heads), view(query, mixer.qk_nope_dim, tokens, heads))
    joined = op((rank + rope, heads, tokens), view(absorbed, rank, heads, tokens), turned_query)
    key = op((rank + rope, 1, tokens), value, turned_key)
    for tensor in (joined, value, key):
        batch.graph.expand(tensor)
    batch.stored(view(key, rank + rope, tokens), batch.full.key_rows)
    attended = batch.graph.expand(_scores(batch, joined, mixer))
    return op((batch.hidden, tokens), attended)


def _scores(batch: Batch, query: Tensor, mixer: LatentAttention) -> Tensor:
    """Without flash attention the cached rows, which are the values too, are first transposed into a copy."""
    tokens, heads, rank, cells = batch.tokens, mixer.heads, mixer.kv_lora_rank, batch.cells
    asked, mask = view(query, *query.shape), _mask(batch)
    if batch.flash:
        mixed = view(op((rank, heads, tokens), asked, mask), rank, tokens, heads)
    else:
        copy_bytes = row_bytes(batch.settings.cache_type_k, rank) * cells * batch.context.streams
        transposed = Tensor((cells, rank), copy_bytes, (batch.positions,))
        mixed = op((rank, tokens, heads), transposed, same(op((cells, tokens, heads), asked), mask))
    values = op((mixer.value_dim, tokens, heads), mixed)
    return op((mixer.value_dim * heads, tokens), view(values, mixer.value_dim, heads, tokens))


def _mask(batch: Batch) -> Tensor:
    """The mask; with an indexer a copy in which only the chosen tokens are seen, written through an input of zeros."""
    mask = batch.full.mask
    if batch.chosen_tokens is None:
        return mask
    element = _F16 if batch.flash else _F32
    closed = op(mask.shape, mask, element=element)
    zeros = op(batch.chosen_tokens.shape)
    opened = Tensor(mask.shape, 0, (same(zeros), view(batch.chosen_tokens, 0), closed))
    opened.view_of = closed
    seen = op(mask.shape, view(opened, *mask.shape, 0), mask, element=element)
    seen.in_place = True
    return seen


def _chosen_tokens(batch: Batch, current: Tensor, asked: Tensor, mixer: LatentAttention) -> Tensor:
    """The indexer: its own keys are cached, its scores are fused, the best tokens kept (LLM_FUSED_OP_LIGHTNING_INDEXER)."""
    tokens, heads, dim, cells = batch.tokens, mixer.indexer_heads, mixer.indexer_dim, batch.cells
    query = op((dim, heads, tokens), view(op((heads * dim, tokens), asked), dim, heads, tokens), batch.positions)
    key = same(same(op((dim, tokens), op((dim, tokens), current))))
    key = op((dim, 1, tokens), view(key, dim, 1, tokens), batch.positions)
    turned_query, turned_key = op(query.shape, batch.indexer_rotation, query), op(key.shape, batch.indexer_rotation, key)
    batch.stored(view(turned_key, dim, tokens), batch.full.value_rows)
    weights = same(view(op((heads, tokens), current), heads, tokens))
    scores = op((cells, tokens), view(turned_query, 0), weights, batch.indexer_mask)
    best = op((batch.at_most(_CHOSEN_TOKENS), tokens), scores)
    return op(best.shape, best)
