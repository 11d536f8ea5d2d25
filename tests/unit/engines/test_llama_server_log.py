"""llama-server's start-up logs: a real one of a CPU, one with a card, and what goes wrong. Sources: tests/data/engine_logs/README.md."""

import io
from pathlib import Path

import pytest

from advisor.catalog.engines import load_engines
from advisor.engines.llama_server_log import read_llama_server_log
from advisor.units import MIB

LOGS = Path(__file__).parents[2] / "data" / "engine_logs"
PATTERNS = load_engines()["llama.cpp"].log_patterns
CPU = (LOGS / "llama_server_qwen3_0_6b_q4_k_m.log").read_text()
CUDA = (LOGS / "llama_server_cuda_27b.log").read_text()
REFUSED = """\
0.00.010.116 I srv  llama_server: initializing ...
0.00.018.846 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to load model
0.00.019.083 E gguf_init_from_reader: failed to read tensor info
0.00.019.165 E llama_model_load: error loading model: llama_model_loader: failed to load model from /models/model.gguf
0.00.020.040 E srv  llama_server: exiting due to model loading error
"""


def read(text):
    return read_llama_server_log(io.BytesIO(text.encode()), PATTERNS)


def test_a_whole_log_of_a_processor():
    log = read(CPU)
    assert (log.starts, log.build, log.commit, log.verbosity, log.ready, log.refusal) == (1, 1, "0c1e570", 4, True, None)
    assert (log.slots, log.slot_tokens, log.unified, log.key_type, log.value_type) == (2, 512, True, "f16", "f16")
    assert log.memory.weights_bytes == {"CPU_Mapped": pytest.approx(372.65 * MIB), "CPU_REPACK": pytest.approx(204.75 * MIB)}
    assert log.memory.cache_buffer_bytes == {"CPU": 56 * MIB}
    assert (log.memory.context["n_ctx"], log.memory.trained_context_tokens, log.accelerators) == ("512", 40_960, ())
    assert log.start_s == pytest.approx(7.364)


def test_a_card_holds_weights_caches_and_its_own_buffer():
    log = read(CUDA)
    assert (log.offloaded_layers, log.layers, log.build) == (65, 65, 11_549)
    assert [(device.buffer, device.name, device.total_bytes) for device in log.accelerators] == [
        ("CUDA0", "NVIDIA GeForce RTX 3090", 24_124 * MIB)
    ]
    assert log.memory.weights_bytes["CUDA0"] == pytest.approx(14_032.23 * MIB)
    assert log.memory.cache_buffer_bytes == {"CUDA0": pytest.approx((6_647 + 149.62) * MIB)}
    assert log.memory.compute_buffer_bytes["CUDA0"] == pytest.approx(654.78 * MIB)


def test_several_cards_and_two_kinds_of_layers():
    other = "0.00.025.765 I cmn  common_param:   - CUDA1   : NVIDIA GeForce RTX 3090 (24124 MiB, 23154 MiB free)\n"
    one = "0.05.442.801 I llama_kv_cache:      CUDA0 KV buffer size =  6647.00 MiB\n"
    sizes = {"CUDA0": [3000], "CUDA1": [3647, 100]}
    several = [one.replace("CUDA0", name).replace("6647", str(size)) for name, parts in sizes.items() for size in parts]
    text = CUDA.replace(one, "".join(several)).replace("device_info:\n", f"device_info:\n{other}")
    log = read(text)
    assert sorted(device.buffer for device in log.accelerators) == ["CUDA0", "CUDA1"]
    assert log.memory.cache_buffer_bytes["CUDA1"] == pytest.approx(3_747 * MIB)


def test_below_verbosity_4_only_slots_and_readiness_are_told():
    kept = [line for line in CPU.splitlines() if "llama_server:" in line or "n_slots" in line]
    log = read("\n".join(kept))
    assert (log.ready, log.slots, log.slot_tokens, log.build, log.memory.weights_bytes) == (True, 2, 512, None, {})
    assert log.tells


def test_a_fit_to_the_device_loads_twice_and_the_second_time_counts():
    lines = CUDA.splitlines()
    first = next(index for index, line in enumerate(lines) if "loading model tensors" in line)
    probe = "\n".join(lines[first:-4]).replace("14032.23", "    0.00").replace("200192", "262144").replace("CUDA0 model", "CUDA1 model")
    log = read("\n".join([*lines[:first], probe, *lines[first:]]))
    assert log.memory.weights_bytes == read(CUDA).memory.weights_bytes
    assert log.memory.context["n_ctx"] == "200192"


def test_json_lines_hold_the_same():
    lines = [f'{{"type":"log","time":1,"level":"info","msg":"{line[15:]}\\n"}}' for line in CUDA.splitlines()]
    log, plain = read("\n".join(lines)), read(CUDA)
    assert (log.build, log.slots, log.memory.weights_bytes, log.memory.context) == (
        plain.build, plain.slots, plain.memory.weights_bytes, plain.memory.context,
    )  # fmt: skip


def test_a_refusal_is_the_first_complaint():
    log = read(REFUSED)
    assert (log.ready, log.refusal) == (False, "gguf_init_from_reader: failed to read tensor info")


@pytest.mark.parametrize("lines", [3, 10, 40])
def test_a_log_that_was_cut_off_is_neither_ready_nor_refused(lines):
    log = read("\n".join(CPU.splitlines()[: lines + 3]))
    assert (log.ready, log.refusal) == (False, None)
    assert read("\n".join(REFUSED.splitlines()[:-1])).refusal is None


def test_an_abort_is_a_refusal():
    log = read("\n".join([*CPU.splitlines()[:60], "/src/llama-context.cpp:2273: GGML_ASSERT(n_outputs_max >= n_seq_max) failed"]))
    assert (log.ready, log.refusal) == (False, "GGML_ASSERT(n_outputs_max >= n_seq_max) failed")


def test_only_the_last_start_counts():
    assert (read(CPU + REFUSED).starts, read(CPU + REFUSED).ready, read(CPU + REFUSED).memory.weights_bytes) == (2, False, {})
    assert read(REFUSED + CPU).refusal is None


@pytest.mark.parametrize(
    "line", ["build 99999999999999999999 (0c1e570)", "llama_context: n_ctx = " + "9" * 5000, "CUDA0 model buffer size = 9e9 MiB"]
)
def test_broken_lines_give_no_number(line):
    log = read(f"llama_server: initializing ...\n{line}\n")
    assert (log.build, log.memory.weights_bytes) == (None, {})


def test_the_python_server_is_ready_when_its_application_is():
    kept = [line[15:] for line in CPU.splitlines() if "llama_server" not in line and "slots" not in line]
    log = read("\n".join([*kept, "INFO:     Application startup complete.", "INFO:     Uvicorn running on http://localhost:8000"]))
    assert (log.ready, log.starts, log.memory.weights_bytes != {}) == (True, 0, True)
