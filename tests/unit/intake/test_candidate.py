import dataclasses
import json
from pathlib import Path

import pytest

from advisor.architectures import from_config
from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.domain.model import Model
from advisor.errors import UserInputError
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

CATALOG = load_catalog()
CONFIGS = json.loads((Path(__file__).parents[1] / "architectures" / "configs.json").read_text(encoding="utf-8"))["configs"]


def build(engine="vllm", quantization="fp8", device="h100-sxm", model="Qwen/Qwen3-32B", **options):
    given = {"runtime": None, "version": None, "devices": 1, "parallelism": Parallelism(), "flags": {}} | options
    chosen = CATALOG.model(model) if isinstance(model, str) else model
    node = CATALOG.node(device, given["devices"])
    return build_candidate(CATALOG, model=chosen, quantization=quantization, engine=engine, node=node, **given)


def test_defaults_of_both_engines():
    vllm = build()
    assert (vllm.runtime.runtime, vllm.runtime.version, vllm.runtime.backend) == ("vllm-serve", "0.33.0", "cuda")
    llama = build("llama.cpp", "Q4_K_M")
    assert (llama.runtime.runtime, llama.runtime.version, llama.runtime.backend) == ("llama-server", "b11549", "cuda")
    assert build(quantization="awq", device="cpu").runtime.version == "0.32.0"  # the newest that runs without a GPU


def test_the_same_word_means_each_engines_own_format():
    assert build(quantization="bf16").checkpoint.format == "safetensors"
    made = build("llama.cpp", "bf16").checkpoint
    assert (made.format, made.quantization) == ("gguf", "BF16")


def test_a_runtime_may_name_its_backend():
    assert build("llama.cpp", "Q4_K_M", runtime="llama-server/vulkan").runtime.backend == "vulkan"
    with pytest.raises(UserInputError, match="no backend metal"):
        build("llama.cpp", "Q4_K_M", runtime="llama-server/metal")


@pytest.mark.parametrize(
    ("asked", "version"), [("b11600", "b11600"), ("11600", "b11600"), ("0.3.36", "b11549"), ("0c1e570", "b11549"), (None, "b11549")]
)
def test_llama_cpp_versions_by_build_commit_or_binding(asked, version):
    assert build("llama.cpp", "Q4_K_M", version=asked).runtime.version == version


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "vlm"}, "did you mean vllm"),
        ({"version": "0.20.0"}, "holds from 0.32.0 to before 0.34"),
        ({"version": "new"}, "not a version of vLLM"),
        ({"engine": "llama.cpp", "quantization": "Q4_K_M", "version": "b100"}, "holds from b11206"),
        ({"quantization": "Q4_K_M"}, "gguf format.*vllm-gguf-plugin"),
        ({"engine": "llama.cpp"}, "safetensors format.*GGUF files only"),
        ({"device": "cpu"}, "fp8 does not run on cpu"),
        (
            {"device": "i9-13900k", "quantization": "awq"},
            "awq-int4 needs a processor with avx512f, which i9-13900k has not: .*cpu_gemm_wna16",
        ),
        ({"device": "epyc-9654", "quantization": "fp8-block"}, "fp8-block needs a processor with amx_tile, which epyc-9654 has not"),
        ({"device": "epyc-9654", "quantization": "awq", "model": "Qwen/Qwen3-30B-A3B"}, "No WNA16 MoE backend"),
        ({"device": "xeon-spr", "quantization": "fp8-dynamic", "model": "Qwen/Qwen3-30B-A3B"}, "Unsupported FP8 MoE backend"),
        ({"device": "t4", "quantization": "bf16"}, "needs compute capability 8.0; t4 has 7.5"),
        ({"device": "apple-m4-max", "quantization": "bf16"}, "vLLM does not run on it"),
        ({"device": "mi300x", "quantization": "nvfp4"}, "only by emulation"),
        ({"parallelism": Parallelism(tensor=2)}, "needs 2 devices, 1 given"),
        ({"engine": "llama.cpp", "quantization": "Q4_K_M", "devices": 2, "parallelism": Parallelism(tensor=2)}, "splits layers"),
        ({"engine": "llama.cpp", "quantization": "Q4_K_M", "flags": {"tensor-split": "1,1"}}, "2 shares for 1 devices"),
        ({"quantization": None}, "say in which format"),
        ({"weights_bytes": 0}, "above 0"),
    ],
)
def test_what_cannot_run_is_refused_with_the_reason(options, message):
    with pytest.raises(UserInputError, match=message):
        build(**options)


def test_a_refused_model_says_why():
    model = dataclasses.replace(CATALOG.model("Qwen/Qwen3-32B"), support="refused: withdrawn by its owner")
    with pytest.raises(UserInputError, match="withdrawn"):
        build(model=model)


def test_fp8_weights_load_on_ampere_and_stated_bytes_win():
    candidate = build(device="a100-80gb-sxm", weights_bytes=34_000_000_000)
    assert candidate.checkpoint.weights_bytes == 34_000_000_000
    assert "stated" in candidate.checkpoint.source


def test_every_planned_model_can_be_built_for_both_engines():
    for model in CATALOG.models.values():
        if model.support == "planned":
            assert build("llama.cpp", "Q8_0", model=model).settings.n_gpu_layers == model.architecture.layers + 1
            assert build("vllm", "bf16", model=model).settings.max_model_len == model.architecture.max_context_tokens


def windowed_mistral():
    name = "mistralai/Mistral-7B-v0.1"
    return Model(name, from_config(CONFIGS[name], name), "apache-2.0", ())


def held(candidate):
    quantization = CATALOG.quantization(candidate.checkpoint.quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, quantization, parallelism=candidate.parallelism)
    memory = estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=1000, longest_tokens=5000)
    return memory, step_time_model(candidate, weights, CATALOG.calibrations[candidate.runtime.engine], quantization=quantization)


def test_llama_cpp_caches_every_token_of_a_windowed_llama():
    """Mistral 7B v0.1 is a `llama` to llama.cpp: with 32,768 cells it holds 32 layers x 2 x 8 x 128 x 2 bytes each, window or not."""
    memory, steps = held(build("llama.cpp", "Q8_0", model=windowed_mistral(), flags={"ctx-size": 32768, "parallel": 1}))
    assert memory.devices[0].kv_cache_bytes.value == 32768 * 32 * 2 * 8 * 128 * 2
    assert memory.kv_cache_bytes_per_token.value == 32 * 2 * 8 * 128 * 2
    assert steps.cache_s(16384) == pytest.approx(2 * steps.cache_s(8192))


def test_vllm_keeps_to_the_window():
    memory, steps = held(build(quantization="bf16", model=windowed_mistral(), flags={"max-model-len": 32768}))
    assert memory.kv_cache_bytes_per_token.value == 0
    assert steps.cache_s(16384) == pytest.approx(steps.cache_s(8192))


def test_llama_cpp_keeps_the_windows_it_knows():
    memory, _ = held(build("llama.cpp", "Q4_K_M", model="google/gemma-3-27b-it", flags={"ctx-size": 32768, "parallel": 1}))
    full_layers, row_bytes = 10, 2 * 16 * 128 * 2
    assert memory.kv_cache_bytes_per_token.value == full_layers * row_bytes
