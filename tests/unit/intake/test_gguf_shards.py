"""Split models are read as one, and incomplete ones refused."""

import pytest

from advisor.errors import UserInputError
from advisor.intake.gguf_shards import read_gguf_model
from advisor.synthesis.gguf_encoding import StoredTensor
from advisor.synthesis.gguf_writer import write_tensors

METADATA = {"general.architecture": "llama", "split.count": 3, "split.tensors.count": 3}


@pytest.fixture
def first(tmp_path):
    for number in range(3):
        path = tmp_path / f"model-{number + 1:05d}-of-00003.gguf"
        write_tensors(path, METADATA | {"split.no": number}, [StoredTensor(f"blk.{number}.ffn_up.weight", (256, 4), "Q4_K")])
    return tmp_path / "model-00001-of-00003.gguf"


def test_all_parts_count(first):
    header = read_gguf_model(first)
    assert [tensor.name for tensor in header.tensors] == [f"blk.{number}.ffn_up.weight" for number in range(3)]
    assert header.tensor_bytes == 3 * 4 * 144
    assert header.file_bytes == sum(part.stat().st_size for part in first.parent.iterdir())
    assert read_gguf_model(first.with_name("model-00003-of-00003.gguf")) == header


def test_a_missing_part_is_named(first):
    first.with_name("model-00002-of-00003.gguf").unlink()
    with pytest.raises(UserInputError, match=r"1 of 3 parts .* missing here: model-00002-of-00003\.gguf"):
        read_gguf_model(first)


def test_a_renamed_part_cannot_be_joined(first):
    renamed = first.rename(first.with_name("model.gguf"))
    with pytest.raises(UserInputError, match=r"not named NAME-00001-of-00003\.gguf"):
        read_gguf_model(renamed)


@pytest.mark.parametrize(("change", "says"), [({"split.no": 0}, "not part 2 of 3"), ({"split.no": 1, "split.count": 4}, "not part 2 of 3")])
def test_a_part_of_something_else_is_refused(first, change, says):
    write_tensors(first.with_name("model-00002-of-00003.gguf"), METADATA | change, [StoredTensor("blk.1.ffn_up.weight", (256, 4), "Q4_K")])
    with pytest.raises(UserInputError, match=says):
        read_gguf_model(first)


def test_parts_with_too_many_tensors_are_refused(first):
    extra = [StoredTensor("a.weight", (256, 4), "Q4_K"), StoredTensor("b.weight", (256, 4), "Q4_K")]
    write_tensors(first.with_name("model-00002-of-00003.gguf"), METADATA | {"split.no": 1}, extra)
    with pytest.raises(UserInputError, match="hold 4 tensors, the first says 3"):
        read_gguf_model(first)
