"""vLLM's own planning against the prediction: weights, blocks and their bytes, for every way of caching, one rank and two, CPU and GPU."""

import os
import random

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.engines.find import find_vllm
from advisor.engines.vllm_witness import VllmQuestion, ask
from advisor.engines.witness import ask_engine
from advisor.errors import EngineFailed
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.estimate.witnessed import with_witness
from advisor.intake.candidate import build_candidate
from advisor.synthesis.hf_folder import folder_documents
from advisor.units import GIB
from tests.scripts_for_tests import script

PYTHON = os.environ.get("ADVISOR_VLLM_PYTHON")
pytestmark = [pytest.mark.live, pytest.mark.skipif(not PYTHON, reason="ADVISOR_VLLM_PYTHON is not set")]
CATALOG = load_catalog()
RECORD = CATALOG.engine("vllm")
POOL_BYTES = 10 * GIB
CELLS = [
    (model, device, tensor)
    for model in (
        "meta-llama/Llama-3.1-8B-Instruct",
        "Qwen/Qwen3-8B",
        "google/gemma-3-12b-it",  # windows
        "Qwen/Qwen3-30B-A3B",  # experts
        "deepseek-ai/DeepSeek-V3",  # latent
    )
    for device, tensor in (("cpu", 1), ("h100-sxm", 1), ("h100-sxm", 2))
]
CELLS += [  # recurrent; processors with AMX, AVX512-BF16 and AVX2 at best
    ("Qwen/Qwen3-Next-80B-A3B-Instruct", device, tensor)
    for device, tensor in (("xeon-spr", 1), ("epyc-9654", 1), ("i9-13900k", 1), ("i9-13900k", 2), ("h100-sxm", 1), ("h100-sxm", 2))
]
CELLS += [("Qwen/Qwen3.5-4B", "h100-sxm", tensor) for tensor in (1, 2)]  # whose files import torchvision, which this build lacks
CELLS += [("deepseek-ai/DeepSeek-V3", device, 1) for device in ("xeon-spr", "i9-13900k")]  # latent attention by AMX, and without


def predicted(model, device, tensor, quantization="bf16", **flags):
    parallelism = Parallelism(tensor=tensor)
    candidate = build_candidate(
        CATALOG,
        model=CATALOG.model(model),
        quantization=quantization,
        engine="vllm",
        runtime=None,
        version=None,
        node=CATALOG.node(device, tensor),
        devices=tensor,
        parallelism=parallelism,
        flags={"max_model_len": 8192, "kv_cache_memory_bytes": POOL_BYTES, **flags},
    )
    architecture = candidate.model.architecture
    weights = checkpoint_weights(architecture, candidate.checkpoint, CATALOG.quantization(quantization), parallelism=parallelism)
    memory = estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=100, longest_tokens=100)
    return candidate, weights, memory


@pytest.fixture(scope="module")
def answers():
    """Every cell in one process of the engine."""
    questions = []
    for model, device, tensor in CELLS:
        candidate, _, _ = predicted(model, device, tensor)
        config = folder_documents(candidate.model.architecture, CATALOG.quantization("bf16"))["config.json"]
        features = candidate.node.device.planned_features
        questions.append(VllmQuestion(config, candidate.settings, candidate.parallelism, POOL_BYTES, candidate.on_cpu, features))
    return dict(zip(CELLS, ask(find_vllm(PYTHON), questions, record=RECORD), strict=True))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell)).replace("/", "-"))
def test_blocks_and_their_bytes_are_what_the_engine_plans(answers, cell):
    candidate, weights, memory = predicted(*cell)
    answer = answers[cell]
    assert answer.refused == ""
    assert memory.num_blocks.value == answer.num_blocks
    assert memory.devices[0].kv_cache_bytes.value == answer.num_blocks * answer.bytes_per_block
    assert memory.max_concurrency_x.value == pytest.approx(answer.max_concurrency, rel=1e-9)
    encoder_bytes = 2 * candidate.model.architecture.encoder_parameters  # asked was the language model alone
    assert weights.total_bytes == answer.weight_bytes + encoder_bytes


def test_a_sample_of_the_golden_answers_is_told_again():
    """Drawn by a fixed seed from tests/data/memory/vllm.csv."""
    golden = script("vllm_golden")
    rows = [row for row in golden.read() if not row.not_asked and not row.refused]
    sample = random.Random(32).sample(rows, 40)
    assert list(golden.told(PYTHON, CATALOG, [row.cell for row in sample])) == sample


def test_the_planner_s_question_is_answered():
    candidate, weights, memory = predicted("Qwen/Qwen3-8B", "cpu", 1)
    witness = ask_engine(candidate, CATALOG.quantization("bf16"), RECORD, engine_python=PYTHON)
    _, testimony = with_witness(memory, witness, candidate=candidate, weights=weights)
    assert {"weights_bytes", "num_blocks", "kv_cache_bytes", "max_concurrency_x"} <= {one.name for one in testimony.told}
    assert testimony.differences == ()


def test_what_does_not_fit_is_refused_in_the_engines_words():
    candidate, _, _ = predicted("Qwen/Qwen3-8B", "cpu", 1, kv_cache_memory_bytes=64 * 1024**2)
    with pytest.raises(EngineFailed, match="KV cache"):
        ask_engine(candidate, CATALOG.quantization("bf16"), RECORD, engine_python=PYTHON)
