"""Llama 4: three layers that attend within a chunk, then one over everything; experts as wide as intermediate_size beside a shared one.

transformers: models/llama4. Its query and key norms have no weights.
"""

from advisor.architectures.attention import grouped, max_context_tokens, rope_frequencies
from advisor.architectures.build import Layer, assemble, full_cache
from advisor.architectures.fields import Fields
from advisor.architectures.vision import llama4_vision_parameters
from advisor.domain.architecture import Cache, ChunkedCache, DenseFfn, Ffn, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError


def read_llama4(fields: Fields) -> ModelArchitecture:
    """llama4_text. Raises UserInputError for a missing or unusable field."""
    if fields.flag("attention_bias"):
        raise UserInputError(f"{fields.where}: attention_bias: true is not known for this family: refused, not guessed")
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    attention = grouped(fields, hidden_size=hidden)
    chunk = fields.whole("attention_chunk_size", default=8192)
    caches: dict[bool, tuple[Cache, ...]] = {
        True: (ChunkedCache(attention.kv_heads, attention.key_dim, attention.value_dim, chunk),),
        False: (full_cache(attention),),
    }
    kinds = zip(_chunked(fields, layers), _ffns(fields, layers), strict=True)
    return assemble(
        [Layer(attention, caches[chunked], ffn) for chunked, ffn in kinds],
        name="llama4_text",
        gguf_name="llama4",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
        rope_frequencies=rope_frequencies(fields, attention.key_dim),
        encoder_parameters=llama4_vision_parameters(fields.sizes("vision_config"), hidden),
    )


def _chunked(fields: Fields, layers: int) -> tuple[bool, ...]:
    """Layers with rotary positions attend within a chunk: as layer_types or no_rope_layers say, else all but each fourth."""
    kinds, rotary = fields.layer_kinds(layers), fields.listed("no_rope_layers")
    if kinds is not None:
        return tuple(kind == "chunked_attention" for kind in kinds)
    if rotary:
        return tuple(bool(one) for one in rotary)
    interval = fields.whole("no_rope_layer_interval", default=4)
    return tuple((index + 1) % interval != 0 for index in range(layers))


def _ffns(fields: Fields, layers: int) -> tuple[Ffn, ...]:
    width, step = fields.whole("intermediate_size"), fields.whole("interleave_moe_layer_step", default=1)
    experts = MoeFfn(
        experts=fields.whole("num_local_experts"),
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=width,
        shared_width=width,
    )
    dense = DenseFfn(fields.whole("intermediate_size_mlp", default=width))
    stated = fields.listed("moe_layers")
    sparse = set(stated) if stated else set(range(step - 1, layers, step))
    return tuple(experts if index in sparse else dense for index in range(layers))
