"""Weight bytes against the engines' own: llama-quantize, llama.cpp's loader, vLLM's ranks."""

import csv
import dataclasses
import json
from pathlib import Path

import pytest

from advisor.architectures import from_config
from advisor.architectures.parameters import layer_matrices
from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.domain.model import Checkpoint
from advisor.domain.quantity import Basis
from advisor.errors import UserInputError
from advisor.estimate.safetensors_bytes import pipeline_stages
from advisor.estimate.weights import checkpoint_weights, gguf_weights, safetensors_weights

HERE = Path(__file__).parent
CONFIGS = json.loads((HERE.parent / "architectures" / "configs.json").read_text())["configs"]
CATALOG = load_catalog()


def rows(name):
    return list(csv.DictReader((HERE / name).open()))


def architecture_of(model):
    return from_config(CONFIGS[model], model) if model in CONFIGS else CATALOG.models[model].architecture


def name_of(row):
    return f"{row['model']}-{row['quantization']}"


@pytest.mark.parametrize("row", rows("gguf_tensor_bytes.csv"), ids=name_of)
def test_gguf_bytes_are_those_that_the_engine_loads(row):
    weights = gguf_weights(architecture_of(row["model"]), CATALOG.quantizations[row["quantization"]])
    assert weights.total_bytes == int(row["tensor_bytes"])
    assert weights.basis is Basis.EXACT


@pytest.mark.parametrize("quantization", sorted({row["quantization"] for row in rows("gguf_bits_per_weight.csv")}))
def test_bits_per_weight_are_those_of_llama_quantize(quantization):
    for row in rows("gguf_bits_per_weight.csv"):
        if row["quantization"] != quantization:
            continue
        architecture = architecture_of(row["model"])
        for imatrix, expected in ((False, row["bits"]), (True, row["bits_imatrix"])):
            weights = gguf_weights(architecture, CATALOG.quantizations[quantization], imatrix=imatrix)
            bits = (weights.total_bytes - 4 * architecture.rope_frequencies) * 8 / architecture.parameters_total
            assert bits == pytest.approx(float(expected), abs=0.0006), (row["model"], imatrix)


@pytest.mark.parametrize("row", rows("vllm_rank_bytes.csv"), ids=lambda row: f"{name_of(row)}-tp{row['tensor']}")
def test_a_rank_holds_what_vllm_creates(row):
    tensor = int(row["tensor"])
    weights = safetensors_weights(
        architecture_of(row["model"]), CATALOG.quantizations[row["quantization"]], parallelism=Parallelism(tensor=tensor)
    )
    assert weights.total_bytes == int(row["weight_bytes"])


def test_vision_towers_are_loaded_by_vllm_alone():
    """google/gemma-3-27b-it: 27,432,406,640 parameters in the safetensors files."""
    model = CATALOG.models["google/gemma-3-27b-it"].architecture
    assert safetensors_weights(model, CATALOG.quantizations["bf16"], parallelism=Parallelism()).total_bytes == 2 * 27_432_406_640


def test_shared_keys_are_copied_by_vllm():
    model = CATALOG.models["google/gemma-4-26B-A4B-it"].architecture
    weights = safetensors_weights(model, CATALOG.quantizations["bf16"], parallelism=Parallelism())
    copied = 5 * 2816 * 2 * 512
    assert weights.total_bytes == 2 * (model.parameters_total + model.encoder_parameters + copied)


@pytest.mark.parametrize(("layers", "stages", "sizes"), [(32, 1, [32]), (61, 2, [31, 30]), (62, 4, [15, 16, 16, 15]), (7, 4, [2, 2, 2, 1])])
def test_pipeline_stages_are_even_and_the_last_is_never_the_longest(layers, stages, sizes):
    assert [len(stage) for stage in pipeline_stages(layers, stages)] == sizes


def test_pipeline_ranks_hold_their_layers_and_their_table():
    model, bf16 = CATALOG.models["Qwen/Qwen3-32B"].architecture, CATALOG.quantizations["bf16"]
    whole = safetensors_weights(model, bf16, parallelism=Parallelism())
    half = safetensors_weights(model, bf16, parallelism=Parallelism(pipeline=2))
    assert len(half.layers) == 32
    # The last stage is the heavier by the final norm.
    assert half.total_bytes == whole.output_bytes + whole.other_bytes + sum(layer.dense_bytes for layer in whole.layers) // 2


