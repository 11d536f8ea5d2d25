"""In which format published checkpoints are stored, by what their own files say; what is not planned is refused by name."""

import json
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.intake.candidate import build_candidate
from advisor.intake.models import find_model
from advisor.intake.stored_format import stored_format
from tests.unit.intake.test_models import CONFIG

CATALOG = load_catalog()
PUBLISHED = json.loads((Path(__file__).parents[2] / "data" / "stored_formats.json").read_text())["checkpoints"]


@pytest.mark.parametrize("one", PUBLISHED, ids=[one["model"] for one in PUBLISHED])
def test_published_checkpoints(one):
    found = stored_format(one["config"], CATALOG, one.get("hf_quant_config"))
    assert found.id == one["expected"]
    assert bool(found.refused) == (one["expected"] is None)


def test_the_set_holds_every_kind():
    assert {one["expected"] for one in PUBLISHED} >= {"fp8", "fp8-block", "fp8-dynamic", "w4a16", "nvfp4", "mxfp4", None}
    assert all(one["source"] for one in PUBLISHED)


def group(bits, kind, activations=None, **more):
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": one_group(bits, kind, activations, **more)}}


def one_group(bits, kind, activations=None, **more):
    return {"weights": {"num_bits": bits, "type": kind, **more}, "input_activations": activations}


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (group(4, "int") | {"format": "pack-quantized"}, "w4a16"),
        (group(8, "int", {"num_bits": 8}) | {"format": "int-quantized"}, "w8a8-int8"),
        (group(8, "int") | {"format": "pack-quantized"}, "w8a16"),
        (group(8, "float", {"num_bits": 8, "dynamic": False}) | {"format": "float-quantized"}, "fp8"),
        (group(8, "float", {"num_bits": 8, "dynamic": True}) | {"format": "float-quantized"}, "fp8-dynamic"),
        (group(8, "float", {"num_bits": 8, "dynamic": True}, strategy="block") | {"format": "float-quantized"}, "fp8-block"),
        (group(4, "float", {"num_bits": 4}) | {"format": "nvfp4-pack-quantized"}, "nvfp4"),
        (group(4, "float") | {"format": "mxfp4-pack-quantized"}, "mxfp4"),
        ({"quant_method": "awq", "bits": 4, "modules_to_not_convert": ["visual"]}, "awq-int4"),
        ({"quant_method": "gptq", "bits": 4}, "gptq-int4"),
    ],
)
def test_every_variant_that_is_planned(scheme, expected):
    assert stored_format({"quantization_config": scheme}, CATALOG).id == expected


@pytest.mark.parametrize(
    ("scheme", "says"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "'bitsandbytes' is not planned"),
        ({"quant_method": "quark"}, "'quark' is not planned"),
        ({"quant_method": "torchao"}, "'torchao' is not planned"),
        ({"quant_method": "gptq", "bits": 8}, "'gptq with 8 bits' is not planned"),
        ({"quant_method": "awq", "bits": 3}, "'awq with 3 bits' is not planned"),
        (group(2, "int"), "'w2a16' is not planned"),
        ({"quant_algo": "W4A16_NVFP4", "quant_method": "modelopt"}, "'w4a16_nvfp4' is not planned"),
        ({"quant_algo": "MIXED_PRECISION", "quantized_layers": {"a": {"quant_algo": "FP8"}}}, "mixed precision (FP8 and more)"),
        ({"quant_method": "fp8", "moe_quant_algo": "NVFP4"}, "mixed precision (NVFP4 and fp8 outside the experts)"),
        ({"config_groups": {"a": one_group(4, "int"), "b": one_group(8, "float")}}, "mixed precision (fp8 and w4a16)"),
        ({}, ""),
    ],
)
def test_every_other_is_refused_by_name(scheme, says):
    found = stored_format({"quantization_config": scheme}, CATALOG)
    assert found.id is None and says in found.refused


def test_a_file_about_the_cache_alone_leaves_the_weights_as_they_are():
    cache = {"quantization": {"quant_algo": None, "kv_cache_quant_algo": "FP8"}}
    assert stored_format({"torch_dtype": "bfloat16"}, CATALOG, cache).id == "bf16"
    assert stored_format({"quantization_config": {"group_size": 16}}, CATALOG).refused


def test_modules_that_are_kept_out_are_counted():
    assert stored_format({"quantization_config": {"quant_method": "fp8", "modules_to_not_convert": ["a", "b"]}}, CATALOG).kept_16bit == 2
    assert stored_format({}, CATALOG, {"quantization": {"quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}}).kept_16bit == 1


def test_a_folder_in_a_refused_format_says_so_where_no_other_is_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"quantization_config": {"quant_method": "bitsandbytes"}}))
    model = find_model(str(tmp_path), CATALOG)
    assert model.checkpoints == ()
    from advisor.domain.engine import Parallelism

    usual = {"engine": "vllm", "runtime": None, "version": None, "devices": 1, "parallelism": Parallelism(), "flags": {}}
    with pytest.raises(UserInputError, match="its own weights are refused: quantization 'bitsandbytes' is not planned"):
        build_candidate(CATALOG, model=model, quantization=None, node=CATALOG.node("h100-sxm"), **usual)
    made = build_candidate(CATALOG, model=model, quantization="bf16", node=CATALOG.node("h100-sxm"), **usual)
    assert not made.checkpoint.published


def test_the_format_of_modelopt_stands_beside_the_config(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "hf_quant_config.json").write_text('{"quantization": {"quant_algo": "FP8"}}')
    assert find_model(str(tmp_path), CATALOG).checkpoints[0].quantization == "fp8"
    (tmp_path / "hf_quant_config.json").write_text("[")
    with pytest.raises(UserInputError, match=r"hf_quant_config\.json: not valid JSON"):
        find_model(str(tmp_path), CATALOG)
