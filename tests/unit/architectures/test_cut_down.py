"""A cut-down model keeps one layer of each kind and the pattern of its first layers."""

import dataclasses

import pytest

from advisor.architectures.cut_down import cut_down, least_layers, what_was_cut
from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.synthesis.hf_config import hf_config

MODELS = {name: model.architecture for name, model in load_catalog().models.items()}

SPREAD = ("nemotron-nas", "gemma4_text")  # layers of many widths, some only near the end; layers that borrow caches come last


@pytest.mark.parametrize("name", MODELS)
def test_the_least_keeps_every_kind_and_its_place(name):
    whole = MODELS[name]
    cut = cut_down(whole, least_layers(whole))
    assert cut.layers == least_layers(whole) <= (whole.layers if whole.name in SPREAD else 15)
    assert [dataclasses.replace(group, layers=()) for group in cut.layer_groups] == [
        dataclasses.replace(group, layers=()) for group in whole.layer_groups
    ]
    assert all(set(one.layers) <= set(other.layers) for one, other in zip(cut.layer_groups, whole.layer_groups, strict=True))
    assert cut.kinds == whole.kinds
    assert cut.parameters_active < whole.parameters_active
    assert hf_config(cut)["num_hidden_layers"] == cut.layers


def test_parameters_are_those_of_the_layers_left():
    whole = MODELS["meta-llama/Llama-3.1-8B-Instruct"]
    per_layer = (whole.parameters_total - cut_down(whole, 2).parameters_total) / 30
    assert cut_down(whole, 3).parameters_total - cut_down(whole, 2).parameters_total == per_layer


@pytest.mark.parametrize(
    ("name", "layers", "says"),
    [
        ("google/gemma-3-12b-it", 6, "layers 48 -> 6 (sliding attention, dense 40 -> 5; full attention, dense 8 -> 1)"),
        ("deepseek-ai/DeepSeek-V3", 4, "layers 61 -> 4 (latent attention, dense 3 -> 3; latent attention, experts 58 -> 1)"),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 8, "layers 48 -> 8 (gated delta net, experts 36 -> 6; full attention, experts 12 -> 2)"),
        (
            "google/gemma-4-E2B-it",
            20,
            "layers 35 -> 20 (sliding attention, dense 12 -> 12; full attention, dense 3 -> 3; sliding attention on an earlier layer's "
            "cache, dense 16 -> 4; full attention on an earlier layer's cache, dense 4 -> 1)",
        ),
        ("Qwen/Qwen3-8B", 2, "layers 36 -> 2"),
        ("Qwen/Qwen3-8B", 100, ""),
    ],
)
def test_what_was_cut_is_said(name, layers, says):
    assert what_was_cut(MODELS[name], cut_down(MODELS[name], layers)) == says


def test_losing_a_kind_is_refused_with_the_least_number():
    with pytest.raises(UserInputError, match=r"5 are too few of gemma3_text: .*sliding attention, dense.* takes the first 6"):
        cut_down(MODELS["google/gemma-3-12b-it"], 5)
