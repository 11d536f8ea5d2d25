"""vLLM's start-up logs: public ones as they were written, and what goes wrong with logs. Sources: tests/data/engine_logs/README.md."""

import io
from pathlib import Path

import pytest

from advisor.catalog.engines import load_engines
from advisor.engines.vllm_log import read_vllm_log
from advisor.units import GIB

LOGS = Path(__file__).parents[2] / "data" / "engine_logs"
PATTERNS = load_engines()["vllm"].log_patterns
WHOLE = (LOGS / "vllm_0_11_gemma_3_27b_tp2.log").read_text()
BANNER = "(APIServer pid=1) INFO 11-24 09:00:02 [utils.py:299]  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.33.0\n"
TOO_LONG = (
    "(EngineCore pid=9) ERROR 11-24 09:00:40 [core.py:1349] ValueError: To serve at least one request with the model's max seq len "
    "(196608), 23.25 GiB KV cache is needed, which is larger than the available KV cache memory (22.5 GiB). Based on the available "
    "memory, the estimated maximum model length is 190272.\n"
)
FOLLOW_UP = "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"


def read(text):
    return read_vllm_log(io.BytesIO(text.encode()), PATTERNS)


def named(name):
    return read((LOGS / f"{name}.log").read_text())


def gib(size):
    return None if size is None else round(size / GIB, 4)


def test_a_whole_log_with_two_ranks():
    log = read(WHOLE)
    assert (log.version, log.starts, log.ready, log.refusal) == ("0.11.2.dev690+g67475a6e8.d20251209", 1, True, None)
    assert log.model == "RedHatAI/gemma-3-27b-it-FP8-dynamic"
    assert (gib(log.weights_bytes), gib(log.pool_bytes), gib(log.graphs_bytes), gib(log.activation_bytes)) == (14.2812, 14.71, 1.6, None)
    assert (log.kv_tokens, log.length_tokens, log.max_concurrency_x) == (54_960, 29_000, 8.09)
    assert (log.load_s, log.engine_s, log.start_s) == (5.335814, 58.36, 94.0)
    assert log.given == {"max_model_len": "29000", "gpu_memory_utilization": "0.94", "max_num_seqs": "32"}
    assert (log.settings["max_model_len"], log.settings["tensor"], log.settings["max_num_batched_tokens"]) == ("29000", "2", "2048")
    assert (log.settings["enforce_eager"], log.settings["enable_prefix_caching"], log.on_cpu) == ("False", "True", False)


def test_lines_of_a_newer_version_without_the_beginning():
    log = named("vllm_0_31_llama_3_1_8b")
    assert (log.version, log.starts, log.ready) == (None, 0, False)
    assert (log.kv_tokens, log.length_tokens, log.max_concurrency_x) == (460_496, 131_072, 3.51)
    assert (gib(log.device_bytes), gib(log.budget_bytes), log.settings["gpu_memory_utilization"]) == (79.25, 72.91, "0.92")
    assert (gib(log.taken_bytes), gib(log.activation_bytes), gib(log.pool_bytes)) == (15.26, 1.44, 56.21)
    assert gib(log.budget_bytes) == pytest.approx(gib(log.taken_bytes) + gib(log.activation_bytes) + gib(log.pool_bytes))


def test_of_several_ranks_the_tightest_counts():
    log = named("vllm_tp2_uneven")
    assert (gib(log.taken_bytes), gib(log.pool_bytes), log.ranks) == (64.5, 17.73, 2)
    assert log.uneven == ("memory taken", "pool")


def test_a_processor_says_what_it_set_aside():
    log = read(
        "CPU KV cache size: 87,296 tokens, Maximum concurrency for 2,048 tokens per request: 42.62x\n"
        "Explicitly set (2.0/23.54) GiB for KV cache on node 0.\n"
    )
    assert (log.on_cpu, log.kv_tokens, gib(log.pool_bytes)) == (True, 87_296, 2.0)


def test_older_versions_tell_weights_and_the_rest_apart():
    line = (
        "INFO 09-23 18:12:39 [gpu_worker.py:391] Free memory on device (78.66/79.19 GiB) on startup. Desired GPU memory utilization is "
        "(0.9, 71.27 GiB). Actual usage is 14.08 GiB for weight, 1.97 GiB for peak activation, 0.07 GiB for non-torch memory, and 0.67 GiB "
        "for CUDAGraph memory. Current kv cache memory in use is 59212694937 bytes.\n"
    )
    log = read(line)
    assert (gib(log.taken_bytes), gib(log.activation_bytes), log.pool_bytes) == (14.15, 1.97, None)