def test_expert_parallelism_divides_whole_experts():
    model, bf16 = CATALOG.models["Qwen/Qwen3-30B-A3B"].architecture, CATALOG.quantizations["bf16"]
    sliced = safetensors_weights(model, bf16, parallelism=Parallelism(tensor=4))
    whole = safetensors_weights(model, bf16, parallelism=Parallelism(tensor=4, expert=True))
    spread = safetensors_weights(model, bf16, parallelism=Parallelism(tensor=4, data=2, expert=True))
    assert whole.layers[0].experts_bytes == sliced.layers[0].experts_bytes == 2 * spread.layers[0].experts_bytes


@pytest.mark.parametrize(("model", "tensor"), [("Qwen/Qwen2.5-7B-Instruct", 8), ("Qwen/Qwen3-32B", 3)])
def test_indivisible_heads_are_refused(model, tensor):
    with pytest.raises(UserInputError, match=f"tensor parallel {tensor}"):
        safetensors_weights(CATALOG.models[model].architecture, CATALOG.quantizations["bf16"], parallelism=Parallelism(tensor=tensor))


def test_formats_do_not_stand_in_for_each_other():
    model = CATALOG.models["Qwen/Qwen3-8B"].architecture
    with pytest.raises(UserInputError, match="not a GGUF file type"):
        gguf_weights(model, CATALOG.quantizations["bf16"])
    with pytest.raises(UserInputError, match="not a safetensors scheme"):
        safetensors_weights(model, CATALOG.quantizations["Q4_K_M"], parallelism=Parallelism())


def test_published_bytes_scale_every_part():
    """RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic: vLLM 0.11 loads 67.72 GiB on one device, 33.88 on each of two."""
    model, scheme = CATALOG.models["meta-llama/Llama-3.3-70B-Instruct"].architecture, CATALOG.quantizations["fp8-dynamic"]
    checkpoint = Checkpoint("org/repo", "safetensors", "fp8-dynamic", weights_bytes=72_000_000_000, source="the files")
    one = checkpoint_weights(model, checkpoint, scheme, parallelism=Parallelism())
    two = checkpoint_weights(model, checkpoint, scheme, parallelism=Parallelism(tensor=2))
    assert one.total_bytes == 72_000_000_000
    assert two.total_bytes == pytest.approx(36_000_000_000, rel=1e-3)
    assert "72,000,000,000 bytes" in one.source
    unknown = dataclasses.replace(checkpoint, weights_bytes=None)
    assert checkpoint_weights(model, unknown, scheme, parallelism=Parallelism()).total_bytes / 2**30 == pytest.approx(67.72, abs=0.04)


def test_padded_experts_are_not_called_exact():
    """gpt-oss-120b on one H100: vLLM 0.11 to 0.14 load 64.38 GiB; the padding depends on the kernel."""
    weights = safetensors_weights(
        CATALOG.models["openai/gpt-oss-120b"].architecture, CATALOG.quantizations["mxfp4"], parallelism=Parallelism()
    )
    assert weights.total_bytes / 2**30 == pytest.approx(64.38, rel=0.005)
    assert weights.basis is Basis.MODELLED


@pytest.mark.parametrize(
    ("model", "quantization", "basis"), [("Qwen/Qwen3-32B", "fp8", "exact"), ("Qwen/Qwen3-30B-A3B", "fp8", "modelled")]
)
def test_only_where_publishers_have_no_choice_is_a_scheme_exact(model, quantization, basis):
    weights = safetensors_weights(CATALOG.models[model].architecture, CATALOG.quantizations[quantization], parallelism=Parallelism())
    assert weights.basis == basis


def test_a_publishers_parts_stay_in_their_own_format_on_every_rank():
    model, format_ = CATALOG.models["google/gemma-4-31B-it"], CATALOG.quantizations["nvfp4"]
    ruled = next(checkpoint for checkpoint in model.checkpoints if checkpoint.parts)
    plain = dataclasses.replace(ruled, parts=())
    attention = sum(
        group.count * matrix.elements
        for group in model.architecture.layer_groups
        for matrix in layer_matrices(group, model.architecture.hidden_size)
        if matrix.part == "attention" and matrix.role == "linear"
    )
    for tensor in (1, 2):
        spread = Parallelism(tensor=tensor)
        own, rest = (checkpoint_weights(model.architecture, one, format_, parallelism=spread).total_bytes for one in (ruled, plain))
        assert own - rest == pytest.approx(attention * (16 - 4.5) / 8 / tensor, rel=1e-9)
