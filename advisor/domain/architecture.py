"""What a model is made of, in the field's own words: layers, what each caches per token, what each multiplies.

Every number is a dimension (elements), never bytes: bytes depend on the engine, the format and the cache type.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never


# ---- what a layer keeps between tokens; one estimate function per kind and engine
@dataclass(frozen=True, slots=True)
class FullCache:
    """Keys and values of every token: `kv_heads` x (`key_dim` + `value_dim`) elements a token."""

    kv_heads: int
    key_dim: int
    value_dim: int


@dataclass(frozen=True, slots=True)
class SlidingCache:
    """Keys and values of the last `window_tokens` tokens."""

    kv_heads: int
    key_dim: int
    value_dim: int
    window_tokens: int


@dataclass(frozen=True, slots=True)
class ChunkedCache:
    """Keys and values of the current chunk of `chunk_tokens` tokens (Llama 4)."""

    kv_heads: int
    key_dim: int
    value_dim: int
    chunk_tokens: int


@dataclass(frozen=True, slots=True)
class LatentCache:
    """One compressed row of `rank` + `rope_dim` elements a token (multi-head latent attention), whatever the heads."""

    rank: int
    rope_dim: int


@dataclass(frozen=True, slots=True)
class IndexerCache:
    """Keys of a sparse-attention indexer: `head_dim` elements a token."""

    head_dim: int


@dataclass(frozen=True, slots=True)
class StateCache:
    """A recurrent state per sequence, independent of its length: convolution tail and state matrix, in elements.

    `state_float32`: the model's configuration asks for the matrix in float32 (mamba_ssm_dtype); vLLM heeds it, llama.cpp always does so.
    """

    conv_elements: int
    state_elements: int
    state_float32: bool = False


KeyValueCache = FullCache | SlidingCache | ChunkedCache
Cache = KeyValueCache | LatentCache | IndexerCache | StateCache


def window_of(cache: Cache) -> int | None:
    """Tokens after which the cache grows no more; None for one without a window."""
    match cache:
        case SlidingCache():
            return cache.window_tokens
        case ChunkedCache():
            return cache.chunk_tokens
        case FullCache() | LatentCache() | IndexerCache() | StateCache():
            return None
        case _:
            assert_never(cache)


# ---- what a layer mixes tokens with
@dataclass(frozen=True, slots=True)
class GroupedAttention:
    """Attention with `kv_heads` shared by `heads` queries (multi-head and multi-query are its ends)."""

    heads: int
    kv_heads: int
    key_dim: int
    value_dim: int
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: Literal["none", "head", "projection"] = "none"
    output_gate: bool = False
    sinks: bool = False
    split_qk_norm: bool = False  # tensor parallelism divides a norm over the projection too (MiniMax M2); elsewhere ranks repeat it
    shared_kv: bool = False  # key projection also serves as value projection (Gemma 4 full layers)
    queries_alone: bool = False  # keys and values are an earlier layer's (Gemma 4 E): the projections in the file are of no use


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek V2/V3); `q_lora_rank` is None when queries are not compressed.

    `indexer_heads` of `indexer_dim` choose the tokens that are attended to, in layers that own an indexer (DeepSeek V3.2, GLM 5).
    """

    heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_dim: int
    qk_rope_dim: int
    value_dim: int
    indexer_heads: int = 0
    indexer_dim: int = 0


@dataclass(frozen=True, slots=True)
class GatedDeltaNet:
    """Linear attention with a gated delta rule (Qwen3-Next, Qwen3.5)."""

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    conv_kernel: int


@dataclass(frozen=True, slots=True)
class Mamba2:
    """A Mamba-2 mixer (Granite 4, Nemotron-H)."""

    heads: int
    head_dim: int
    state_dim: int
    groups: int
    conv_kernel: int
    conv_bias: bool = True


@dataclass(frozen=True, slots=True)
class ShortConvolution:
    """A gated convolution over the last `kernel` tokens, as wide as the hidden size (LFM2)."""

    kernel: int


Mixer = GroupedAttention | LatentAttention | GatedDeltaNet | Mamba2 | ShortConvolution


# ---- what a layer does to each token on its own
@dataclass(frozen=True, slots=True)
class DenseFfn:
    """A feed-forward block of `width`; gated ones have three matrices, others two."""

    width: int
    gated: bool = True
    bias: bool = False


