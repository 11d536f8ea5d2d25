"""Two blueprints with fixed numbers, so that golden manifests move only when the templates do."""

from advisor.catalog.engines import load_engines
from advisor.domain.quantity import Basis, Quantity
from advisor.manifests.arguments import Argument
from advisor.manifests.blueprint import Blueprint
from advisor.manifests.startup import start_up

ENGINES = load_engines()
START = start_up(Quantity(91.0, 60.0, 150.0, Basis.MODELLED, "34.3 GB from a disk of 3 GB/s"))


def vllm() -> Blueprint:
    facts = ENGINES["vllm"].runtimes["vllm-serve"]
    return Blueprint(
        name="letters",
        title="vLLM 0.33.0, Qwen/Qwen3-32B fp8-block, 2 x 1 H100",
        identity={"model": "Qwen/Qwen3-32B", "quantization": "fp8-block", "device": "h100-sxm", "version": "0.33.0", "backend": "cuda"},
        image="vllm/vllm-openai:v0.33.0",
        container=facts.container,
        command=facts.launch.command,
        arguments=(
            Argument(("/models/Qwen3-32B-FP8",)),
            Argument(("--served-model-name=Qwen/Qwen3-32B",)),
            Argument(("--max-model-len=16384",), "longest request 16,200 tokens (15,000 in + 1,200 out)"),
            Argument(("--max-num-seqs=64",), "34 typical requests fill the KV pool"),
            Argument(("--enable-prefix-caching",)),
            Argument(("--tensor-parallel-size=1",)),
        ),
        joined=True,
        port=8000,
        health_path="/health",
        model_path="/models/Qwen3-32B-FP8",
        replicas=2,
        devices=1,
        gpu_resource="nvidia.com/gpu",
        vendor="NVIDIA",
        cpus=None,
        memory_gib=18,
        checkpoint_gib=40,
        start=START,
        grace_s=83,
        log_lines=("GPU KV cache size: about 158,000 (152,000-161,000) tokens",),
    )


def llama_server() -> Blueprint:
    facts = ENGINES["llama.cpp"].runtimes["llama-server"]
    return Blueprint(
        name="notes",
        title="llama.cpp b11549, Qwen/Qwen3-8B Q4_K_M, 1 x 1 CPU",
        identity={"model": "Qwen/Qwen3-8B", "quantization": "Q4_K_M", "device": "cpu", "version": "b11549", "backend": "cpu"},
        image="ghcr.io/ggml-org/llama.cpp:server-b11549",
        container=facts.container,
        command=facts.launch.command,
        arguments=(
            Argument(("--model", "/models/Qwen3-8B-Q4_K_M.gguf")),
            Argument(("--alias", "Qwen/Qwen3-8B")),
            Argument(("--ctx-size", "32768"), "4 requests share it"),
            Argument(("--parallel", "4")),
            Argument(("--kv-unified",), "without it every slot gets an equal, smaller share of the context"),
            Argument(("--fit", "off")),
        ),
        joined=False,
        port=8080,
        health_path="/health",
        model_path="/models/Qwen3-8B-Q4_K_M.gguf",
        replicas=1,
        devices=0,
        gpu_resource="",
        vendor="",
        cpus=8,
        memory_gib=20,
        checkpoint_gib=7,
        start=START,
        grace_s=120,
        log_lines=("llama_kv_cache: size = 4,608 MiB",),
    )
