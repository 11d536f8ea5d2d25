import json

import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.intake.models import find_model
from advisor.intake.stored_format import quantization_of_config
from advisor.synthesis.gguf import write_gguf

CATALOG = load_catalog()
CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}


def safetensors(path, sizes):
    offsets, at = {}, 0
    for index, size in enumerate(sizes):
        offsets[f"t{index}"] = {"dtype": "BF16", "shape": [size // 2], "data_offsets": [at, at + size]}
        at += size
    header = json.dumps({"__metadata__": {}, **offsets}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * at)


def test_a_catalog_id_or_alias_is_found_and_an_unknown_one_gets_near_names():
    assert find_model("Qwen/Qwen3-32B", CATALOG) is CATALOG.models["Qwen/Qwen3-32B"]
    with pytest.raises(UserInputError, match="did you mean"):
        find_model("Qwen/Qwen3-33B", CATALOG)


def test_a_config_or_its_folder_is_a_model(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    by_file = find_model(str(folder / "config.json"), CATALOG)
    assert (by_file.id, by_file.architecture.layers, by_file.checkpoints[0].weights_bytes) == ("tiny", 2, None)
    safetensors(folder / "model-1.safetensors", [100, 60])
    safetensors(folder / "model-2.safetensors", [40])
    by_folder = find_model(str(folder), CATALOG)
    assert by_folder.checkpoints[0].weights_bytes == 200
    assert by_folder.checkpoints[0].quantization == "bf16"
    assert by_folder.architecture == by_file.architecture


def test_a_gguf_file_is_a_model_whose_file_type_is_recognised_by_its_bytes(tmp_path):
    model = CATALOG.model("Qwen/Qwen3-0.6B")
    path = tmp_path / "renamed.gguf"
    for name in ("Q4_K_M", "Q8_0", "IQ4_XS"):
        write_gguf(path, model.architecture, CATALOG.quantizations[name], seed=1, sparse=True)
        found = find_model(str(path), CATALOG)
        assert found.checkpoints[0].quantization == name
        assert found.checkpoints[0].weights_bytes is not None
        assert found.architecture.layer_groups == model.architecture.layer_groups


@pytest.mark.parametrize("reference", ["./nowhere", "nowhere.gguf", "nowhere/config.json"])
def test_a_missing_file_is_said_to_be_missing(reference):
    with pytest.raises(UserInputError, match="no such file"):
        find_model(reference, CATALOG)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"model_type": "qwen9"}', "{}"])
def test_a_file_that_is_no_config_is_refused(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(UserInputError):
        find_model(str(path), CATALOG)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UserInputError, match=r"neither config\.json nor a \.gguf file"):
        find_model(str(tmp_path), CATALOG)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        (2**40).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"xx",
        (14).to_bytes(8, "little") + b'{"a": {"b":1}}',
    ],
)
def test_hostile_safetensors_are_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UserInputError, match=r"model\.safetensors"):
        find_model(str(tmp_path), CATALOG)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"torch_dtype": "bfloat16"}, "bf16"),
        ({"text_config": {"dtype": "float16"}}, "fp16"),
        ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, "fp8-block"),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "awq-int4"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq-int4"),
        ({"quantization_config": {"quant_method": "mxfp4"}}, "mxfp4"),
        ({"compression_config": {"config_groups": {"a": {"weights": {"num_bits": 4, "type": "int"}}}}}, "w4a16"),
        (
            {
                "quantization_config": {
                    "config_groups": {"a": {"weights": {"num_bits": 8, "type": "int"}, "input_activations": {"num_bits": 8}}}
                }
            },
            "w8a8-int8",
        ),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {
                        "a": {"weights": {"num_bits": 8, "type": "float"}, "input_activations": {"num_bits": 8, "dynamic": True}}
                    },
                }
            },
            "fp8-dynamic",
        ),
        ({"quantization_config": {"quant_method": "quark"}}, None),
        ({}, None),
    ],
)
def test_what_a_config_says_about_its_weights(config, expected):
    assert quantization_of_config(config, CATALOG) == expected
