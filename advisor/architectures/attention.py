"""What the families' readers share: heads, context length, embeddings, the GGUF rope table."""

from advisor.architectures.fields import Fields
from advisor.domain.architecture import GroupedAttention
from advisor.errors import UserInputError

_UNSCALED = frozenset({"default", "llama3", "longrope", "su", "proportional", "mrope"})
"""Rope types whose max_position_embeddings already holds the long context."""


def heads(fields: Fields, *, hidden_size: int) -> tuple[int, int, int]:
    """Query heads, key-value heads and their size. `head_dim` wins over hidden_size / heads: many families set it apart."""
    queries = fields.whole("num_attention_heads")
    keys = fields.whole("num_key_value_heads", default=queries)
    size = fields.whole_or_none("head_dim")
    if size is None:
        if hidden_size % queries:
            raise UserInputError(f"{fields.where}: head_dim: missing, and hidden_size {hidden_size} is not a multiple of {queries} heads")
        size = hidden_size // queries
    if queries % keys:
        raise UserInputError(f"{fields.where}: num_key_value_heads: {keys} does not divide {queries} heads")
    return queries, keys, size


def grouped(fields: Fields, *, hidden_size: int) -> GroupedAttention:
    """Plain grouped-query attention without extras; families add theirs with dataclasses.replace."""
    queries, keys, size = heads(fields, hidden_size=hidden_size)
    return GroupedAttention(queries, keys, size, size)


def max_context_tokens(fields: Fields, *, scaled_already: bool = False) -> int:
    """The longest context the model serves: yarn multiplies its original length, other scalings the stated one.

    As vLLM derives it (`config/model.py`, `_get_and_verify_max_len`); Gemma 3 states the scaled length.
    """
    stated = fields.whole("max_position_embeddings")
    rope = fields.table("rope_scaling") or fields.table("rope_parameters")
    kind = str(rope.get("rope_type") or rope.get("type") or "default")
    factor = rope.get("factor")
    if scaled_already or kind in _UNSCALED or not isinstance(factor, int | float):
        return stated
    original = rope.get("original_max_position_embeddings")
    start = original if kind == "yarn" and isinstance(original, int) else stated
    return int(start * factor)


def rope_frequencies(fields: Fields, head_dim: int) -> int:
    """Elements of the rope tables that llama.cpp's converter adds: one for Llama 3.1's scaling, a long and a short one for longrope."""
    rope = fields.table("rope_scaling") or fields.table("rope_parameters")
    kind = rope.get("rope_type") or rope.get("type")
    rotated = int(head_dim * _share(fields.value("partial_rotary_factor") or rope.get("partial_rotary_factor")))
    return {"llama3": head_dim // 2, "longrope": rotated, "su": rotated}.get(str(kind), 0)


def _share(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 1.0
