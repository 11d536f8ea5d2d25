"""One small model of every structure that a GGUF is written for: real layer kinds, sizes of a few megabytes."""

from advisor.domain.architecture import (
    DenseFfn,
    FullCache,
    GatedDeltaNet,
    GroupedAttention,
    LatentAttention,
    LatentCache,
    LayerGroup,
    Mamba2,
    ModelArchitecture,
    MoeFfn,
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
        [LayerGroup((0, 1, 3), MAMBA, (MAMBA_STATE,), SHARED), full([2], PLAIN, SHARED)],
        tied=True,
    ),
}
