"""What one token costs before any engine or device is known: multiplications, and bytes of cache read, from the architecture alone.

Sources: vLLM `v1/metrics/perf.py` for the counting of multiplications; expected distinct experts by uniform routing.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from advisor.domain.architecture import (
    Cache,
    ChunkedCache,
    FullCache,
    GroupedAttention,
    IndexerCache,
    LatentAttention,
    LatentCache,
    LayerGroup,
    ModelArchitecture,
    MoeFfn,
    SlidingCache,
    StateCache,
    window_of,
)

STATE_BYTES: Final = 4  # both engines keep the recurrent state in float32 by default
SPARSE_TOKENS: Final = 2048  # latents that an indexed layer reads (DeepSeek-V3.2 `index_topk`)
_WHOLE: Final = 1 << 40  # a window that no context reaches


@dataclass(frozen=True, slots=True)
class WindowedSum:
    """A quantity that grows with the context up to a window: sum of rate * min(context, window)."""

    terms: tuple[tuple[float, int], ...]  # (rate per token of context, window in tokens)

    def at(self, context_tokens: float) -> float:
        """The sum at one context length."""
        total = 0.0
        for rate, window in self.terms:  # of every simulated step: a plain loop takes half the time of a sum
            total += rate * (context_tokens if context_tokens < window else window)
        return total

    def mean_over(self, start_tokens: float, tokens: float) -> float:
        """The mean over contexts from `start_tokens` to `start_tokens + tokens`: causal attention of a prompt chunk."""
        total = 0.0
        for rate, window in self.terms:
            total += rate * _mean_within(start_tokens, tokens, window)
        return total


def _mean_within(start: float, tokens: float, window: int) -> float:
    end = start + tokens
    if end <= window or tokens <= 0:
        return min(start + tokens / 2, window)
    below = max(0.0, window - start)  # tokens whose context is still shorter than the window
    return (below * (min(start, window) + window) / 2 + (tokens - below) * window) / tokens


@dataclass(frozen=True, slots=True)
class TokenWork:
    """Per token: parameters multiplied, cache bytes read, attention arithmetic; per layer: what kind it is.

    `dense_parameters` are multiplied by each token without the output head, `expert_parameters` are the active experts',
    `head_parameters` the output head's (once per sequence in a prompt).
    """

    dense_parameters: float
    expert_parameters: float
    head_parameters: float
    cache_bytes: WindowedSum
    state_bytes: float  # read and written per sequence and step, whatever its length
    attention_flops: WindowedSum
    layers: int
    moe_layers: int
    state_layers: int
    latent_layers: int
    experts: int
    experts_per_token: int
    hidden_size: int

    @property
    def decode_flops(self) -> float:
        """Linear arithmetic of one generated token."""
        return 2 * (self.dense_parameters + self.expert_parameters + self.head_parameters)

    @property
    def prefill_flops(self) -> float:
        """Linear arithmetic of one prompt token (the head runs for the last one only)."""
        return 2 * (self.dense_parameters + self.expert_parameters)


def expected_experts_share(work: TokenWork, tokens: float) -> float:
    """Share of the experts that a step of `tokens` reads: E_d(n) / E = 1 - (1 - k/E)^n, uniform routing (an upper bound)."""
    if work.experts == 0:
        return 0.0
    missed: float = (1.0 - work.experts_per_token / work.experts) ** max(tokens, 1.0)
    return 1.0 - missed


def token_work(architecture: ModelArchitecture, *, key_bytes: float, value_bytes: float, ranks: int = 1) -> TokenWork:
    """The work of one token on one of `ranks` tensor-parallel ranks; `key_bytes` and `value_bytes` are per cached element.

    Linear parameters are of the whole model; cache bytes and attention arithmetic are one rank's.
    """
    table = architecture.vocab_size * architecture.hidden_size
    experts = sum(g.count * _active_experts(g, architecture.hidden_size) for g in architecture.layer_groups)
    linear = architecture.parameters_active - (table if architecture.tied_embeddings else 2 * table)
    groups = architecture.layer_groups
    moe = [g.ffn for g in groups if isinstance(g.ffn, MoeFfn)]
    return TokenWork(
        dense_parameters=max(linear - experts, 0),
        expert_parameters=experts,
        head_parameters=table,
        cache_bytes=_merged([t for g in groups for t in _cache_terms(g, key_bytes, value_bytes, ranks)]),
        state_bytes=sum(g.count * _state_elements(c) for g in groups for c in g.caches) * 2 * STATE_BYTES / ranks,
        attention_flops=_merged([t for g in groups for t in _attention_terms(g, ranks)]),
        layers=architecture.layers,
        moe_layers=sum(g.count for g in groups if isinstance(g.ffn, MoeFfn)),
        state_layers=_layers_with(groups, StateCache),
        latent_layers=_layers_with(groups, LatentCache),
        experts=architecture.experts,
        experts_per_token=max((ffn.experts_per_token for ffn in moe), default=0),
        hidden_size=architecture.hidden_size,
    )


def _active_experts(group: LayerGroup, hidden_size: int) -> int:
    if not isinstance(group.ffn, MoeFfn):
        return 0
    return group.ffn.experts_per_token * group.ffn.expert_width * hidden_size * (3 if group.ffn.gated else 2)


def _layers_with(groups: tuple[LayerGroup, ...], kind: type[Cache]) -> int:
    return sum(g.count for g in groups if any(isinstance(c, kind) for c in g.caches))


def _state_elements(cache: Cache) -> int:
    return cache.conv_elements + cache.state_elements if isinstance(cache, StateCache) else 0


def _window(cache: Cache, *, sparse: bool) -> int:
    """Tokens of context that are read at most; an indexed layer reads only the latents that its indexer chose."""
    if sparse and isinstance(cache, LatentCache):
        return SPARSE_TOKENS
    return window_of(cache) or _WHOLE


def _cache_terms(group: LayerGroup, key_bytes: float, value_bytes: float, ranks: int) -> list[tuple[float, int]]:
    """Bytes per token of context; keys and values are split over ranks by head, a latent row is on every rank."""
    sparse = any(isinstance(c, IndexerCache) for c in group.caches)
    terms = []
    for cache in group.read_caches:
        window = _window(cache, sparse=sparse)
        match cache:
            case FullCache() | SlidingCache() | ChunkedCache():
                row = cache.kv_heads * (cache.key_dim * key_bytes + cache.value_dim * value_bytes) / min(ranks, cache.kv_heads)
            case LatentCache():
                row = (cache.rank + cache.rope_dim) * key_bytes
            case IndexerCache():
                row = cache.head_dim * key_bytes
            case StateCache():
                continue
            case _:
                assert_never(cache)
        terms.append((group.count * row, window))
    return terms


def _attention_terms(group: LayerGroup, ranks: int) -> list[tuple[float, int]]:
    """Multiplications and additions per token and token of context: 2 (key + value) x heads."""
    mixer = group.mixer
    if isinstance(mixer, GroupedAttention):
        rate = 2 * (mixer.key_dim + mixer.value_dim) * mixer.heads
    elif isinstance(mixer, LatentAttention):
        rate = 2 * (mixer.qk_nope_dim + mixer.qk_rope_dim + mixer.value_dim) * mixer.heads
    else:
        return []
    sparse = any(isinstance(c, IndexerCache) for c in group.caches)
    windows = [_window(c, sparse=sparse) for c in group.read_caches if not isinstance(c, IndexerCache | StateCache)]
    return [(group.count * rate / ranks, max(windows, default=_WHOLE))]


def _merged(terms: list[tuple[float, int]]) -> WindowedSum:
    by_window: dict[int, float] = {}
    for rate, window in terms:
        by_window[window] = by_window.get(window, 0.0) + rate
    return WindowedSum(tuple((rate, window) for window, rate in sorted(by_window.items())))
