"""Model and quantisation records: every record is usable, and a wrong one is refused at its line."""

import shutil

import pytest

from advisor import resources
from advisor.catalog import load_catalog
from advisor.catalog.models import Models
from advisor.catalog.quantizations import load_quantizations
from advisor.domain.ggml_types import GGML_TYPES, row_bytes, tensor_bytes
from advisor.errors import DataError, UserInputError

CATALOG = load_catalog()


@pytest.mark.parametrize("model", CATALOG.models.values(), ids=lambda model: model.id)
def test_every_checkpoint_is_in_a_known_format(model):
    assert model.licence in CATALOG.licences
    for checkpoint in model.checkpoints:
        quantization = CATALOG.quantizations[checkpoint.quantization]
        assert checkpoint.format == quantization.format
        assert checkpoint.source
    assert {checkpoint.format for checkpoint in model.checkpoints} == {"gguf", "safetensors"}


def test_models_answer_to_other_spellings():
    assert CATALOG.model("unsloth/gemma-3-27b-it").id == "google/gemma-3-27b-it"
    assert CATALOG.model("gpt-oss-20b").id == "openai/gpt-oss-20b"


def test_a_model_released_in_a_format_loses_nothing_in_it():
    losses = {c.quantization: c.loss for c in CATALOG.model("openai/gpt-oss-120b").checkpoints}
    assert losses == {"mxfp4": "none", "MXFP4_MOE": "none"}
    assert CATALOG.quantizations["mxfp4"].loss == "large"


def test_fewer_bits_never_lose_less():
    order = ["none", "slight", "some", "large"]
    bands = [order.index(CATALOG.quantizations[name].loss) for name in ("BF16", "Q8_0", "Q6_K", "Q4_K_M", "Q4_K_S", "Q3_K_M", "Q2_K")]
    assert bands == sorted(bands)


def test_every_gguf_type_states_known_storage_types():
    for quantization in CATALOG.quantizations.values():
        if quantization.mix:
            named = {step.type for steps in quantization.mix.roles.values() for step in steps} | {quantization.mix.default_type}
            assert named <= GGML_TYPES.keys()


@pytest.fixture
def root(tmp_path):
    for folder in ("models", "quantizations"):
        shutil.copytree(resources.folder("catalog") / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  num_hidden_layers: 36\n", "", ["num_hidden_layers", "missing", "Qwen3-8B.yaml:"]),
        ("  vocab_size: 151936", "  vocab_size: 151936\n  kv_merge_ratio: 2", ["kv_merge_ratio", "refused"]),
        ("quantization: bf16", "quantization: bf61", ["bf61: no such quantization", "Qwen3-8B.yaml:"]),
        ("quantization: bf16", "quantization: Q4_K_M\n    group_size: 32", ["parts and group_size are for safetensors", "Qwen3-8B.yaml:"]),
        ("quantization: bf16", "quantization: bf16\n    parts: {atention: 16bit}", ["atention", "Qwen3-8B.yaml:"]),
        ("licence:", "license:", ["license: unknown key; did you mean licence?"]),
    ],
)
def test_a_faulty_record_is_refused_at_its_line(root, old, new, words):
    path = root / "models" / "Qwen" / "Qwen3-8B.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError) as error:
        list(Models(root, load_quantizations(root)).values())
    assert all(word in str(error.value) for word in words)


def test_a_quantisation_without_its_rules_is_refused(root):
    path = root / "quantizations" / "safetensors" / "bf16.yaml"
    path.write_text(path.read_text().split("scheme:")[0])
    with pytest.raises(DataError, match="scheme: required"):
        load_quantizations(root)


def test_rows_are_whole_blocks():
    assert row_bytes("q8_0", 64) == 68
    assert tensor_bytes("Q4_K", (512, 3, 2)) == 2 * 144 * 6
    with pytest.raises(UserInputError, match="blocks hold 256"):
        row_bytes("Q4_K", 128)
    with pytest.raises(UserInputError, match="not a ggml storage type"):
        row_bytes("Q9_Z", 256)
