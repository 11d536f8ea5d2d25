"""Weights of a Hugging Face folder: as many as the model has, in the layout of each format, decoding to small numbers; or none."""

import json
import math

import numpy as np
import pytest

from advisor.architectures.cut_down import cut_down, least_layers
from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.errors import UserInputError
from advisor.estimate.weights import safetensors_weights
from advisor.intake.models import find_model
from advisor.intake.safetensors_files import tensor_bytes
from advisor.synthesis.hf_folder import write_hf_folder
from advisor.synthesis.hf_tensors import WRITTEN, hf_tensors
from tests.unit.synthesis.tiny_models import TINY

CATALOG = load_catalog()
MODELS = {name: model.architecture for name, model in CATALOG.models.items()}
BITS = {"awq-int4": 4, "gptq-int4": 4, "w4a16": 4}
TABLE = "model.layers.0.mlp.gate_proj"


def tensors(path):
    """Name -> (dtype, shape, bytes)."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    table = json.loads(data[8 : 8 + length])
    table.pop("__metadata__")
    body = data[8 + length :]
    return {name: (one["dtype"], one["shape"], body[slice(*one["data_offsets"])]) for name, one in table.items()}


@pytest.fixture
def written(tmp_path):
    def make(name, quantization, **options):
        size = write_hf_folder(tmp_path / "model", TINY[name], quantization=CATALOG.quantization(quantization), **options)
        return tmp_path / "model", size

    return make


@pytest.mark.parametrize("name", [name for name, one in MODELS.items() if one.name in WRITTEN])
def test_every_parameter_is_in_one_tensor(name):
    architecture = cut_down(MODELS[name], least_layers(MODELS[name]))
    found = hf_tensors(architecture)
    assert sum(math.prod(tensor.shape) for tensor in found) == architecture.parameters_total
    assert len({tensor.name for tensor in found}) == len(found)


@pytest.mark.parametrize("name", ["granitehybrid", "deepseek2", "qwen3next", "gemma3"])
def test_a_folder_is_a_model_to_the_advisor(written, name):
    folder, size = written(name, "bf16", weights="random")
    assert size == sum(file.stat().st_size for file in folder.iterdir())
    model = find_model(str(folder), CATALOG)
    assert model.architecture.layer_groups == TINY[name].layer_groups
    corrected = [group.ffn.experts * group.count for group in TINY[name].layer_groups if getattr(group.ffn, "correction_bias", False)]
    assert model.checkpoints[0].weights_bytes == 2 * model.architecture.parameters_total + 2 * sum(corrected)  # kept in 32 bits


def test_random_weights_are_small_gains_are_one_and_a_seed_repeats(written, tmp_path):
    folder, _ = written("qwen3next", "bf16", weights="random", seed=3)
    held = tensors(folder / "model.safetensors")
    values = {name: (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32) for name, (_, _, data) in held.items()}
    assert 0.015 < values["model.layers.0.linear_attn.in_proj_qkvz.weight"].std() < 0.025
    assert set(values["model.layers.0.linear_attn.norm.weight"]) == {1.0}
    assert set(values["model.norm.weight"]) == {0.0}  # multiplies with 1 + weight
    assert values["model.layers.0.linear_attn.A_log"].max() == pytest.approx(math.log(8), rel=0.01)
    first = (folder / "model.safetensors").read_bytes()
    other = {seed: (written("qwen3next", "bf16", weights="random", seed=seed)[0] / "model.safetensors").read_bytes() for seed in (3, 4)}
    assert other[3] == first != other[4]


def test_fp16_is_stored_in_halves(written):
    folder, _ = written("llama", "fp16", weights="random")
    assert {dtype for dtype, _, _ in tensors(folder / "model.safetensors").values()} == {"F16"}
    assert json.loads((folder / "config.json").read_text())["torch_dtype"] == "float16"


@pytest.mark.parametrize(
    ("quantization", "shapes"),
    [
        ("awq-int4", {"qweight": ("I32", [256, 96]), "qzeros": ("I32", [2, 96]), "scales": ("F16", [2, 768])}),
        (
            "gptq-int4",
            {"qweight": ("I32", [32, 768]), "qzeros": ("I32", [2, 96]), "scales": ("F16", [2, 768]), "g_idx": ("I32", [256])},
        ),
        ("w4a16", {"weight_packed": ("I32", [768, 32]), "weight_scale": ("BF16", [768, 2]), "weight_shape": ("I64", [2])}),
        ("w8a8-int8", {"weight": ("I8", [768, 256]), "weight_scale": ("BF16", [768, 1])}),
        ("fp8", {"weight": ("F8_E4M3", [768, 256]), "weight_scale": ("F32", [])}),
        ("fp8-dynamic", {"weight": ("F8_E4M3", [768, 256]), "weight_scale": ("BF16", [768, 1])}),
        ("fp8-block", {"weight": ("F8_E4M3", [768, 256]), "weight_scale_inv": ("F32", [6, 2])}),
    ],
)
def test_each_format_has_its_own_tensors(written, quantization, shapes):
    folder, _ = written("llama", quantization, weights="random")
    held = tensors(folder / "model.safetensors")
    found = {name.removeprefix(f"{TABLE}."): (dtype, shape) for name, (dtype, shape, _) in held.items() if name.startswith(TABLE)}
    assert found == shapes
    assert held["model.embed_tokens.weight"][0] == held["lm_head.weight"][0] == "BF16"
    assert "quantization_config" in json.loads((folder / "config.json").read_text())


def nibbles(data):
    packed = np.frombuffer(data, np.uint8)
    return np.concatenate([packed & 15, packed >> 4]).astype(float)


def half(data):
    return float(np.frombuffer(data, np.float16)[0])


def bfloat(data):
    return float((np.frombuffer(data[:2], np.uint16).astype(np.uint32) << 16).view(np.float32)[0])


def eight_bits(data):
    """E4M3: sign, four bits of exponent with bias 7, three of mantissa."""
    code = np.frombuffer(data, np.uint8).astype(int)
    return (1 - 2 * (code >> 7)) * 2.0 ** ((code >> 3 & 15) - 7) * (1 + (code & 7) / 8)


def test_codes_decode_to_the_usual_spread(written):
    def held(quantization):
        folder, _ = written("llama", quantization, weights="random")
        return {name.removeprefix(f"{TABLE}."): data for name, (_, _, data) in tensors(folder / "model.safetensors").items()}

    awq, gptq, int8, fp8 = (held(name) for name in ("awq-int4", "gptq-int4", "w8a8-int8", "fp8"))
    assert set(nibbles(awq["qzeros"])) == {8} and set(nibbles(gptq["qzeros"])) == {7}
    assert np.frombuffer(gptq["g_idx"], np.int32).tolist() == [0] * 128 + [1] * 128
    decoded = {
        "awq": (nibbles(awq["qweight"]) - 8) * half(awq["scales"]),
        "gptq": (nibbles(gptq["qweight"]) - 8) * half(gptq["scales"]),
        "int8": np.frombuffer(int8["weight"], np.int8) * bfloat(int8["weight_scale"]),
        "fp8": eight_bits(fp8["weight"]) * np.frombuffer(fp8["weight_scale"], np.float32)[0],
    }
    for name, weights in decoded.items():
        assert 0.018 < weights.std() < 0.022, name
        assert abs(weights.mean()) < 0.004, name


def test_an_awq_checkpoint_is_as_large_as_what_vllm_holds_of_it(written):
    folder, _ = written("llama", "awq-int4", weights="random")
    held = safetensors_weights(TINY["llama"], CATALOG.quantization("awq-int4"), parallelism=Parallelism()).total_bytes
    assert tensor_bytes((folder / "model.safetensors",)) == held


def test_sparse_weights_take_no_disk_and_read_as_zeros(written):
    folder, size = written("mixtral", "bf16", weights="sparse")
    file = folder / "model.safetensors"
    assert size == sum(one.stat().st_size for one in folder.iterdir())
    assert file.stat().st_blocks * 512 < 100_000 < file.stat().st_size
    assert set(tensors(file)["lm_head.weight"][2]) == {0}


@pytest.mark.parametrize(
    ("name", "quantization", "says"),
    [
        ("gpt-oss", "bf16", "weights of this family are not written"),
        ("llama", "mxfp4", "random weights in this format are not written"),
        ("llama", "nvfp4", "does not say how a config.json states it"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(written, tmp_path, name, quantization, says):
    with pytest.raises(UserInputError, match=says):
        written(name, quantization, weights="random")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_noticed_before_the_weights(written, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(UserInputError, match=r"needs 0\.0 GiB, 0\.0 GiB are free"):
        written("llama", "bf16", weights="random")


def test_progress_ends_at_the_whole(written):
    seen = []
    folder, _ = written("llama", "bf16", weights="random", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == ((folder / "model.safetensors").stat().st_size,) * 2