@pytest.mark.parametrize(
    "banner",
    [
        BANNER,
        "\x1b[0;36m(APIServer pid=1)\x1b[0;0m INFO \x1b[93m▄▄\x1b[0m \x1b[1m█     █ ▀▄▀ █\x1b[0m  version \x1b[1m0.33.0\x1b[0m\n",
        "INFO 11-24 09:00:02 [utils.py:299] vLLM server version 0.33.0, serving model /model\n",
        "(EngineCore pid=9) INFO 11-24 09:00:11 [core.py:123] Initializing a V1 LLM engine (v0.33.0) with config: model='/model'\n",
    ],
)
def test_the_version_in_every_banner(banner):
    assert read(banner).version == "0.33.0"


def test_a_refusal_is_the_root_cause_and_says_what_would_fit():
    log = read(BANNER + TOO_LONG + TOO_LONG + FOLLOW_UP)
    assert log.ready is False
    assert log.refusal.startswith("To serve at least one request")
    assert log.longest_tokens == 190_272


@pytest.mark.parametrize("cut", [1, 5, 10, 15, 20])
def test_a_log_that_was_cut_off_is_neither_ready_nor_refused(cut):
    log = read("\n".join(WHOLE.splitlines()[:cut]))
    assert (log.ready, log.refusal) == (False, None)


def test_an_error_that_the_start_went_on_after_is_no_refusal():
    lines = WHOLE.splitlines()
    warned = "(EngineCore_DP0 pid=12920) WARNING [import_utils.py:408] ImportError: Module deep_gemm was found but failed to import"
    assert read("\n".join([*lines[:8], warned, *lines[8:10]])).refusal is None
    assert read("\n".join([*lines[:8], warned, *lines[8:]])).later_error is None


def test_what_went_wrong_after_it_was_ready_is_told():
    log = read(WHOLE + "(EngineCore_DP0 pid=12920) ERROR torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n")
    assert (log.ready, log.refusal) == (True, None)
    assert log.later_error.startswith("CUDA out of memory")


def test_of_a_restart_only_the_last_start_counts():
    log = read(WHOLE + BANNER + TOO_LONG)
    assert (log.starts, log.version, log.ready, log.kv_tokens, log.weights_bytes) == (2, "0.33.0", False, None, None)
    again = read(BANNER + TOO_LONG + FOLLOW_UP + WHOLE)
    assert (again.starts, again.ready, again.refusal, again.kv_tokens) == (2, True, None, 54_960)


@pytest.mark.parametrize(
    "line",
    [
        "Model loading took 15.(Worker_TP1 pid=3) INFO Model loading",  # two processes wrote at once
        "Model loading took 1.2.3 GiB memory",
        "Available KV cache memory: " + "9" * 5000 + " GiB",
        "GPU KV cache size: ,,, tokens",
        "GPU KV cache size: 12",
        "Maximum concurrency for x tokens per request: infx",
        "non-default args: {'max_model_len': __import__('os')}",
        "Initializing a V1 LLM engine (v",
    ],
)
def test_broken_lines_give_no_number(line):
    log = read(line + "\n")
    assert (log.weights_bytes, log.pool_bytes, log.kv_tokens, log.max_concurrency_x, log.given, log.version) == (None,) * 4 + ({}, None)


@pytest.mark.parametrize("text", ["", "hello\n", "llama_server: listening on http://127.0.0.1:8080\n"])
def test_another_programs_log_tells_nothing(text):
    assert read(text).tells is False


def test_a_start_over_midnight_is_one_of_the_next_day():
    log = read(
        BANNER.replace("09:00:02", "23:59:30")
        + "INFO 11-25 00:00:40 [api_server.py:1] Starting vLLM server\nApplication startup complete.\n"
    )
    assert log.start_s == 70


def test_a_whole_log_of_a_processor():
    log = named("vllm_0_32_qwen3_0_6b_cpu")
    assert (log.version, log.starts, log.ready, log.refusal, log.later_error, log.on_cpu) == ("0.32.0", 1, True, None, None, True)
    assert (log.kv_tokens, log.length_tokens, log.max_concurrency_x, gib(log.pool_bytes)) == (9_344, 512, 18.25, 1.0)
    assert (log.engine_s, log.start_s, log.weights_bytes, log.device_bytes) == (6.5, 224.0, None, None)
    assert log.given == {
        "max_model_len": "512", "kv_cache_memory_bytes": "1073741824", "max_num_batched_tokens": "2048", "max_num_seqs": "128",
    }  # fmt: skip
    assert (log.settings["max_model_len"], log.settings["load_format"], log.settings["enforce_eager"]) == ("512", "dummy", "True")
