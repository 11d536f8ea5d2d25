"""A config.json that is written is read back as the same architecture; the tokenizer holds every byte and every id."""

import dataclasses
import json

import pytest

from advisor.architectures import from_config
from advisor.architectures.parameters import count_parameters
from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.intake.stored_format import quantization_of_config
from advisor.synthesis.hf_config import hf_config
from advisor.synthesis.hf_folder import write_hf_folder
from advisor.synthesis.hf_tokenizer import tokenizer_json
from tests.unit.synthesis.tiny_models import TINY

CATALOG = load_catalog()
MODELS = {name: model.architecture for name, model in CATALOG.models.items()}
COUNTED = {
    name: dataclasses.replace(one, **dict(zip(("parameters_total", "parameters_active"), count_parameters(one), strict=True)))
    for name, one in TINY.items()
}
STATED = [one for one in CATALOG.quantizations.values() if one.config_json]


@pytest.mark.parametrize("name", [*MODELS, *COUNTED])
def test_what_is_written_is_read_back(name):
    architecture = {**MODELS, **COUNTED}[name]
    language_model = dataclasses.replace(architecture, encoder_parameters=0)
    assert from_config(hf_config(architecture), "written") == language_model


def test_mamba2_alone():
    stated = {"model_type": "mamba2", "hidden_size": 256, "num_hidden_layers": 2, "vocab_size": 1000, "head_dim": 64}
    architecture = from_config(stated, "stated")
    assert from_config(hf_config(architecture), "written") == architecture


def test_an_unknown_family_is_refused_by_name():
    with pytest.raises(UserInputError, match="bloom"):
        hf_config(dataclasses.replace(TINY["llama"], name="bloom"))


@pytest.mark.parametrize("quantization", STATED, ids=lambda one: one.id)
def test_the_folder_states_its_quantisation(tmp_path, quantization):
    written = write_hf_folder(tmp_path / "model", TINY["llama"], quantization=quantization)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert quantization_of_config(config, CATALOG) == quantization.id
    assert written == sum(file.stat().st_size for file in (tmp_path / "model").iterdir())


def test_a_quantisation_is_stated_in_jsons_own_types():
    awq = CATALOG.quantization("awq-int4").config_json["quantization_config"]
    assert awq == {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"}
    packed = CATALOG.quantization("w4a16").config_json["quantization_config"]["config_groups"]["group_0"]
    assert packed["input_activations"] is None
    assert packed["weights"]["dynamic"] is False


@pytest.mark.parametrize("size", [259, 1024, 151_936])
def test_every_byte_and_every_id_is_a_token(size):
    document = tokenizer_json(size)
    vocabulary = document["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(size))
    assert [vocabulary[token] for token in ("<unk>", "<s>", "</s>", "A", "Ġ", "Ċ")] == [0, 1, 2, 3 + 65, 3 + 32, 3 + 10]
    assert {entry["id"] for entry in document["added_tokens"]} == {0, 1, 2}


def test_a_vocabulary_too_small_for_bytes_is_refused():
    with pytest.raises(UserInputError, match="259"):
        tokenizer_json(258)
