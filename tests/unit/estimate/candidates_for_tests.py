"""Candidates and weights made by hand for the memory tests."""

from dataclasses import replace

from advisor.catalog.memory_constants import load_memory_constants
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, Parallelism, RuntimeRef, VllmSettings
from advisor.domain.hardware import Device, Host, Node
from advisor.domain.model import Checkpoint, Model
from advisor.domain.quantity import Basis
from advisor.domain.weights import LayerWeights, WeightBytes
from advisor.estimate.memory import estimate_memory
from advisor.units import GIB, MIB

LLAMA_CPP = LlamaCppSettings(
    ctx_size=8192,
    parallel=1,
    kv_unified=True,
    swa_full=False,
    flash_attn="on",
    cache_type_k="f16",
    cache_type_v="f16",
    batch_size=2048,
    ubatch_size=512,
    n_gpu_layers=999,
    n_cpu_moe=0,
    split_mode="layer",
    tensor_split=(),
    load_mode="mmap",
    repack=True,
    cache_ram_mib=8192,
    outputs=1,
)
VLLM = VllmSettings(
    max_model_len=8192,
    max_num_seqs=256,
    max_num_batched_tokens=2048,
    gpu_memory_utilization=0.92,
    kv_cache_dtype="auto",
    block_size=16,
    enable_prefix_caching=True,
    enforce_eager=False,
)


def device(memory_bytes=24 * GIB, device_class="gpu-consumer", *, unified=False):
    return Device(
        id="a-device",
        name="A device",
        vendor="any",
        device_class=device_class,
        memory_bytes=memory_bytes,
        memory_bandwidth_bytes_per_s=1e12,
        bf16_flops_per_s=1e14,
        fp8_flops_per_s=None,
        fp4_flops_per_s=None,
        int8_ops_per_s=None,
        link=None,
        link_bytes_per_s=None,
        compute_capability=None,
        power_w=None,
        backends=("cuda",),
        unified_memory=unified,
    )


def node(on=None, devices=1, *, host_bytes=64 * GIB, repacks=True):
    return Node("a-node", on or device(), devices, Host(host_bytes, 1e11, 16, 3e9, 2.5e10, repacks))


def candidate(architecture, settings, *, where=None, parallelism=None, backend="cuda"):
    where = where or node()
    engine = "llama.cpp" if isinstance(settings, LlamaCppSettings) else "vllm"
    runtime = RuntimeRef(engine, "a-runtime", "b11549" if engine == "llama.cpp" else "0.33.0", backend)
    checkpoint = Checkpoint("org/repo", "gguf" if engine == "llama.cpp" else "safetensors", "any")
    model = Model("org/repo", architecture, "apache-2.0", (checkpoint,))
    return Candidate(model, checkpoint, runtime, where, parallelism or Parallelism(pipeline=1), settings)


def equal_layers(layers, layer_bytes, *, experts_bytes=0, embedding_bytes=0, output_bytes=0, tied=False, repackable_bytes=0):
    rows = (LayerWeights(layer_bytes, experts_bytes),) * layers
    return WeightBytes(rows, embedding_bytes, output_bytes, 0, tied, Basis.EXACT, "test", repackable_bytes)


def llama_8b_q4_k_m():
    """Llama-3.1-8B Q4_K_M: 4685.30 MiB, of which the lookup table 281.81 MiB and the head 410.98 MiB (Q6_K); norms in the layers."""
    output = 4096 * 128256 // 256 * 210
    table = 4096 * 128256 // 256 * 144
    layers = (4912898048 - output - table) // 32
    rest = 4912898048 - output - table - 32 * layers
    whole = equal_layers(32, layers, embedding_bytes=table, output_bytes=output, repackable_bytes=3204 * MIB)
    return replace(whole, other_bytes=rest)


def memory(architecture, settings, weights, **where):
    """The estimate of a hand-made candidate with the bundled constants, at requests of 1,000 and 5,000 tokens."""
    made = candidate(architecture, settings, **where)
    return estimate_memory(made, weights, constants=load_memory_constants(), typical_tokens=1000, longest_tokens=5000)
