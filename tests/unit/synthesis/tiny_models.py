"""One small model of every structure that a GGUF is written for: real layer kinds, sizes of a few megabytes."""

from dataclasses import replace

from advisor.domain.architecture import (
    ChunkedCache,
    DenseFfn,
    FullCache,
    GatedDeltaNet,
    GroupedAttention,
    IndexerCache,
    LatentAttention,
    LatentCache,
    LayerGroup,
    Mamba2,
    ModelArchitecture,
    MoeFfn,
    ShortConvolution,
    SlidingCache,
    StateCache,
)

HIDDEN, VOCABULARY = 256, 1024


def model(name, gguf_name, groups, *, tied=False, rope_frequencies=0):
    return ModelArchitecture(name, gguf_name, tuple(groups), HIDDEN, VOCABULARY, tied, 0, 0, 4096, rope_frequencies)


def attention(**special):
    return GroupedAttention(heads=8, kv_heads=2, key_dim=64, value_dim=64, **special)


def full(layers, mixer, ffn, norms=2, scalar=False):
    return LayerGroup(tuple(layers), mixer, (FullCache(mixer.kv_heads, mixer.key_dim, mixer.value_dim),), ffn, norms, scalar)


def windowed(layers, mixer, ffn, norms=2, scalar=False):
    return LayerGroup(tuple(layers), mixer, (SlidingCache(mixer.kv_heads, mixer.key_dim, mixer.value_dim, 128),), ffn, norms, scalar)


def borrowing(layers, keeper):
    """Layers that read the cache of an earlier one, twice as wide."""
    mixer, wide = replace(keeper.mixer, queries_alone=True), DenseFfn(2 * keeper.ffn.width)
    return replace(keeper, layers=tuple(layers), mixer=mixer, caches=(), ffn=wide, token_width=64, borrowed=keeper.caches[0])


DENSE = DenseFfn(768)
EXPERTS = MoeFfn(experts=8, experts_per_token=2, expert_width=256)
DELTA = GatedDeltaNet(key_heads=4, value_heads=8, key_dim=64, value_dim=64, conv_kernel=4)
MAMBA = Mamba2(heads=8, head_dim=64, state_dim=64, groups=1, conv_kernel=4)
# the compressed row of 512 + 64 is the one that vLLM knows latent attention for
LATENT = LatentAttention(heads=4, q_lora_rank=256, kv_lora_rank=512, qk_nope_dim=128, qk_rope_dim=64, value_dim=128)
LATENT_ROWS = (LatentCache(512, 64),)
MAMBA_STATE = StateCache(3 * (512 + 2 * 64), 64 * 512)
DELTA_STATE = StateCache(3 * (512 + 2 * 4 * 64), 64 * 512)
EVERY_SIXTH = [layer for layer in range(12) if layer % 6 == 5]
OTHERS = [layer for layer in range(12) if layer % 6 != 5]

PLAIN, QUERY_NORM = attention(), attention(qk_norm="head")
SINKS = attention(qkv_bias=True, output_bias=True, sinks=True)
BIASED_EXPERTS = MoeFfn(experts=8, experts_per_token=2, expert_width=256, router_bias=True, expert_bias=True)
GATED = attention(qk_norm="head", output_gate=True)
ROUTED = MoeFfn(experts=8, experts_per_token=2, expert_width=256, quantized_router=True)
SHARED_GATE = MoeFfn(experts=8, experts_per_token=2, expert_width=256, shared_width=256, shared_gate=True, quantized_router=True)
SHARED = MoeFfn(experts=8, experts_per_token=2, expert_width=256, shared_width=256)
CORRECTED = MoeFfn(experts=8, experts_per_token=2, expert_width=256, shared_width=512, router_bias=True, correction_bias=True)
WIDE = GroupedAttention(heads=8, kv_heads=1, key_dim=128, value_dim=128, qk_norm="head", shared_kv=True)
INDEXED = LatentAttention(4, 256, 512, 128, 64, 128, indexer_heads=8, indexer_dim=128)
SPLIT_NORM = attention(qk_norm="projection", split_qk_norm=True)
PLAIN_BIASED = attention(qkv_bias=True)
NARROW = GroupedAttention(heads=8, kv_heads=2, key_dim=64, value_dim=32, sinks=True)
WIDER = GroupedAttention(heads=8, kv_heads=1, key_dim=64, value_dim=32)
SHARED_PLAIN = MoeFfn(experts=8, experts_per_token=2, expert_width=256, shared_width=256, shared_gate=True)
LLAMA4_EXPERTS = MoeFfn(experts=8, experts_per_token=1, expert_width=256, shared_width=256)
CORRECTED_ALONE = MoeFfn(experts=8, experts_per_token=2, expert_width=256, router_bias=True, correction_bias=True, float32_router=True)
WIDE_ROUTED = replace(CORRECTED, float32_router=True)
UNGATED = MoeFfn(8, 2, 256, 512, gated=False, router_bias=True, correction_bias=True, latent_width=128)
SHORT = ShortConvolution(kernel=3)
SHORT_STATE = StateCache(2 * HIDDEN, 0)
MAMBA_FLOAT = StateCache(3 * (512 + 2 * 64), 64 * 512, state_float32=True)
BESIDE = MoeFfn(experts=8, experts_per_token=2, expert_width=256, dense_width=512, scaled_router=True)

