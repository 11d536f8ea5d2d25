"""GGUF tensors and GGUF headers: they hold the same model as the config.json."""

import dataclasses
import json
from pathlib import Path

import pytest

from advisor.architectures import from_config, from_gguf
from advisor.architectures.tensors import gguf_tensors
from advisor.catalog import load_catalog
from advisor.domain.architecture import without_windows
from advisor.errors import UserInputError
from advisor.synthesis.gguf_metadata import gguf_metadata
from tests.unit.architectures.told_by_headers import plain_routers

CONFIGS = json.loads((Path(__file__).parent / "configs.json").read_text())["configs"]
IGNORES_WINDOWS = set(load_catalog().engine("llama.cpp").ignores_windows_of)
ARCHITECTURES = {model.id: model.architecture for model in load_catalog().models.values()} | {
    name: from_config(config, name) for name, config in CONFIGS.items()
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_file_holds_every_parameter_once(name):
    architecture = ARCHITECTURES[name]
    tensors = gguf_tensors(architecture)
    assert len({tensor.name for tensor in tensors}) == len(tensors)
    held = sum(tensor.elements for tensor in tensors if tensor.role != "rope_freqs")
    assert held == architecture.parameters_total


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_a_header_tells_the_same_architecture_as_the_config(name):
    architecture = ARCHITECTURES[name]
    names = [tensor.name for tensor in gguf_tensors(architecture)]
    read = from_gguf(gguf_metadata(architecture), name, tensor_names=names)
    # A header neither tells Mistral from Llama nor holds the vision tower; a window that llama.cpp ignores is not read.
    told = without_windows(architecture) if architecture.gguf_name in IGNORES_WINDOWS else architecture
    assert plain_routers(read) == plain_routers(dataclasses.replace(told, name=read.name, encoder_parameters=0))


def header(**changes):
    return {**gguf_metadata(ARCHITECTURES["Qwen/Qwen3-8B"]), **{f"qwen3.{key}": value for key, value in changes.items()}}


def test_the_vocabulary_may_come_from_the_tokens():
    metadata = header()
    del metadata["qwen3.vocab_size"]
    for tokens in (["a"] * 7, 7):
        assert from_gguf({**metadata, "tokenizer.ggml.tokens": tokens}, "a").vocab_size == 7
    with pytest.raises(UserInputError, match="vocabulary"):
        from_gguf(metadata, "a.gguf")


def test_draft_layers_are_not_layers_of_the_model():
    assert from_gguf(header(block_count=37, nextn_predict_layers=1), "a").layers == 36


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"new.cache_ratio": 2}, ["qwen3", "'new.cache_ratio'", "refused, not guessed"]),
        ({"attention.value_length": 64}, ["128", "64"]),
        ({"embedding_length": [1, 2]}, ["embedding_length", "whole number"]),
        ({"block_count": None}, ["block_count", "nothing"]),
    ],
)
def test_headers_that_are_not_understood_are_refused(changes, words):
    with pytest.raises(UserInputError) as error:
        from_gguf(header(**changes), "model.gguf")
    assert all(word in str(error.value) for word in ["model.gguf", *words])


def test_an_unknown_gguf_architecture_is_refused():
    with pytest.raises(UserInputError, match=r"'mamba9'.*refused, not guessed.*qwen3moe"):
        from_gguf({"general.architecture": "mamba9"}, "a.gguf")


def test_experts_are_the_tensors_that_stay_on_the_host():
    tensors = {tensor.name: tensor for tensor in gguf_tensors(ARCHITECTURES["openai/gpt-oss-20b"])}
    assert tensors["blk.3.ffn_down_exps.weight"].shape == (2880, 2880, 32)
    assert tensors["blk.3.ffn_down_exps.weight"].is_expert
    assert not tensors["blk.3.ffn_gate_inp.weight"].is_expert
    assert not tensors["blk.3.ffn_gate_inp.weight"].quantizable
    assert tensors["blk.3.attn_sinks.weight"].role == "sinks"
