"""Damaged and hostile input of every kind: read, or refused by a UserInputError; nothing else, and in little memory.

Seeded, so that a run can be repeated. ADVISOR_FUZZ_RUNS=20000 for a long one, ADVISOR_FUZZ_SEED for another one.
"""

import copy
import json
import os
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.architectures import from_config
from advisor.catalog import load_catalog
from advisor.domain.model import Checkpoint, Model
from advisor.errors import UserInputError
from advisor.intake.adapters import adapter_of
from advisor.intake.gguf_file import parse_gguf_header
from advisor.intake.hub import _repository
from advisor.intake.hub_models import find_hub_model
from advisor.intake.lengths import read_lengths
from advisor.intake.models import model_of_config, model_of_gguf
from advisor.intake.safetensors_header import LENGTH_BYTES, header_length, parse_header
from advisor.intake.stored_format import stored_format
from advisor.synthesis.gguf import write_gguf
from tests.unit.intake.file_server import COMMIT
from tests.unit.intake.test_hub_models import WEIGHTS
from tests.unit.intake.test_models import CONFIG

CATALOG = load_catalog()
RUNS = int(os.environ.get("ADVISOR_FUZZ_RUNS", "150"))
SEED = int(os.environ.get("ADVISOR_FUZZ_SEED", "20261128"))
MOST_BYTES = 96 * 2**20
SHAPES = {
    "llama": CONFIG,
    "moe": CONFIG | {"model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "head_dim": 16},
    "windows": CONFIG
    | {"model_type": "gemma3_text", "sliding_window": 64, "sliding_window_pattern": 6, "num_hidden_layers": 12, "head_dim": 16},
}
QUANTIZED = {
    "fp8": {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head"]},
    "groups": {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}, "input_activations": None}},
    },
    "modelopt": {"quant_algo": "MIXED_PRECISION", "quantized_layers": {"a": {"quant_algo": "FP8"}}},
}
NASTY = [None, "", "x" * 1000, -1, 0, 1, 2**63, 2**200, 1e308, 0.5, True, [], [[]], {}, {"a": 1}, [None], "1", "\x00", "💥", [2**40] * 3]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(CONFIG)), inner, max_size=6),
    max_leaves=12,
)


def refused_or_read(read, *arguments, **options):
    """What it read, or nothing where it was refused in one sentence without control characters of its own."""
    try:
        return read(*arguments, **options)
    except UserInputError as error:
        assert str(error).strip()
        return None


@pytest.fixture
def little_memory():
    """What a test allocates stays below a bound, whatever the bytes say."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_BYTES


def damaged(data, rng):
    """A few bytes changed, cut, doubled, or replaced by a number that lies."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(found))
        match rng.randrange(5):
            case 0:
                found[at] = rng.randrange(256)
            case 1:
                found[at : at + 8] = rng.choice([2**60, 2**63, 2**64 - 1, 0, 1, len(data), 2**32]).to_bytes(8, "little")
            case 2:
                del found[at : at + rng.randint(1, 64)]
            case 3:
                found[at:at] = found[at : at + rng.randint(1, 64)]
            case _:
                del found[max(1, at) :]
        if not found:
            return b"\0"
    return bytes(found)


@pytest.fixture(scope="module", params=SHAPES)
def header(request, tmp_path_factory):
    """A real header, without its weights, and the size of the file that it belongs to."""
    path = tmp_path_factory.mktemp("fuzz") / "m.gguf"
    write_gguf(path, from_config(SHAPES[request.param], "config.json"), CATALOG.quantizations["Q8_0"], seed=1, sparse=True)
    size = path.stat().st_size
    read = parse_gguf_header(path.read_bytes(), file_bytes=size, where="m.gguf")
    return path.read_bytes()[: size - read.tensor_bytes], size


def gguf_model(data, size):
    found = parse_gguf_header(data, file_bytes=size, where="m.gguf")
    return model_of_gguf(found, CATALOG, where="m.gguf", checkpoint=Checkpoint("m", "gguf", ""), source="m.gguf")


@pytest.mark.usefixtures("little_memory")
def test_damaged_gguf_headers(header):
    data, size = header
    assert isinstance(gguf_model(data, size), Model)
    rng = random.Random(SEED)
    outcomes = [refused_or_read(gguf_model, damaged(data, rng), size) for _ in range(RUNS)]
    assert None in outcomes


