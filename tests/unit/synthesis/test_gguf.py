"""Synthetic files of every supported structure: their bytes, their keys, and the same architecture when they are read back."""

import dataclasses

import pytest

from advisor.architectures import from_gguf
from advisor.catalog import load_catalog
from advisor.catalog.models import Models
from advisor.catalog.quantizations import load_quantizations
from advisor.domain.architecture import without_windows
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.weights import gguf_weights
from advisor.intake.gguf_file import read_gguf_header
from advisor.resources import folder
from advisor.synthesis.gguf import write_gguf
from advisor.synthesis.gguf_metadata import gguf_metadata
from tests.unit.architectures.told_by_headers import plain_routers
from tests.unit.synthesis.tiny_models import TINY

IGNORES_WINDOWS = set(load_catalog().engine("llama.cpp").ignores_windows_of)
QUANTIZATIONS = load_quantizations(folder("catalog"))


@pytest.mark.parametrize("name", TINY)
def test_the_header_says_what_the_architecture_says(tmp_path, name):
    architecture = TINY[name]
    path = tmp_path / "model.gguf"
    size = write_gguf(path, architecture, QUANTIZATIONS["Q4_K_M"], sparse=True)
    header = read_gguf_header(path)
    weights: WeightBytes = gguf_weights(architecture, QUANTIZATIONS["Q4_K_M"])
    assert size == header.file_bytes == path.stat().st_size
    assert header.tensor_bytes == weights.total_bytes
    assert header.metadata["general.architecture"] == architecture.gguf_name
    assert header.metadata["general.file_type"] == 15
    assert header.metadata["tokenizer.ggml.model"] == "no_vocab"


def read_back(path, architecture):
    """What the written header says, with what no header says taken from the original."""
    write_gguf(path, architecture, QUANTIZATIONS["Q8_0"], sparse=True)
    header = read_gguf_header(path)
    read = from_gguf(header.metadata, str(path), tensor_names=[tensor.name for tensor in header.tensors])
    return dataclasses.replace(read, name=architecture.name, encoder_parameters=architecture.encoder_parameters)


@pytest.mark.parametrize("name", TINY)
def test_a_written_file_reads_back_as_the_same_architecture(tmp_path, name):
    read = read_back(tmp_path / "model.gguf", TINY[name])
    assert read == dataclasses.replace(TINY[name], parameters_total=read.parameters_total, parameters_active=read.parameters_active)


def test_every_model_of_the_catalog_reads_back_the_same(tmp_path):
    known = [model.architecture for model in Models(folder("catalog"), QUANTIZATIONS).values() if model.architecture.gguf_name]
    assert len(known) > 20
    for architecture in known:
        told = without_windows(architecture) if architecture.gguf_name in IGNORES_WINDOWS else architecture
        assert plain_routers(read_back(tmp_path / "model.gguf", architecture)) == plain_routers(told)


def test_keys_of_unusual_structures():
    gemma, deepseek, hybrid, granite = (gguf_metadata(TINY[name]) for name in ("gemma3", "deepseek2", "qwen3next", "granitehybrid"))
    assert gemma["gemma3.attention.sliding_window"] == 128
    assert gemma["gemma3.attention.sliding_window_pattern"] == ([True] * 5 + [False]) * 2
    assert deepseek["deepseek2.attention.key_length"] == 512 + 64
    assert deepseek["deepseek2.attention.key_length_mla"] == 128 + 64
    assert deepseek["deepseek2.attention.head_count_kv"] == 1
    assert deepseek["deepseek2.leading_dense_block_count"] == 1
    assert deepseek["deepseek2.expert_shared_count"] == 2
    assert hybrid["qwen3next.full_attention_interval"] == 4
    assert hybrid["qwen3next.ssm.inner_size"] == 512
    assert granite["granitehybrid.attention.head_count_kv"] == [0, 0, 2, 0]


def test_a_runnable_file_has_a_vocabulary_of_the_right_size(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, TINY["llama"], QUANTIZATIONS["Q8_0"], seed=1)
    header = read_gguf_header(path)
    assert len(header.metadata["tokenizer.ggml.tokens"]) == TINY["llama"].vocab_size
    assert path.stat().st_size == header.file_bytes


def test_a_model_that_llama_cpp_does_not_run_is_refused():
    with pytest.raises(UserInputError, match=r"newmodel: llama\.cpp does not run"):
        gguf_metadata(dataclasses.replace(TINY["llama"], name="newmodel", gguf_name=None))
