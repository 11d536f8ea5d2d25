"""A draft model beside the first one on vLLM: its weights, and blocks that hold both models' layers."""

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.errors import UserInputError
from advisor.intake.estimation import EstimateRequest, Program, Traffic, WeightFiles, estimate_request
from advisor.units import GIB

CATALOG = load_catalog()
LLAMA, QWEN = "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-8B"
FLAGS = {"max_model_len": 8192, "max_num_seqs": 64, "max_num_batched_tokens": 8192, "kv_cache_memory_bytes": 10 * GIB}


def memory(model, draft, engine="vllm", quantization="bf16", **options):
    flags = FLAGS if engine == "vllm" else {}
    asked = EstimateRequest(model, "h100-sxm", Program(engine), WeightFiles(quantization), flags=flags, draft_model=draft, **options)
    return estimate_request(asked, CATALOG).estimate.memory


@pytest.mark.parametrize(
    ("model", "draft", "tensor", "told"),
    [  # vLLM 0.32.0: both models built on the meta device in one configuration, its own get_kv_cache_configs
        (QWEN, "Qwen/Qwen3-0.6B", 1, (2560, 4194304, 5.0, 1192099840)),
        (QWEN, "Qwen/Qwen3-0.6B", 2, (5120, 2097152, 10.0, 596115456)),
        (LLAMA, "meta-llama/Llama-3.2-1B-Instruct", 1, (4096, 2621440, 8.0, 2471628800)),
        (LLAMA, "meta-llama/Llama-3.2-1B-Instruct", 2, (8192, 1310720, 16.0, 1235881984)),
    ],
)
def test_weights_and_blocks_are_the_engine_s(model, draft, tensor, told):
    found = memory(model, draft, parallelism=Parallelism(tensor))
    device, blocks = found.devices[0], found.num_blocks.value
    assert (blocks, device.kv_cache_bytes.value / blocks, found.max_concurrency_x.value, device.draft_bytes.value) == told


def test_the_draft_s_weights_are_required_too():
    alone, both = memory(QWEN, None).devices[0], memory(QWEN, "Qwen/Qwen3-0.6B").devices[0]
    graphs = both.runtime_overhead_bytes.value - alone.runtime_overhead_bytes.value  # captured for both
    needed, before = (device.required_bytes.value - device.kv_cache_bytes.value for device in (both, alone))
    assert needed - before == both.draft_bytes.value + graphs
    assert memory(QWEN, "Qwen/Qwen3-0.6B", draft_quantization="fp8").devices[0].draft_bytes.value < both.draft_bytes.value


@pytest.mark.parametrize(
    ("model", "draft", "options", "says"),
    [
        (QWEN, "meta-llama/Llama-3.2-1B-Instruct", {}, "a vocabulary of 128,256"),
        ("google/gemma-3-12b-it", "google/gemma-3-4b-it", {}, "caches otherwise than in full"),
        (QWEN, "Qwen/Qwen3-0.6B", {"parallelism": Parallelism(pipeline=2)}, "pipeline stages"),
        (QWEN, "Qwen/Qwen3-0.6B", {"traffic": Traffic(100, 100)}, "is not estimated"),
        (QWEN, "Qwen/Qwen3-0.6B", {"engine": "llama.cpp", "quantization": "Q8_0"}, "counted for vLLM only"),
    ],
)
def test_what_is_refused_by_name(model, draft, options, says):
    with pytest.raises(UserInputError, match=says):
        memory(model, draft, **options)


def test_the_engine_is_asked_about_one_model():
    asked = EstimateRequest(QWEN, "h100-sxm", Program("vllm"), WeightFiles("bf16"), flags=FLAGS, draft_model="Qwen/Qwen3-0.6B")
    with pytest.raises(UserInputError, match="not asked about two models"):
        estimate_request(asked, CATALOG, ask=lambda *_: None)
