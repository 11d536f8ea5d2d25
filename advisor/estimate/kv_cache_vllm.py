"""vLLM's paged KV pool: pages, groups, blocks, and what the start-up log prints (vLLM 0.32 and 0.33).

One pool of equal blocks serves every layer. Layers that cache the same way form groups of equal size; a block id stands for one block in
every layer of one group, and a request takes blocks for each group. Rules:
vllm/v1/core/kv_cache_planning.py and vllm/v1/kv_cache_interface.py.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, NamedTuple, assert_never

from advisor.domain.architecture import (
    Cache,
    ChunkedCache,
    FullCache,
    IndexerCache,
    KeyValueCache,
    LatentCache,
    LayerGroup,
    Mamba2,
    ModelArchitecture,
    SlidingCache,
    StateCache,
)
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.domain.hardware import Device
from advisor.errors import UserInputError

Kind = Literal["full", "sliding", "chunked", "state"]
_CACHE_ELEMENT_BYTES: Final = {
    "auto": 2.0, "bfloat16": 2.0, "float16": 2.0, "fp8": 1.0, "fp8_e4m3": 1.0, "fp8_e5m2": 1.0, "fp8_inc": 1.0,
    "fp8_ds_mla": 1.0, "nvfp4": 0.5625,
}  # fmt: skip
_LATENT_TOKEN_BYTES: Final = {"fp8_ds_mla": 656}  # bytes a token and layer of DeepSeek's own FP8 layout, rope part in 16 bits
_INDEXER_TOKEN_BYTES: Final = 132  # 128 FP8 elements and one float32 scale
_LATENT_HYBRID_BLOCK: Final = 128  # tokens: with recurrent layers beside latent ones the block is a multiple of it
_STATES_CACHED: Final = 2  # state blocks of a request when prefixes are cached at block boundaries ("align"), else 1
_CHECKPOINTS: Final = 1  # one more of Mamba-2 layers then, for prefills: mamba_mixer2.py get_kv_cache_spec
_REMEMBERED: Final = 4096  # of layouts, which all lengths and devices share
_MOSTLY_EQUAL: Final = 1.5  # kinds whose layer counts differ by less share the larger group size


@dataclass(frozen=True, slots=True)
class Platform:
    """What the cut of the pool depends on beside model and settings: the tokens of the attention kernel's smallest block
    (get_supported_kernel_block_sizes of v1/attention/backends/), and whether every recurrent matrix is kept in float32."""

    kernel_tokens: int
    float32_states: bool = False


GPU: Final = Platform(kernel_tokens=16)


def cpu_platform(device: Device) -> Platform:
    """vLLM's CPU backend resets states to float32 where the processor has AVX512-BF16 (platforms/cpu.py check_and_update_config)."""
    return Platform(kernel_tokens=32, float32_states="avx512_bf16" in device.planned_features)


def platform_of(candidate: Candidate) -> Platform:
    """The platform that this candidate runs on."""
    return cpu_platform(candidate.node.device) if candidate.on_cpu else GPU


