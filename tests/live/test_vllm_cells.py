"""vLLM's CPU build runs what the advisor plans, on this processor and on a lesser one, and refuses the rest in the words that it quotes."""

import os
import re
from dataclasses import replace

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.domain.model import Model
from advisor.engines.find import find_vllm
from advisor.engines.process import Limits
from advisor.engines.support import refusal
from advisor.engines.vllm_smoke import VllmLoad, VllmTraffic, smoke
from advisor.errors import UserInputError
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate
from advisor.intake.processor import processor_features
from advisor.synthesis.hf_folder import write_hf_folder
from advisor.units import MIB
from tests.unit.synthesis.tiny_models import TINY

PYTHON = os.environ.get("ADVISOR_VLLM_PYTHON")
pytestmark = [pytest.mark.live, pytest.mark.skipif(not PYTHON, reason="ADVISOR_VLLM_PYTHON is not set")]
CATALOG = load_catalog()
RECORD = CATALOG.engine("vllm")
HERE = processor_features() or ()
PROCESSORS = {"whole": HERE, "avx2": ("avx2",)}  # as it is, and with all that is newer hidden from vLLM
FORMATS = ("bf16", "awq-int4", "gptq-int4", "w8a8-int8", "fp8", "fp8-block", "fp8-dynamic")
STRUCTURES = (
    "qwen3",
    "gemma3",  # windows
    "deepseek2",  # latent
    "qwen3next",  # recurrent
    "granitehybrid",  # recurrent
)
EXPERTS = ("bf16", "gptq-int4", "fp8")
LESSER = [
    ("llama", "awq-int4"),
    ("qwen3moe", "gptq-int4"),
    ("granitehybrid", "bf16"),
    ("deepseek2", "bf16"),
]
CELLS = [("whole", "llama", name) for name in FORMATS]
CELLS += [("whole", name, "bf16") for name in STRUCTURES]
CELLS += [("whole", "qwen3moe", name) for name in EXPERTS]
CELLS += [("whole", "qwen3next", "gptq-int4"), ("whole", "granitehybrid", "awq-int4")]  # joined projections of widths that no kernel takes
CELLS += [("avx2", *cell) for cell in LESSER if "avx2" in HERE]
FLAGS = {"max_model_len": 512, "max_num_seqs": 2, "max_num_batched_tokens": 512, "kv_cache_memory_bytes": 64 * MIB, "enforce_eager": True}
LIMITS = Limits(time_s=3600.0, silence_s=900.0, output_bytes=32 * MIB)  # a busy machine takes ten times as long as an idle one
TRAFFIC = VllmTraffic(sequences=2, prompt_tokens=24, output_tokens=4)


def node(processor):
    generic = CATALOG.node("cpu", 1)
    return replace(generic, device=replace(generic.device, processor_features=PROCESSORS[processor]))


def reason(cell):
    """Why the advisor refuses it, None where it plans it."""
    processor, name, quantization = cell
    format_ = CATALOG.quantization(quantization)
    return refusal(RECORD, format_, architecture=TINY[name], device=node(processor).device, backend="cpu")


RUNNING = [cell for cell in CELLS if reason(cell) is None]
REFUSED = [cell for cell in CELLS if cell not in RUNNING]


def planned(processor, name, quantization):
    return build_candidate(
        CATALOG,
        model=Model(name, TINY[name], "none", ()),
        quantization=quantization,
        engine="vllm",
        runtime=None,
        version=None,
        node=node(processor),
        devices=1,
        parallelism=Parallelism(),
        flags=FLAGS,
    )


def predicted(processor, name, quantization):
    candidate = planned(processor, name, quantization)
    format_ = CATALOG.quantization(quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, format_, parallelism=Parallelism())
    return estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=100, longest_tokens=100)


def written(processor, name, quantization, folder):
    """The engine draws 16-bit weights itself, its loaders get real tensors of the other formats; settings as for 16 bits, the same."""
    drawn = quantization == "bf16"
    write_hf_folder(folder, TINY[name], quantization=CATALOG.quantization(quantization), weights="none" if drawn else "random")
    return VllmLoad(folder, planned(processor, name, "bf16").settings, "dummy" if drawn else "auto")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every cell, one after another; the engine is imported once a processor."""
    found, done = find_vllm(PYTHON), {}
    for processor, features in PROCESSORS.items():
        cells = [cell for cell in CELLS if cell[0] == processor]
        loads = [written(*cell, tmp_path_factory.mktemp("model")) for cell in cells]
        shown = None if processor == "whole" else features
        if cells:
            told = smoke(found, loads, record=RECORD, traffic=TRAFFIC, processor_features=shown, limits=LIMITS)
            done |= zip(cells, told, strict=True)
    return done


@pytest.mark.parametrize("cell", RUNNING, ids="-".join)
def test_what_the_advisor_plans_loads_and_generates(runs, cell):
    run = runs[cell]
    assert run.refused == ""
    assert run.generated_tokens == (TRAFFIC.output_tokens,) * TRAFFIC.sequences
    assert run.finite


@pytest.mark.parametrize("cell", RUNNING, ids="-".join)
def test_its_pool_is_as_predicted(runs, cell):
    run, memory = runs[cell], predicted(*cell)
    assert run.num_blocks == memory.num_blocks.value
    assert run.kv_cache_bytes == memory.devices[0].kv_cache_bytes.value
    assert run.max_model_len == memory.context_per_request_tokens


@pytest.mark.parametrize("cell", RUNNING, ids="-".join)
def test_its_concurrency_is_as_predicted(runs, cell):
    assert runs[cell].max_concurrency == pytest.approx(predicted(*cell).max_concurrency_x.value, rel=1e-9)


@pytest.mark.parametrize("cell", REFUSED, ids="-".join)
def test_what_the_advisor_refuses_the_engine_refuses_in_the_words_that_it_quotes(runs, cell):
    with pytest.raises(UserInputError) as refused:
        planned(*cell)
    (quoted,) = re.findall(r'\("(.+)"\)', str(refused.value))
    assert quoted in runs[cell].refused


def test_four_bits_run_on_this_processor_as_its_features_say():
    runs_here = {("whole", "llama", name) in RUNNING for name in ("awq-int4", "gptq-int4")}
    assert runs_here == {"avx512f" in HERE}


def test_fp8_weights_and_quantised_experts_are_among_the_refused():
    assert {("whole", "llama", "fp8"), ("whole", "qwen3moe", "fp8")} <= set(REFUSED)
    lesser = "avx2" if "avx2" in HERE else "whole"
    assert (lesser, "qwen3moe", "gptq-int4") in REFUSED
