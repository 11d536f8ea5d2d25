"""Written files against an independent reader and the reference decoder of every storage type."""

import gguf
import numpy as np
import pytest

from advisor.domain.ggml_types import GGML_TYPES
from advisor.errors import UserInputError
from advisor.intake.gguf_file import read_gguf_header
from advisor.synthesis import gguf_writer
from advisor.synthesis.codes import RandomCodes
from advisor.synthesis.gguf_encoding import StoredTensor
from advisor.synthesis.gguf_writer import write_tensors
from advisor.synthesis.tokenizer import byte_tokenizer

METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.rope.freq_base": 10000.0,
    "signed": -3,
    "flag": True,
    "heads": [4, 0],
    "pattern": [True, False],
}
TENSORS = [
    StoredTensor("token_embd.weight", (256, 300), "Q6_K"),
    StoredTensor("blk.0.attn_q.weight", (256, 33), "Q4_K"),
    StoredTensor("blk.0.ffn_gate_exps.weight", (256, 5, 3), "F16"),
    StoredTensor("blk.0.attn_norm.weight", (7,), "F32"),
    StoredTensor("blk.0.attn_q.bias", (9,), "F32"),
    StoredTensor("blk.0.ssm_a", (1, 5), "F32"),
]
STORABLE = [name for name in GGML_TYPES if name[0] != "I" or name[1] == "Q"]
DECODABLE = [name for name in STORABLE if name not in ("Q1_0", "Q2_0", "F64")]  # the library decodes the others


def decoded(tensor):
    raw = np.frombuffer(b"".join(RandomCodes(seed=1).weights(tensor)), np.uint8)
    if tensor.type in ("F32", "F16"):
        return raw.view(np.float32 if tensor.type == "F32" else np.float16).astype(np.float32)
    rows = raw.reshape(tensor.shape[1], -1)
    return gguf.quants.dequantize(rows, gguf.GGMLQuantizationType(GGML_TYPES[tensor.type].id))


@pytest.mark.parametrize("type_name", DECODABLE)
def test_random_weights_decode_to_small_numbers(type_name):
    weights = decoded(StoredTensor("blk.0.attn_q.weight", (1024, 64), type_name))
    assert np.isfinite(weights).all()
    assert 0.014 < weights.std() < 0.027
    assert abs(weights.mean()) < 0.011
    assert abs(weights).max() < 0.15


def test_a_whole_file_is_read_back_by_another_library(tmp_path):
    path = tmp_path / "model.gguf"
    seen = []
    metadata = METADATA | byte_tokenizer(300)
    size = write_tensors(path, metadata, TENSORS, seed=3, progress=lambda done, total: seen.append((done, total)))
    reader = gguf.GGUFReader(path)
    assert size == path.stat().st_size
    assert {key: reader.fields[key].contents() for key in METADATA} == METADATA
    assert reader.fields["tokenizer.ggml.tokens"].contents()[3:5] == ["<0x00>", "<0x01>"]
    assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == 300
    assert [(t.name, tuple(t.shape.tolist()), t.tensor_type.name) for t in reader.tensors] == [(t.name, t.shape, t.type) for t in TENSORS]
    by_name = {t.name: t.data for t in reader.tensors}
    assert by_name["blk.0.attn_norm.weight"].tolist() == [1.0] * 7
    assert by_name["blk.0.attn_q.bias"].tolist() == [0.0] * 9
    assert (by_name["blk.0.ssm_a"] < 0).all()
    assert seen[-1][1] == size
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_own_reader_agrees_and_the_same_seed_gives_the_same_bytes(tmp_path):
    first, second, other = (tmp_path / name for name in "abc")
    for path, seed in ((first, 1), (second, 1), (other, 2)):
        write_tensors(path, METADATA, TENSORS, seed=seed)
    header = read_gguf_header(first)
    assert [(t.name, t.shape, t.type, t.bytes) for t in header.tensors] == [(t.name, t.shape, t.type, t.size_bytes) for t in TENSORS]
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


def test_a_sparse_file_has_its_length_and_no_weights(tmp_path):
    path = tmp_path / "sparse.gguf"
    tensors = [StoredTensor(f"blk.{layer}.ffn_up.weight", (8192, 28672), "Q4_K") for layer in range(80)]
    size = write_tensors(path, METADATA, tensors, sparse=True)
    assert size == path.stat().st_size > 10_000_000_000
    assert path.stat().st_blocks * 512 < 100_000
    assert read_gguf_header(path).tensor_bytes == 80 * 8192 * 28672 * 144 // 256


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path):
    huge = [StoredTensor("a.weight", (2**20, 2**26), "F16")]
    with pytest.raises(UserInputError, match=r"needs 131,072\.0 GiB, .* GiB are free"):
        write_tensors(tmp_path / "model.gguf", METADATA, huge)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(UserInputError, match=r"absent.*No such file"):
        write_tensors(tmp_path / "absent" / "model.gguf", METADATA, TENSORS)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError("disk gone"), UserInputError("no")])
def test_an_interrupted_run_leaves_nothing(tmp_path, failure, monkeypatch):
    def stop(done, total):
        raise failure

    with pytest.raises((KeyboardInterrupt, UserInputError)):
        write_tensors(tmp_path / "model.gguf", METADATA, TENSORS, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_survives_a_failed_run(tmp_path, monkeypatch):
    path = tmp_path / "model.gguf"
    path.write_text("mine")
    monkeypatch.setattr(gguf_writer, "_write_weights", lambda *args, **named: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_tensors(path, METADATA, TENSORS)
    assert path.read_text() == "mine"


def test_a_type_without_random_codes_is_refused_by_name(tmp_path):
    with pytest.raises(UserInputError, match="I32"):
        write_tensors(tmp_path / "m.gguf", METADATA, [StoredTensor("a.weight", (4, 4), "I32")])


def test_a_vocabulary_must_hold_every_byte():
    with pytest.raises(UserInputError, match="259"):
        byte_tokenizer(100)
