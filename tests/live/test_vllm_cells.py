"""vLLM's CPU build loads and generates with every structure and format that it is said to run, and refuses the others in its own words."""

import os
import re
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.domain.model import Model
from advisor.engines.find import find_vllm
from advisor.engines.vllm_smoke import VllmLoad, VllmTraffic, smoke
from advisor.errors import UserInputError
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate
from advisor.synthesis.hf_folder import write_hf_folder
from advisor.units import MIB
from tests.unit.synthesis.tiny_models import TINY

PYTHON = os.environ.get("ADVISOR_VLLM_PYTHON")
pytestmark = [pytest.mark.live, pytest.mark.skipif(not PYTHON, reason="ADVISOR_VLLM_PYTHON is not set")]
CATALOG = load_catalog()
HAS_AVX512 = Path("/proc/cpuinfo").exists() and re.search(r"\bavx512f\b", Path("/proc/cpuinfo").read_text()) is not None
RECORD = CATALOG.engine("vllm")
RECURRENT = ("granitehybrid", "bf16")
FOUR_BIT = ("llama", "awq-int4")
MISSING_KERNEL = "cpu_gemm_wna16"  # of the 4-bit formats: vLLM builds it into its AVX-512 libraries only, not into _C_AVX2
PASSING = [
    ("llama", "bf16"),
    ("qwen3", "bf16"),
    ("gemma3", "bf16"),  # windows
    ("qwen3moe", "bf16"),  # experts
    ("deepseek2", "bf16"),  # latent
    RECURRENT,
    ("llama", "w8a8-int8"),
    *([FOUR_BIT] if HAS_AVX512 else []),
]
REFUSED = {("llama", "fp8"): "static_scaled_fp8_quant", ("qwen3moe", "gptq-int4"): "No WNA16 MoE backend"}
FLAGS = {"max_model_len": 512, "max_num_seqs": 2, "max_num_batched_tokens": 512, "kv_cache_memory_bytes": 64 * MIB, "enforce_eager": True}
TRAFFIC = VllmTraffic(sequences=2, prompt_tokens=24, output_tokens=4)


def planned(name, quantization):
    return build_candidate(
        CATALOG,
        model=Model(name, TINY[name], "none", ()),
        quantization=quantization,
        engine="vllm",
        runtime=None,
        version=None,
        node=CATALOG.node("cpu", 1),
        devices=1,
        parallelism=Parallelism(),
        flags=FLAGS,
    )


def predicted(name, quantization):
    candidate = planned(name, quantization)
    format_ = CATALOG.quantization(quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, format_, parallelism=Parallelism())
    return estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=100, longest_tokens=100)


def written(name, quantization, folder):
    """The engine draws 16-bit weights itself, its loaders get real tensors of the other formats; settings as for 16 bits, the same."""
    drawn = quantization == "bf16"
    write_hf_folder(folder, TINY[name], quantization=CATALOG.quantization(quantization), weights="none" if drawn else "random")
    return VllmLoad(folder, planned(name, "bf16").settings, "dummy" if drawn else "auto")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every cell, one after another under one import of the engine."""
    cells = [*dict.fromkeys([*PASSING, FOUR_BIT, *REFUSED])]
    loads = [written(*cell, tmp_path_factory.mktemp("model")) for cell in cells]
    return dict(zip(cells, smoke(find_vllm(PYTHON), loads, record=RECORD, traffic=TRAFFIC), strict=True))


@pytest.mark.parametrize("cell", PASSING, ids="-".join)
def test_it_loads_and_generates(runs, cell):
    run = runs[cell]
    assert run.refused == ""
    assert run.generated_tokens == (TRAFFIC.output_tokens,) * TRAFFIC.sequences
    assert run.finite


@pytest.mark.parametrize("cell", [cell for cell in PASSING if cell != RECURRENT], ids="-".join)
def test_its_pool_is_as_predicted(runs, cell):
    pool_is_as_predicted(runs[cell], predicted(*cell))


@pytest.mark.xfail(
    strict=True, reason="on CPUs vLLM too raises the block to a state's size, and keeps states in 16 bits without AVX-512 BF16"
)
def test_its_pool_with_recurrent_states_is_as_predicted(runs):
    pool_is_as_predicted(runs[RECURRENT], predicted(*RECURRENT))


def pool_is_as_predicted(run, memory):
    assert run.num_blocks == memory.num_blocks.value
    assert run.kv_cache_bytes == memory.devices[0].kv_cache_bytes.value
    assert run.max_concurrency == pytest.approx(memory.max_concurrency_x.value, rel=1e-9)
    assert run.max_model_len == memory.context_per_request_tokens


def test_four_bits_need_a_kernel_that_only_some_processors_have(runs):
    assert (MISSING_KERNEL in runs[FOUR_BIT].refused) == (not HAS_AVX512)


@pytest.mark.parametrize(("cell", "reason"), REFUSED.items(), ids=lambda given: "-".join(given) if isinstance(given, tuple) else "")
def test_what_it_refuses_here_the_advisor_refuses_for_the_same_reason(runs, cell, reason):
    assert reason in runs[cell].refused
    with pytest.raises(UserInputError, match=reason):
        planned(*cell)