@dataclass(frozen=True, slots=True)
class Bucket:
    """Layers that cache the same way: `page_bytes` is one block of one layer, `span_tokens` the window or chunk, `states` a request's."""

    kind: Kind
    layers: int
    block_tokens: int
    page_bytes: int
    span_tokens: int = 0
    states: int = 0

    def blocks(self, tokens: int, in_flight_tokens: int) -> int:
        """Blocks that a request of `tokens` takes in one group, kv_cache_interface.py max_memory_usage_bytes."""
        match self.kind:
            case "full":
                return -(-tokens // self.block_tokens)
            case "sliding":  # ceil(min(W - 1 + in_flight, M) / bs) + 1: the window need not start at a block's edge
                return -(-min(self.span_tokens - 1 + in_flight_tokens, tokens) // self.block_tokens) + 1
            case "chunked":
                return -(-min(self.span_tokens + in_flight_tokens, tokens) // self.block_tokens)
            case "state":
                return self.states
            case _:
                assert_never(self.kind)


@dataclass(frozen=True, slots=True)
class PoolLayout:
    """How the pool is cut: every bucket with its number of groups, and what one block id costs on one device."""

    buckets: tuple[tuple[Bucket, int], ...]
    bytes_per_block: int

    def blocks_per_request(self, tokens: int, *, in_flight_tokens: int = 0) -> int:
        """Block ids of one request, all groups; `in_flight_tokens` are those of steps still running, which windows must keep too."""
        return sum(groups * bucket.blocks(tokens, in_flight_tokens) for bucket, groups in self.buckets)

    @property
    def bytes_per_token(self) -> float:
        """Marginal bytes of one more token at full length, on one device."""
        return sum(groups * self.bytes_per_block / bucket.block_tokens for bucket, groups in self.buckets if bucket.kind == "full")


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of `num_blocks`, the first of which vLLM holds back as the null block."""

    layout: PoolLayout
    num_blocks: int
    max_model_len: int
    in_flight_tokens: int

    @property
    def size_bytes(self) -> int:
        """What is allocated."""
        return self.num_blocks * self.layout.bytes_per_block

    @property
    def max_concurrency(self) -> float:
        """`Maximum concurrency` of the log: num_blocks over the blocks of a request of max_model_len."""
        return self.num_blocks / self.layout.blocks_per_request(self.max_model_len, in_flight_tokens=self.in_flight_tokens)

    @property
    def steady_concurrency(self) -> float:
        """The same once every request only decodes, so that windows hold no tokens of steps in flight."""
        return self.num_blocks / self.layout.blocks_per_request(self.max_model_len)

    @property
    def capacity_tokens(self) -> int:
        """`GPU KV cache size` of the log: int(max concurrency * max_model_len)."""
        return int(self.max_concurrency * self.max_model_len)

    def requests(self, tokens: int) -> int:
        """Whole requests of this length in steady state."""
        return max(self.num_blocks - 1, 0) // self.layout.blocks_per_request(tokens) if tokens <= self.max_model_len else 0


def pool_of(layout: PoolLayout, available_bytes: float, settings: VllmSettings, *, in_flight_tokens: int) -> Pool:
    """The pool that fits into `available_bytes` of one device."""
    blocks = max(int(available_bytes // layout.bytes_per_block), 0)
    return Pool(layout, blocks, settings.max_model_len, in_flight_tokens)


def tokens_in_flight(settings: VllmSettings, parallelism: Parallelism, *, on_cpu: bool) -> int:
    """Tokens of the steps that may run at once: one step on CPUs, one more than pipeline stages with asynchronous scheduling."""
    steps = 1 if on_cpu else parallelism.pipeline + 1
    return steps * settings.max_num_batched_tokens


class CacheOptions(NamedTuple):
    """The settings that decide how the pool is cut."""

    kv_cache_dtype: str
    block_size: int
    enable_prefix_caching: bool


def pool_layout(architecture: ModelArchitecture, settings: VllmSettings, parallelism: Parallelism, platform: Platform = GPU) -> PoolLayout:
    """Cut the model's caches into groups. Raises UserInputError for a cache type whose bytes are not known."""
    options = CacheOptions(settings.kv_cache_dtype, settings.block_size, settings.enable_prefix_caching)
    return _layout(architecture, options, parallelism, platform)


@lru_cache(_REMEMBERED)
def _layout(architecture: ModelArchitecture, options: CacheOptions, parallelism: Parallelism, platform: Platform) -> PoolLayout:
    if options.kv_cache_dtype not in _CACHE_ELEMENT_BYTES:
        known = ", ".join(_CACHE_ELEMENT_BYTES)
        raise UserInputError(f"--kv-cache-dtype {options.kv_cache_dtype}: its size per token is not known here; known: {known}")
    buckets = _buckets(architecture, options, parallelism.tensor, platform)
    spans = {(bucket.kind, bucket.span_tokens) for bucket in buckets}
    if len(spans) == 1 and buckets[0].kind != "state":
        whole = sum(bucket.page_bytes * _per_stage(bucket.layers, parallelism) for bucket in buckets)
        return PoolLayout(((buckets[0], 1),), whole)
    step = _hybrid_step(architecture, options, platform)
    equal = _equal_pages(_aligned(buckets, step, platform.kernel_tokens))
    counts = [bucket.layers for bucket in equal]
    group_layers = max(counts) if max(counts) < _MOSTLY_EQUAL * min(counts) else min(counts)
    groups = tuple((bucket, -(-bucket.layers // group_layers)) for bucket in equal)
    widest = max(-(-bucket.layers // count) for bucket, count in groups)
    return PoolLayout(groups, equal[0].page_bytes * _per_stage(widest, parallelism))


forget: Final = _layout.cache_clear  # for measurements


def _per_stage(layers: int, parallelism: Parallelism) -> int:
    return -(-layers // parallelism.pipeline)


def _equal_pages(buckets: list[Bucket]) -> list[Bucket]:
    """Make all pages as large as the largest: by a larger block where it divides, by padding where not."""
    buckets = _merged(buckets)
    page = max(bucket.page_bytes for bucket in buckets)
    scale = [1 if bucket.kind == "state" or page % bucket.page_bytes else page // bucket.page_bytes for bucket in buckets]
    return _merged([replace(b, block_tokens=b.block_tokens * factor, page_bytes=page) for b, factor in zip(buckets, scale, strict=True)])


def _hybrid_step(architecture: ModelArchitecture, options: CacheOptions, platform: Platform) -> int:
    """The block of attention beside recurrent layers grows by the larger of the kernel's block and --block-size."""
    latent = _LATENT_HYBRID_BLOCK if "latent" in architecture.kinds else 1
    return max(platform.kernel_tokens, options.block_size, latent)


def _aligned(buckets: list[Bucket], step: int, kernel: int) -> list[Bucket]:
    """With recurrent layers the attention block is raised until its page holds a state: platforms/interface.py _align_hybrid_block_size."""
    state = max((bucket.page_bytes for bucket in buckets if bucket.kind == "state"), default=0)
    attention = [bucket for bucket in buckets if bucket.kind != "state"]
    if not state or not attention:
        return buckets
    token_bytes = max(bucket.page_bytes // bucket.block_tokens for bucket in attention)
    raised = _up(_up(-(-state // token_bytes), step), kernel)
    tokens = max(raised, *(b.block_tokens for b in attention))
    return [
        b if b.kind == "state" else replace(b, page_bytes=b.page_bytes // b.block_tokens * tokens, block_tokens=tokens) for b in buckets
    ]


def _up(tokens: int, step: int) -> int:
    """The next multiple."""
    return step * -(-tokens // step)


def _merged(buckets: list[Bucket]) -> list[Bucket]:
    """Buckets that differ in nothing but their layers become one."""
    counts: dict[Bucket, int] = {}
    for bucket in buckets:
        alike = replace(bucket, layers=0)
        counts[alike] = counts.get(alike, 0) + bucket.layers
    return [replace(bucket, layers=layers) for bucket, layers in counts.items()]


def _buckets(architecture: ModelArchitecture, options: CacheOptions, tensor: int, platform: Platform) -> list[Bucket]:
    found = [_bucket(cache, group, options, tensor, platform) for group in architecture.layer_groups for cache in group.caches]
    if not found:
        raise UserInputError(f"{architecture.name}: no layer caches anything; such models are not understood here")
    return _merged(found)


def _bucket(cache: Cache, group: LayerGroup, options: CacheOptions, tensor: int, platform: Platform) -> Bucket:
    block = options.block_size
    match cache:
        case FullCache():
            return Bucket("full", group.count, block, _page(cache, options, tensor, block))
        case SlidingCache():
            block = max(block, platform.kernel_tokens)
            return Bucket("sliding", group.count, block, _page(cache, options, tensor, block), cache.window_tokens)
        case ChunkedCache():
            return Bucket("chunked", group.count, block, _page(cache, options, tensor, block), cache.chunk_tokens)
        case LatentCache():  # the same on every tensor-parallel rank
            row = _LATENT_TOKEN_BYTES.get(options.kv_cache_dtype, (cache.rank + cache.rope_dim) * _element_bytes(options))
            return Bucket("full", group.count, block, int(block * row))
        case IndexerCache():
            return Bucket("full", group.count, block, block * _INDEXER_TOKEN_BYTES * cache.head_dim // 128)
        case StateCache():
            size_bytes = _state_bytes(cache, group, tensor, platform)
            return Bucket("state", group.count, 0, size_bytes, states=_states(group, options))
        case _:
            assert_never(cache)


def _element_bytes(options: CacheOptions) -> float:
    return _CACHE_ELEMENT_BYTES[options.kv_cache_dtype]


def _page(cache: KeyValueCache, options: CacheOptions, tensor: int, block: int) -> int:
    """K_rank * bs * (dk + dv) * b; KV heads are replicated when there are fewer than ranks."""
    heads = max(1, cache.kv_heads // tensor)
    return int(heads * block * (cache.key_dim + cache.value_dim) * _element_bytes(options))


def _state_bytes(cache: StateCache, group: LayerGroup, tensor: int, platform: Platform) -> int:
    """One state of one layer on one rank: convolution tail in 16 bits, matrix in 16 bits or (some processors, some models) float32."""
    wide = platform.float32_states or cache.state_float32
    return 2 * _conv_elements(cache, group, tensor) + (4 if wide else 2) * cache.state_elements // tensor


def _states(group: LayerGroup, options: CacheOptions) -> int:
    """State blocks of one request, MambaSpec.max_memory_usage_bytes."""
    if not options.enable_prefix_caching:
        return 1
    return _STATES_CACHED + (_CHECKPOINTS if isinstance(group.mixer, Mamba2) else 0)


def _conv_elements(cache: StateCache, group: LayerGroup, tensor: int) -> int:
    """Sharded by ranks; Mamba-2 groups that do not divide are replicated until they do."""
    mixer = group.mixer
    if isinstance(mixer, Mamba2) and mixer.groups % tensor:
        return (mixer.heads * mixer.head_dim + 2 * tensor * mixer.state_dim) // tensor * (mixer.conv_kernel - 1)
    return cache.conv_elements // tensor
