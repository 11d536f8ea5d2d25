"""`--lora FILE` of llama.cpp: the file's tensors lie where the layers lie that they change."""

import gguf
import numpy as np
import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from advisor.intake.estimation import EstimateRequest, Program, WeightFiles, estimate_request

CATALOG = load_catalog()
LAYERS, WIDTH, RANK = 36, 2560, 8
PAIR_BYTES = 4 * RANK * (WIDTH + 4096)


def adapter(path, layers=range(LAYERS), architecture="qwen3", kind="adapter"):
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    for layer in layers:
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_a", np.zeros((RANK, WIDTH), np.float32))
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_b", np.zeros((4096, RANK), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def memory(files, device="l4", **flags):
    flags = {**({"lora": files} if files else {}), **flags}
    asked = EstimateRequest("Qwen/Qwen3-4B", device, Program("llama.cpp"), WeightFiles("Q8_0"), flags=flags)
    return estimate_request(asked, CATALOG).estimate.memory


def test_an_adapter_is_on_the_device_with_the_layers(tmp_path):
    alone, adapted = memory(""), memory(str(adapter(tmp_path / "a.gguf")))
    assert adapted.devices[0].adapters_bytes.value == LAYERS * PAIR_BYTES
    assert adapted.devices[0].required_bytes.value - alone.devices[0].required_bytes.value == LAYERS * PAIR_BYTES
    assert adapted.host == alone.host


def test_layers_on_the_host_have_theirs_there(tmp_path):
    found = memory(str(adapter(tmp_path / "a.gguf")), n_gpu_layers=11)  # ten layers and the output layer
    assert (found.devices[0].adapters_bytes.value, found.host.adapters_bytes.value) == (10 * PAIR_BYTES, 26 * PAIR_BYTES)
    assert memory(str(tmp_path / "a.gguf"), "cpu").devices[0].adapters_bytes.value == LAYERS * PAIR_BYTES


def test_several_files_with_scales(tmp_path):
    one, two = adapter(tmp_path / "a.gguf", [0]), adapter(tmp_path / "b.gguf", [1, 2])
    assert memory(f"{one}:0.5,{two}:-1").devices[0].adapters_bytes.value == 3 * PAIR_BYTES


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"architecture": "llama"}, "is for llama, the model is qwen3"),
        ({"kind": "model"}, "is no LoRA adapter"),
        ({"layers": [LAYERS]}, "changes layer 36, the model has 36"),
        (None, "No such file"),
    ],
)
def test_what_is_refused(tmp_path, made, says):
    path = tmp_path / "a.gguf" if made is None else adapter(tmp_path / "a.gguf", **made)
    with pytest.raises(UserInputError, match=says):
        memory(str(path))
