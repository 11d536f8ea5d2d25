"""The header reader against files of another writer, and against hostile bytes."""

import struct

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import UserInputError
from advisor.intake.gguf_file import ArraySummary, GgufHeader, parse_gguf_header, read_gguf_header

U32, STRING, ARRAY, U64 = 4, 8, 9, 10


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key, kind, payload):
    return text(key) + struct.pack("<I", kind) + payload


def tensor(name="a.weight", shape=(32,), kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def file_of(pairs=(), tensors=(), *, version=3, pair_count=None, tensor_count=None, data=b"\0" * 4096):
    counts = (len(tensors) if tensor_count is None else tensor_count, len(pairs) if pair_count is None else pair_count)
    return b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(pairs) + b"".join(tensors) + data


def parse(data):
    return parse_gguf_header(data, file_bytes=len(data), where="model.gguf")


@pytest.fixture(scope="module")
def large_vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "large.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_array("llama.attention.head_count_kv", [4, 0])
    writer.add_string("general.name", "Große Datei")
    writer.add_token_list([f"token{index}" for index in range(128_256)])
    writer.add_token_scores([0.0] * 128_256)
    writer.add_token_merges([f"a{index} b{index}" for index in range(280_147)])
    writer.add_tensor("a.weight", np.zeros((4, 64), np.float32))
    writer.add_tensor("b.weight", np.zeros((3, 66), np.uint8), raw_shape=(3, 66), raw_dtype=gguf.GGMLQuantizationType.IQ2_XXS)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_reads_what_another_library_wrote(large_vocabulary):
    header = read_gguf_header(large_vocabulary)
    assert header.version == 3
    assert header.metadata["general.name"] == "Große Datei"
    assert header.metadata["llama.attention.head_count_kv"] == (4, 0)
    assert len(header.metadata["tokenizer.ggml.tokens"]) == 128_256
    assert header.metadata["tokenizer.ggml.merges"] == ArraySummary(280_147)
    assert [(t.name, t.shape, t.type, t.offset, t.bytes) for t in header.tensors] == [
        ("a.weight", (64, 4), "F32", 0, 1024),
        ("b.weight", (256, 3), "IQ2_XXS", 1024, 198),
    ]
    assert header.tensor_bytes == 1222
    assert header.file_bytes == large_vocabulary.stat().st_size


def test_nested_arrays_and_every_scalar():
    inner = struct.pack("<IQ2I", U32, 2, 7, 8)
    pairs = [
        pair("nested", ARRAY, struct.pack("<IQ", ARRAY, 2) + inner + inner),
        pair("small", 1, b"\xff"),
        pair("yes", 7, b"\1"),
        pair("wide", U64, struct.pack("<Q", 2**40)),
        pair("latin1", STRING, text(b"caf\xe9")),
    ]
    assert parse(file_of(pairs)).metadata == {"nested": ((7, 8), (7, 8)), "small": -1, "yes": True, "wide": 2**40, "latin1": "caf\ufffd"}


HOSTILE = {
    "tensor count": (file_of(tensor_count=2**60), "tensor count 1,152,921,504,606,846,976 in the header: not a GGUF this size"),
    "key count": (file_of(pair_count=2**63), "key count"),
    "magic": (b"PK\3\4" + bytes(64), "not a GGUF file"),
    "three bytes": (b"GGU", "not a GGUF file"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "version 1": (file_of(version=1), "version 1 is not known"),
    "version 9": (file_of(version=9), "version 9 is not known"),
    "string length": (file_of([text("k") + struct.pack("<IQ", STRING, 2**62)], data=b""), "truncated or hostile"),
    "key length": (file_of([struct.pack("<Q", 2**64 - 1)], data=bytes(64)), "truncated or hostile"),
    "empty key": (file_of([pair("", U32, bytes(4))]), "a key of 0 bytes"),
    "key bytes": (file_of([pair(b"\xff\xfe", U32, bytes(4))]), "not UTF-8"),
    "key twice": (file_of([pair("k", U32, bytes(4))] * 2), "'k' is given twice"),
    "value type": (file_of([pair("k", 99, bytes(8))]), "value type 99"),
    "number array": (file_of([pair("k", ARRAY, struct.pack("<IQ", U64, 2**61))]), "truncated or hostile"),
    "string array": (file_of([pair("k", ARRAY, struct.pack("<IQ", STRING, 2**61))]), "truncated or hostile"),
    "string in array": (file_of([pair("k", ARRAY, struct.pack("<IQQ", STRING, 3, 2**61))]), "truncated or hostile"),
    "array of arrays": (file_of([pair("k", ARRAY, struct.pack("<IQ", ARRAY, 2**61))]), "truncated or hostile"),
    "deep arrays": (file_of([pair("k", ARRAY, struct.pack("<IQ", ARRAY, 1) * 500)]), "deeper than 4"),
    "alignment 0": (file_of([pair("general.alignment", U32, bytes(4))]), "general.alignment is 0"),
    "alignment 33": (file_of([pair("general.alignment", U32, struct.pack("<I", 33))]), "general.alignment is 33"),
    "alignment text": (file_of([pair("general.alignment", STRING, text("32"))]), "general.alignment is '32'"),
    "dimensions": (file_of(tensors=[text("a") + struct.pack("<I", 9) + bytes(99)]), "9 dimensions"),
    "no elements": (file_of(tensors=[tensor(shape=(32, 0))]), "32 x 0"),
    "too many elements": (file_of(tensors=[tensor(shape=(2**32, 2**32))]), "truncated or hostile"),
    "storage type": (file_of(tensors=[tensor(kind=77)]), "storage type 77: refused, not guessed"),
    "half a block": (file_of(tensors=[tensor(shape=(100,), kind=8)]), "blocks of 32"),
    "beyond the end": (file_of(tensors=[tensor(offset=2**50)]), "cut off"),
    "cut off": (file_of(tensors=[tensor(shape=(4096, 4096))]), "cut off, download it again"),
    "overlap": (file_of(tensors=[tensor("a"), tensor("b", offset=64)]), "tensors a and b overlap"),
    "tensor twice": (file_of(tensors=[tensor("a"), tensor("a", offset=128)]), "'a' is given twice"),
}


@pytest.mark.parametrize(("data", "says"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_are_refused_in_one_sentence(data, says):
    with pytest.raises(UserInputError) as caught:
        parse(data)
    message = str(caught.value)
    assert says in message
    assert message.startswith("model.gguf: ")
    assert "\n" not in message


def test_many_empty_strings_do_not_make_a_long_loop():
    data = file_of([pair("k", ARRAY, struct.pack("<IQ", STRING, 5_000_000) + bytes(40_000_000))])
    with pytest.raises(UserInputError, match="5,000,000 items"):
        parse(data)


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), (b"", "an empty file")])
def test_files_that_are_no_files(tmp_path, content, says):
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserInputError, match=says):
        read_gguf_header(path)
    with pytest.raises(UserInputError, match="Is a directory"):
        read_gguf_header(tmp_path)


VALID = file_of(
    [
        pair("general.architecture", STRING, text("llama")),
        pair("llama.block_count", U32, struct.pack("<I", 2)),
        pair("list", ARRAY, struct.pack("<IQ3I", U32, 3, 1, 2, 3)),
        pair("words", ARRAY, struct.pack("<IQ", STRING, 2) + text("a") + text("bc")),
    ],
    [tensor("a.weight", (32, 4), 0, 0), tensor("b.weight", (256,), 12, 512)],
)


@settings(max_examples=400, deadline=1000)
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 4097), st.binary(min_size=1, max_size=8)), max_size=4), st.integers(0, len(VALID)))
def test_damaged_headers_are_read_or_refused(damage, length):
    data = bytearray(VALID)
    for position, raw in damage:
        data[position : position + len(raw)] = raw
    try:
        header = parse(bytes(data[:length]))
    except UserInputError as error:
        assert "model.gguf: " in str(error)
    else:
        assert isinstance(header, GgufHeader)
        assert header.tensor_bytes <= header.file_bytes