TINY = {
    "llama": model("llama", "llama", [full(range(4), PLAIN, DENSE)]),
    "mixtral": model("mixtral", "llama", [full(range(4), PLAIN, EXPERTS)]),
    "qwen2": model("qwen2", "qwen2", [full(range(4), GroupedAttention(4, 2, 64, 64, qkv_bias=True), DENSE)], tied=True),
    "qwen3": model("qwen3", "qwen3", [full(range(4), QUERY_NORM, DENSE)]),
    "qwen3moe": model("qwen3_moe", "qwen3moe", [full(range(4), QUERY_NORM, ROUTED)]),
    "gemma2": model("gemma2", "gemma2", [windowed([0, 2], PLAIN, DENSE, 4), full([1, 3], PLAIN, DENSE, 4)], tied=True),
    "gemma3": model("gemma3_text", "gemma3", [windowed(OTHERS, QUERY_NORM, DENSE, 4), full(EVERY_SIXTH, QUERY_NORM, DENSE, 4)], tied=True),
    "gemma4": model(
        "gemma4_text",
        "gemma4",
        [windowed(OTHERS, QUERY_NORM, BESIDE, 7, True), full(EVERY_SIXTH, WIDE, BESIDE, 7, True)],
        tied=True,
        rope_frequencies=64,
    ),
    "gemma4e": model(
        "gemma4_text",
        "gemma4",
        [
            replace(windowed([0, 1, 2], QUERY_NORM, DENSE, 4, True), token_width=64),
            replace(full([3], WIDE, DENSE, 4, True), token_width=64),
            borrowing([4, 5, 6], windowed([2], QUERY_NORM, DENSE, 4, True)),
            borrowing([7], full([3], WIDE, DENSE, 4, True)),
        ],
        tied=True,
        rope_frequencies=64,
    ),
    "gpt-oss": model("gpt_oss", "gpt-oss", [windowed([0, 2], SINKS, BIASED_EXPERTS), full([1, 3], SINKS, BIASED_EXPERTS)]),
    "deepseek2": model(
        "deepseek_v3",
        "deepseek2",
        [
            LayerGroup((0,), LATENT, LATENT_ROWS, DENSE),
            LayerGroup((1, 2, 3), LATENT, LATENT_ROWS, CORRECTED),
        ],
    ),
    "qwen3next": model(
        "qwen3_next",
        "qwen3next",
        [LayerGroup((0, 1, 2, 4, 5, 6), DELTA, (DELTA_STATE,), SHARED_GATE), full([3, 7], GATED, SHARED_GATE)],
    ),
    "granitehybrid": model(
        "granitemoehybrid",
        "granitehybrid",
        [LayerGroup((0, 1, 3), MAMBA, (MAMBA_STATE,), SHARED), full([2], GroupedAttention(4, 2, 64, 64), SHARED)],
        tied=True,
    ),
    "qwen2moe": model("qwen2_moe", "qwen2moe", [full(range(4), GroupedAttention(4, 2, 64, 64, qkv_bias=True), SHARED_PLAIN)]),
    "qwen3vl": model("qwen3_vl_text", "qwen3vl", [full(range(4), QUERY_NORM, DENSE)], tied=True),
    "qwen3vlmoe": model("qwen3_vl_moe_text", "qwen3vlmoe", [full(range(4), QUERY_NORM, ROUTED)]),
    "mistral3": model("ministral3", "mistral3", [full(range(4), PLAIN, DENSE)], tied=True),
    "gemma": model("gemma", "gemma", [full(range(4), PLAIN, DENSE)], tied=True),
    "phi3": model("phi3", "phi3", [full(range(4), GroupedAttention(4, 2, 64, 64), DENSE)], rope_frequencies=64),
    "granite": model("granite", "granite", [full(range(4), PLAIN, DENSE)], tied=True),
    "granitemoe": model("granitemoe", "granitemoe", [full(range(4), PLAIN, EXPERTS)], tied=True),
    "smollm3": model("smollm3", "smollm3", [full(range(4), PLAIN, DENSE)], tied=True),
    "seed_oss": model("seed_oss", "seed_oss", [full(range(4), PLAIN_BIASED, DENSE)]),
    "internlm2": model("internlm2", "internlm2", [full(range(4), GroupedAttention(4, 2, 64, 64), DENSE)]),
    "ernie4_5": model("ernie4_5", "ernie4_5", [full(range(4), PLAIN, DENSE)], tied=True),
    "ernie4_5-moe": model("ernie4_5_moe", "ernie4_5-moe", [full([0], PLAIN, DENSE), full([1, 2, 3], PLAIN, WIDE_ROUTED)], tied=True),
    "olmo2": model("olmo2", "olmo2", [full(range(4), GroupedAttention(4, 4, 64, 64, qk_norm="projection"), DENSE)]),
    "olmo3": model(
        "olmo3",
        "olmo2",
        [
            windowed([0, 1, 2, 4, 5, 6], GroupedAttention(4, 4, 64, 64, qk_norm="projection"), DENSE),
            full([3, 7], GroupedAttention(4, 4, 64, 64, qk_norm="projection"), DENSE),
        ],
    ),
    "olmoe": model("olmoe", "olmoe", [full(range(4), GroupedAttention(4, 4, 64, 64, qk_norm="projection"), EXPERTS)]),
    "exaone4": model("exaone4", "exaone4", [full(range(4), GroupedAttention(4, 2, 64, 64, qk_norm="head"), DENSE)], tied=True),
    "command-r": model("cohere", "command-r", [full(range(4), GroupedAttention(4, 2, 64, 64), DENSE, 1)], tied=True),
    "cohere2": model(
        "cohere2",
        "cohere2",
        [windowed([0, 1, 2, 4, 5, 6], GroupedAttention(4, 2, 64, 64), DENSE, 1), full([3, 7], GroupedAttention(4, 2, 64, 64), DENSE, 1)],
        tied=True,
    ),
    "glm4": model("glm4", "glm4", [full(range(4), PLAIN_BIASED, DENSE, 4)]),
    "glm4moe": model("glm4_moe", "glm4moe", [full([0], PLAIN_BIASED, DENSE), full([1, 2, 3], PLAIN_BIASED, WIDE_ROUTED)]),
    "minimax-m2": model("minimax_m2", "minimax-m2", [full(range(4), SPLIT_NORM, CORRECTED_ALONE)]),
    "llama4": model(
        "llama4_text",
        "llama4",
        [
            LayerGroup((0, 2, 4, 6), PLAIN, (ChunkedCache(2, 64, 64, 8192),), DENSE),
            LayerGroup((1, 5), PLAIN, (ChunkedCache(2, 64, 64, 8192),), LLAMA4_EXPERTS),
            full([3, 7], PLAIN, LLAMA4_EXPERTS),
        ],
    ),
    "mimo2": model(
        "mimo_v2_flash",
        "mimo2",
        [full([0], WIDER, DENSE), windowed([1, 2, 3, 4], NARROW, CORRECTED_ALONE), full([5], WIDER, CORRECTED_ALONE)],
    ),
    "nemotron_h": model(
        "nemotron_h",
        "nemotron_h",
        [
            LayerGroup((0, 2), MAMBA, (MAMBA_FLOAT,), None, 1),
            LayerGroup((1, 3), None, (), DenseFfn(768, gated=False), 1),
            LayerGroup((4,), PLAIN, (FullCache(2, 64, 64),), None, 1),
        ],
    ),
    "nemotron_h_moe": model(
        "nemotron_h",
        "nemotron_h_moe",
        [
            LayerGroup((0, 2), MAMBA, (MAMBA_FLOAT,), None, 1),
            LayerGroup((1, 3), None, (), UNGATED, 1),
            LayerGroup((4,), PLAIN, (FullCache(2, 64, 64),), None, 1),
        ],
    ),
    "lfm2": model(
        "lfm2",
        "lfm2",
        [
            LayerGroup((0, 1, 3), SHORT, (SHORT_STATE,), DENSE),
            full([2], GroupedAttention(4, 2, 64, 64, qk_norm="head"), DENSE),
        ],
        tied=True,
    ),
    "lfm2moe": model(
        "lfm2_moe",
        "lfm2moe",
        [
            LayerGroup((0,), SHORT, (SHORT_STATE,), DENSE),
            full(
                [1, 3],
                GroupedAttention(4, 2, 64, 64, qk_norm="head"),
                MoeFfn(8, 2, 256, router_bias=True, correction_bias=True, quantized_router=True),
            ),
            LayerGroup((2,), SHORT, (SHORT_STATE,), MoeFfn(8, 2, 256, router_bias=True, correction_bias=True, quantized_router=True)),
        ],
        tied=True,
    ),
    "deci": model(
        "nemotron-nas",
        "deci",
        [full([0, 2], GroupedAttention(4, 2, 64, 64), DENSE), LayerGroup((1, 3), None, (), DENSE, 1)],
        rope_frequencies=32,
    ),
    "deepseek32": model(
        "deepseek_v32",
        "deepseek32",
        [
            LayerGroup((0,), INDEXED, (LatentCache(512, 64), IndexerCache(128)), DENSE),
            LayerGroup((1, 2, 3), INDEXED, (LatentCache(512, 64), IndexerCache(128)), CORRECTED),
        ],
    ),
    "glm-dsa": model(
        "glm_moe_dsa",
        "glm-dsa",
        [
            LayerGroup((0,), INDEXED, (LatentCache(512, 64), IndexerCache(128)), DENSE),
            LayerGroup((1,), INDEXED, (LatentCache(512, 64), IndexerCache(128)), CORRECTED),
            LayerGroup((2, 3), LATENT, LATENT_ROWS, CORRECTED),
        ],
    ),
    "mistral4": model(
        "mistral4",
        "mistral4",
        [LayerGroup((0, 1, 2, 3), LatentAttention(4, 256, 256, 64, 64, 128), (LatentCache(256, 64),), SHARED)],
    ),
}