@dataclass(frozen=True, slots=True)
class MoeFfn:
    """A mixture of `experts`, of which each token uses `experts_per_token`, next to shared experts of total width `shared_width`."""

    experts: int
    experts_per_token: int
    expert_width: int
    shared_width: int = 0
    shared_gate: bool = False
    gated: bool = True
    router_bias: bool = False
    expert_bias: bool = False
    dense_width: int = 0  # a dense block beside the experts in the same layer (Gemma 4)
    correction_bias: bool = False  # the router's bias only corrects its choice and is kept in 32 bits (DeepSeek V3)
    scaled_router: bool = False  # a scale per router input and per expert (Gemma 4)
    latent_width: int = 0  # experts work at this width instead of the hidden size, between two projections (Nemotron 3 Super)
    float32_router: bool = False  # vLLM keeps the router in 32 bits (GLM 4.5, Ernie 4.5, MiniMax M2)
    quantized_router: bool = False  # vLLM lets a scheme that quantises every layer take the router too (Qwen 3)


Ffn = DenseFfn | MoeFfn


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers of equal structure, by their index from 0; a layer may hold several caches or none."""

    layers: tuple[int, ...]
    mixer: Mixer | None
    caches: tuple[Cache, ...]
    ffn: Ffn | None
    norms: int = 2  # vectors of hidden_size elements
    layer_scalar: bool = False  # one factor on the layer's output (Gemma 4)
    token_width: int = 0  # elements of the layer's own embedding of each token, looked up in a table for all layers (Gemma 4 E)
    borrowed: KeyValueCache | None = None  # the cache of an earlier layer that these read and do not keep

    @property
    def read_caches(self) -> tuple[Cache, ...]:
        """What a step reads: the layer's own caches, or the one that is borrowed."""
        return self.caches if self.borrowed is None else (*self.caches, self.borrowed)

    @property
    def count(self) -> int:
        """How many layers are in the group."""
        return len(self.layers)


@dataclass(frozen=True, slots=True)
class ModelArchitecture:
    """A model's structure, read from config.json or a GGUF header; the same object whichever it was.

    `name` is the Hugging Face model_type, `gguf_name` what llama.cpp calls it (None: not supported there).
    """

    name: str
    gguf_name: str | None
    layer_groups: tuple[LayerGroup, ...]
    hidden_size: int
    vocab_size: int
    tied_embeddings: bool
    parameters_total: int
    parameters_active: int  # per token, tables counted but for that of the layers' own embeddings
    max_context_tokens: int
    rope_frequencies: int = 0  # elements of the rope table that a GGUF carries beside the parameters (Llama 3, Gemma 4)
    encoder_parameters: int = 0  # vision tower and projector: loaded by vLLM, a file of its own for llama.cpp; not in parameters_total

    @property
    def layers(self) -> int:
        """The number of layers."""
        return sum(group.count for group in self.layer_groups)

    @property
    def token_width(self) -> int:
        """Elements that a token has in the table of the layers' own embeddings, all layers together; 0 without such a table."""
        return sum(group.count * group.token_width for group in self.layer_groups)

    @property
    def lookup_parameters(self) -> int:
        """Parameters that are looked up and never multiplied: the table of the layers' own embeddings."""
        return self.vocab_size * self.token_width

    @property
    def experts(self) -> int:
        """The largest number of experts in a layer; 0 for a dense model."""
        return max((g.ffn.experts for g in self.layer_groups if isinstance(g.ffn, MoeFfn)), default=0)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Short words for what is unusual here: moe, sliding, latent, hybrid."""
        caches = [cache for group in self.layer_groups for cache in group.caches]
        found = {
            "moe": self.experts > 0,
            "sliding": any(window_of(c) is not None for c in caches),
            "latent": any(isinstance(c, LatentCache) for c in caches),
            "hybrid": any(isinstance(c, StateCache) for c in caches),
        }
        return tuple(kind for kind, present in found.items() if present)


def without_windows(architecture: ModelArchitecture) -> ModelArchitecture:
    """The same model on an engine that caches every token whatever the windows."""
    if all(window_of(cache) is None for group in architecture.layer_groups for cache in group.caches):
        return architecture
    return replace(architecture, layer_groups=tuple(map(_without_window, architecture.layer_groups)))


def _without_window(group: LayerGroup) -> LayerGroup:
    borrowed = group.borrowed
    if isinstance(borrowed, SlidingCache | ChunkedCache):
        borrowed = FullCache(borrowed.kv_heads, borrowed.key_dim, borrowed.value_dim)
    return replace(group, caches=tuple(_whole(cache) for cache in group.caches), borrowed=borrowed)


def _whole(cache: Cache) -> Cache:
    return FullCache(cache.kv_heads, cache.key_dim, cache.value_dim) if isinstance(cache, SlidingCache | ChunkedCache) else cache
