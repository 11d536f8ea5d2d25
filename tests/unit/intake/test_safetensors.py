"""Safetensors headers: sums by type, every lie that a header can tell, files in parts, and LoRA adapters."""

import json

import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.intake.models import find_model
from advisor.intake.safetensors_files import INDEX, read_safetensors, shards_of
from tests.unit.intake.test_hub_models import WEIGHTS, header_of
from tests.unit.intake.test_models import CONFIG

CATALOG = load_catalog()


def raw(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(start, end, kind="BF16", shape=None):
    return {"dtype": kind, "shape": [(end - start) // 2] if shape is None else shape, "data_offsets": [start, end]}


def test_bytes_by_type(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(header_of({"a": ("F8_E4M3", [4, 3], 12), "b": ("BF16", [], 2), "c": ("F4", [6], 3), "d": ("F8_E4M3", [0], 0)}))
    found = read_safetensors([path])
    assert (found.bytes_by_type, found.tensors, found.tensor_bytes) == ({"BF16": 2, "F4": 3, "F8_E4M3": 12}, 4, 17)
    assert read_safetensors([path, path]).bytes_by_type == {"BF16": 4, "F4": 6, "F8_E4M3": 24}


HOSTILE = {
    "length 2^60": (raw({}, length=2**60), "a header of 1,152,921,504,606,846,976 bytes cannot be in a file of 10; truncated or hostile"),
    "length of a third": (raw({}, length=2**64 - 1), "truncated or hostile"),
    "three bytes": (b"abc", "truncated or hostile"),
    "not JSON": (raw(b"hello"), "the header is not JSON"),
    "not an object": (raw([1]), "not a JSON object"),
    "JSON bomb": (raw(b"[" * 200_000), "the header is not JSON"),
    "key twice": (raw(b'{"a": {"dtype":"BF16","shape":[1],"data_offsets":[0,2]}, "a": {}}', b"xx"), "a key is given twice"),
    "offsets twice": (raw(b'{"a": {"dtype":"BF16","shape":[1],"data_offsets":[0,2],"data_offsets":[0,9]}}', b"xx"), "a key is given twice"),
    "no offsets": (raw({"a": {}}), "no data_offsets"),
    "entry of another kind": (raw({"a": 3}), "no data_offsets"),
    "offsets of another kind": (raw({"a": {"data_offsets": [0, True]}}), "no data_offsets"),
    "huge offsets": (raw({"a": entry(0, 2**60)}), "its tensors end at 1,152,921,504,606,846,976 of 0 bytes"),
    "backwards": (raw({"a": entry(8, 0, shape=[4])}, bytes(8)), "not what its shape and BF16 say"),
    "negative": (raw({"a": entry(-8, 0)}, bytes(8)), "not what its shape and BF16 say"),
    "unknown type": (raw({"a": entry(0, 2, "Q4_0")}, b"xx"), "type 'Q4_0': refused, not guessed"),
    "type of another kind": (raw({"a": entry(0, 2, ["BF16"])}, b"xx"), "refused, not guessed"),
    "type lies": (raw({"a": entry(0, 8, "F8_E4M3", [4])}, bytes(8)), "8 bytes, which is not what its shape and F8_E4M3 say"),
    "shape lies": (raw({"a": entry(0, 8, shape=[2**62, 2**62])}, bytes(8)), "not what its shape and BF16 say"),
    "shape of another kind": (raw({"a": entry(0, 8, shape=[1.5])}, bytes(8)), "no shape of whole numbers"),
    "negative shape": (raw({"a": entry(0, 8, shape=[-2, -2])}, bytes(8)), "no shape of whole numbers"),
    "overlap": (raw({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12)), "'b' overlaps the one before it"),
    "hole": (raw({"a": entry(0, 4), "b": entry(8, 12)}, bytes(12)), "'b' leaves a hole of 4 bytes before it"),
    "hole at the start": (raw({"a": entry(4, 8)}, bytes(8)), "a hole of 4 bytes"),
    "cut off": (raw({"a": entry(0, 8)}, bytes(7)), "its tensors end at 8 of 7 bytes; the file is cut off, download it again"),
    "something behind": (raw({"a": entry(0, 8)}, bytes(20)), "12 bytes lie behind its last tensor"),
}


@pytest.mark.parametrize(("data", "says"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_are_refused_in_one_sentence(tmp_path, data, says):
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    with pytest.raises(UserInputError) as caught:
        read_safetensors([path])
    message = str(caught.value)
    assert says in message and message.startswith(f"{path}: ") and "\n" not in message


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path):
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write((90_000_000).to_bytes(8, "little"))
        file.truncate(100_000_000)
    with pytest.raises(UserInputError, match="a header of 90,000,000 bytes; at most 25,000,000 are read"):
        read_safetensors([path])


def indexed(folder, names, **changes):
    folder.joinpath("config.json").write_text(json.dumps(CONFIG))
    index = {"metadata": {"total_size": 600}, "weight_map": {f"t{n}": name for n, name in enumerate(names)}} | changes
    folder.joinpath(INDEX).write_text(json.dumps(index))
    return folder


def test_the_parts_are_those_of_the_index(tmp_path):
    for name in ("m-1.safetensors", "m-2.safetensors", "left-over.safetensors"):
        (tmp_path / name).write_bytes(WEIGHTS)
    indexed(tmp_path, ["m-1.safetensors", "m-2.safetensors", "m-2.safetensors"])
    checkpoint = find_model(str(tmp_path), CATALOG).checkpoints[0]
    assert (checkpoint.weights_bytes, checkpoint.files) == (600, ("m-1.safetensors", "m-2.safetensors"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "1 of 2 weight files are missing here: m-2.safetensors"),
        ({"weight_map": {}}, "no weight_map"),
        ({"weight_map": {"a": 3}}, "no weight_map"),
        ({"weight_map": {"a": "../m-1.safetensors"}}, "which is no weight file beside it"),
        ({"weight_map": {"a": "/etc/passwd"}}, "which is no weight file beside it"),
    ],
)
def test_an_index_that_cannot_be_true(tmp_path, change, says):
    (tmp_path / "m-1.safetensors").write_bytes(WEIGHTS)
    indexed(tmp_path, ["m-1.safetensors", "m-2.safetensors"], **change)
    with pytest.raises(UserInputError, match=says):
        shards_of(tmp_path)
    (tmp_path / INDEX).write_text("[" * 100_000)
    with pytest.raises(UserInputError, match="not an index"):
        shards_of(tmp_path)


ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "Qwen/Qwen3-8B", "r": 16, "target_modules": ["q_proj"]}


def test_an_adapter_is_told_with_its_base_rank_and_bytes(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps(ADAPTER))
    (tmp_path / "adapter_model.safetensors").write_bytes(header_of({"a": ("F32", [500, 1000], 2_000_000)}))
    with pytest.raises(UserInputError) as caught:
        find_model(str(tmp_path), CATALOG)
    message = str(caught.value)
    assert "a LoRA adapter (rank 16, 2 MB) of Qwen/Qwen3-8B" in message
    assert "plan Qwen/Qwen3-8B" in message and "--max-lora-rank 16" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not valid JSON"),
        ("[]", "names no base_model_name_or_path and rank"),
        (json.dumps(ADAPTER | {"r": 0}), "names no base_model_name_or_path and rank"),
        (json.dumps(ADAPTER | {"base_model_name_or_path": ""}), "names no base_model_name_or_path and rank"),
        (json.dumps(ADAPTER | {"peft_type": "IA3"}), "peft_type 'IA3': only LoRA"),
    ],
)
def test_what_is_no_adapter(tmp_path, text, says):
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(UserInputError, match=says):
        find_model(str(tmp_path), CATALOG)
