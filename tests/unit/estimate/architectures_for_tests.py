# ruff: noqa: PLR0917 - rows of a table read best by position
"""Architectures written by hand from published configurations, so that the estimates are tested without the readers of config files."""

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


def attention(layers, heads, kv_heads, dim, ffn, window=None):
    cache = SlidingCache(kv_heads, dim, dim, window) if window else FullCache(kv_heads, dim, dim)
    return LayerGroup(tuple(layers), GroupedAttention(heads, kv_heads, dim, dim), (cache,), ffn)


GGUF_NAMES = {
    "llama": "llama",
    "mistral": "llama",
    "mixtral": "llama",
    "qwen2.5": "qwen2",
    "qwen3": "qwen3",
    "qwen3-30b": "qwen3moe",
    "qwen3-next": "qwen3next",
    "gemma-3": "gemma3",
    "gpt": "gpt-oss",
    "deepseek": "deepseek2",
    "granite": "granitehybrid",
}
"""What llama.cpp calls them, by the longest beginning of the name."""


def model(name, groups, hidden, vocab, context, *, tied=False):
    gguf_name = GGUF_NAMES.get(max((start for start in GGUF_NAMES if name.startswith(start)), key=len, default=""), name)
    return ModelArchitecture(name, gguf_name, tuple(groups), hidden, vocab, tied, 0, 0, context)


def dense(name, layers, hidden, ffn, heads, kv_heads, dim, vocab, context, *, tied=False):
    return model(name, [attention(range(layers), heads, kv_heads, dim, DenseFfn(ffn))], hidden, vocab, context, tied=tied)


def alternating(name, layers, every, hidden, ffn, heads, kv_heads, dim, vocab, context, window, *, tied=False):
    """Every `every`-th layer is full attention, the others slide."""
    full = [i for i in range(layers) if i % every == every - 1]
    sliding = [i for i in range(layers) if i % every != every - 1]
    groups = [attention(full, heads, kv_heads, dim, ffn), attention(sliding, heads, kv_heads, dim, ffn, window)]
    return model(name, groups, hidden, vocab, context, tied=tied)


def latent(name, layers, hidden, heads, dense_layers, dense_width, moe, vocab, context):
    mixer = LatentAttention(heads, None, 512, 128, 64, 128)
    groups = [
        LayerGroup(tuple(range(dense_layers)), mixer, (LatentCache(512, 64),), DenseFfn(dense_width)),
        LayerGroup(tuple(range(dense_layers, layers)), mixer, (LatentCache(512, 64),), moe),
    ]
    return model(name, groups, hidden, vocab, context)


def granite():
    ffn = MoeFfn(64, 6, 512, shared_width=1024)
    conv, state = 3 * (3072 + 2 * 128), 3072 * 128
    attended = (5, 15, 25, 35)
    recurrent = tuple(i for i in range(40) if i not in attended)
    mamba = LayerGroup(recurrent, Mamba2(48, 64, 128, 1, 4), (StateCache(conv, state),), ffn)
    return model("granite-4-h-tiny", [attention(attended, 12, 4, 128, ffn), mamba], 1536, 100352, 131072, tied=True)


def qwen3_next():
    ffn = MoeFfn(512, 10, 512, shared_width=512, shared_gate=True)
    full = tuple(range(3, 48, 4))
    recurrent = tuple(i for i in range(48) if i not in full)
    linear = LayerGroup(recurrent, GatedDeltaNet(16, 32, 128, 128, 4), (StateCache(3 * 8192, 128 * 128 * 32),), ffn)
    return model("qwen3-next-80b", [attention(full, 16, 2, 256, ffn), linear], 2048, 151936, 262144)


ARCHITECTURES = {
    "llama-3.1-8b": dense("llama-3.1-8b", 32, 4096, 14336, 32, 8, 128, 128256, 131072),
    "llama-2-7b": dense("llama-2-7b", 32, 4096, 11008, 32, 32, 128, 32000, 4096),
    "mistral-7b": dense("mistral-7b", 32, 4096, 14336, 32, 8, 128, 32768, 32768),
    "qwen2.5-7b": dense("qwen2.5-7b", 28, 3584, 18944, 28, 4, 128, 152064, 32768),
    "qwen3-8b": dense("qwen3-8b", 36, 4096, 12288, 32, 8, 128, 151936, 40960),
    "qwen3-0.6b": dense("qwen3-0.6b", 28, 1024, 3072, 16, 8, 128, 151936, 40960, tied=True),
    "qwen3-32b": dense("qwen3-32b", 64, 5120, 25600, 64, 8, 128, 151936, 40960),
    "qwen3-30b-a3b": model("qwen3-30b-a3b", [attention(range(48), 32, 4, 128, MoeFfn(128, 8, 768))], 2048, 151936, 40960),
    "mixtral-8x7b": model("mixtral-8x7b", [attention(range(32), 32, 8, 128, MoeFfn(8, 2, 14336))], 4096, 32000, 32768),
    "gemma-3-27b": alternating("gemma-3-27b", 62, 6, 5376, DenseFfn(21504), 32, 16, 128, 262208, 131072, 1024, tied=True),
    "gemma-3-4b": alternating("gemma-3-4b", 34, 6, 2560, DenseFfn(10240), 8, 4, 256, 262208, 131072, 1024, tied=True),
    "gpt-oss-20b": alternating("gpt-oss-20b", 24, 2, 2880, MoeFfn(32, 4, 2880), 64, 8, 64, 201088, 131072, 128),
    "deepseek-v2-lite": latent("deepseek-v2-lite", 27, 2048, 16, 1, 10944, MoeFfn(64, 6, 1408, 2816), 102400, 163840),
    "deepseek-v3": latent("deepseek-v3", 61, 7168, 128, 3, 18432, MoeFfn(256, 8, 2048, 2048), 129280, 163840),
    "granite-4-h-tiny": granite(),
    "qwen3-next-80b": qwen3_next(),
    "mistral-7b-v0.1-swa": model("mistral", [attention(range(32), 32, 8, 128, DenseFfn(14336), 4096)], 4096, 32000, 32768),
}