def test_a_gguf_header_cut_at_every_place(header):
    data, _ = header
    for length in {*range(0, 200), *range(200, len(data), max(1, len(data) // 300))}:
        assert refused_or_read(parse_gguf_header, data[:length], file_bytes=length, where="m.gguf") is None


def safetensors(data):
    length = header_length(data[:LENGTH_BYTES], file_bytes=len(data), where="m.safetensors")
    return parse_header(data[LENGTH_BYTES : LENGTH_BYTES + length], file_bytes=len(data), where="m.safetensors")


@pytest.mark.usefixtures("little_memory")
def test_damaged_safetensors_headers():
    assert safetensors(WEIGHTS).bytes_by_type == {"BF16": 200, "F32": 100}
    rng = random.Random(SEED)
    outcomes = [refused_or_read(safetensors, damaged(WEIGHTS, rng)) for _ in range(RUNS * 4)]
    assert None in outcomes
    assert all(found is None or found.tensor_bytes <= 2**40 for found in outcomes)


def twisted(document, rng):
    """A JSON document with a few values replaced, keys gone or renamed."""
    found = copy.deepcopy(document)
    for _ in range(rng.randint(1, 3)):
        holder = rng.choice(holders(found))
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match rng.randrange(3):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[rng.choice(["", "é", f"{key}_", "layer_types", "num_hidden_layers"])] = rng.choice(NASTY)
            case _:
                holder[key] = copy.deepcopy(rng.choice(NASTY))
        if not holders(found):
            return found
    return found


def holders(document):
    """Every object and list in it that holds something."""
    inner = list(document.values()) if isinstance(document, dict) else document if isinstance(document, list) else []
    return [*([document] if inner else []), *(holder for value in inner for holder in holders(value))]


def config_model(config, modelopt):
    checkpoint = Checkpoint("m", "safetensors", "")
    return model_of_config(config, CATALOG, where="config.json", modelopt=modelopt, checkpoint=checkpoint, source="config.json")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("little_memory")
def test_twisted_configs(shape):
    rng = random.Random(SEED)
    for _ in range(RUNS):
        config = twisted(SHAPES[shape] | {"quantization_config": rng.choice(list(QUANTIZED.values()))}, rng)
        refused_or_read(config_model, config if isinstance(config, dict) else {}, rng.choice([None, twisted(QUANTIZED["modelopt"], rng)]))


@pytest.mark.parametrize("name", QUANTIZED)
def test_twisted_formats(name):
    rng = random.Random(SEED)
    for _ in range(RUNS * 2):
        config, modelopt = {"quantization_config": twisted(QUANTIZED[name], rng)}, twisted({"quantization": QUANTIZED[name]}, rng)
        found = refused_or_read(stored_format, config, CATALOG, modelopt)
        assert found is not None
        assert found.id is None or found.id in CATALOG.quantizations


def test_twisted_answers_of_a_hub():
    answer = {"id": "a/b", "sha": COMMIT, "siblings": [{"rfilename": "a", "size": 3, "lfs": {"sha256": "0" * 64}}], "tags": ["license:mit"]}
    rng = random.Random(SEED)
    kept = 0
    for _ in range(RUNS * 4):
        try:
            kept += bool(_repository("a/b", twisted(answer, rng)).commit)
        except ValueError:  # which hub_errors turns into a sentence
            continue
    assert 0 < kept < RUNS * 4


def test_damaged_lengths(tmp_path):
    page = (Path(__file__).parents[2] / "data" / "metrics" / "vllm_0_32_0_cpu.txt").read_bytes()
    histogram = b"# TYPE x histogram\n" + b"".join(
        b'vllm:request_%b_tokens_bucket{le="%d.0"} %d\n' % (what, end, end) for what in (b"prompt", b"generation") for end in (10, 20, 50)
    )
    bench = json.dumps({"input_lens": [3, 4, 5], "output_lens": [1, 2, 3], "total_input_tokens": 12}).encode()
    log = b'{"usage": {"prompt_tokens": 10, "completion_tokens": 3}}\n' * 3
    rng = random.Random(SEED)
    for number in range(RUNS):
        path = tmp_path / "file"
        path.write_bytes(damaged([page, histogram, bench, log][number % 4], rng))
        refused_or_read(read_lengths, path, CATALOG.engines.values())


def test_twisted_adapters():
    rng = random.Random(SEED)
    for _ in range(RUNS * 2):
        refused_or_read(adapter_of, twisted({"base_model_name_or_path": "a/b", "r": 8, "peft_type": "LORA"}, rng), "adapter_config.json")


@settings(max_examples=RUNS, deadline=None, derandomize=True)
@given(st.binary(max_size=400), st.sampled_from([0, 400, 2**40]))
def test_any_bytes_behind_the_right_beginning(data, size):
    refused_or_read(parse_gguf_header, b"GGUF\x03\0\0\0" + data, file_bytes=max(size, len(data) + 8), where="m.gguf")
    refused_or_read(safetensors, len(data).to_bytes(8, "little") + data)


@settings(max_examples=RUNS, deadline=None, derandomize=True)
@given(ANY_JSON)
def test_any_json_as_a_config(document):
    if isinstance(document, dict):
        refused_or_read(config_model, CONFIG | document, None)
    text = json.dumps({"a": document}).encode()
    refused_or_read(parse_header, text, file_bytes=len(text) + 8, where="m.safetensors")


@settings(max_examples=RUNS, deadline=None, derandomize=True)
@given(st.text(max_size=60).filter(lambda text: "/" not in text))
def test_any_text_as_a_reference(text):
    with pytest.raises(UserInputError):
        find_hub_model(text, CATALOG)
