"""vLLM's log, models and metrics as numbers by claim name; what it runs with otherwise than planned is named."""

import pytest

from advisor.catalog.engines import load_engines
from advisor.units import GIB
from advisor.validation.served.truth_vllm import vllm_truth

from ..log.test_run import VLLM, on_h100  # noqa: F401 - a fixture

RECORD = load_engines()["vllm"]
METRICS = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 0.0
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="8116"} 1.0
"""
PAGES = {"/v1/models": {"data": [{"id": "m", "max_model_len": 16384}]}, "/metrics": METRICS}


def truth(subject, text=VLLM, told=PAGES):
    return vllm_truth(subject, text.splitlines(), told, RECORD)


def test_memory_pool_and_context_are_told(on_h100):  # noqa: F811
    values = truth(on_h100()).values
    assert values["weights_bytes"] == pytest.approx(31.98 * GIB)
    assert values["kv_cache_bytes"] == pytest.approx(31.70 * GIB)
    assert values["context_per_request_tokens"] == 16384
    assert (values["kv_capacity_tokens"], values["max_concurrency_x"], values["num_blocks"]) == (129_856, 7.93, 8116)
    assert (values["starts"], "start_s" in values) == (1.0, False)


def test_nothing_differs_from_what_was_planned(on_h100):  # noqa: F811
    shown = truth(on_h100())
    assert shown.differing == ()
    assert (shown.engine["name"], shown.engine["version"]) == ("vllm", "0.33.0")


def test_what_differs_is_named(on_h100):  # noqa: F811
    smaller = VLLM.replace("'max_num_seqs': 64", "'max_num_seqs': 32")
    assert truth(on_h100(), smaller).differing == ("max-num-seqs 64 -> 32",)
    other_blocks = {**PAGES, "/metrics": METRICS.replace('block_size="16"', 'block_size="128"')}
    assert truth(on_h100(), told=other_blocks).differing == ("block-size 16 -> 128",)


def test_a_length_that_shrank_is_what_the_server_says(on_h100):  # noqa: F811
    shrunk = {"/v1/models": {"data": [{"max_model_len": 8192}]}}
    assert truth(on_h100(), told=shrunk).values["context_per_request_tokens"] == 8192


@pytest.mark.parametrize("told", [{}, {"/metrics": "nothing of vLLM"}, {"/metrics": ""}, {"/v1/models": []}])
def test_pages_without_a_word_leave_it_to_the_log(on_h100, told):  # noqa: F811
    values = truth(on_h100(), told=told).values
    assert values["context_per_request_tokens"] == 16384
    assert "num_blocks" not in values
