"""Prometheus text of both engines, and text that wants to be something else."""

from pathlib import Path

import pytest

from advisor.catalog.engines import load_engines
from advisor.engines.metrics import LiveEngine, Sample, parse_samples, read_metrics
from advisor.errors import UserInputError

RECORDED = Path(__file__).parents[2] / "data" / "metrics"


def live(text):
    return read_metrics(text, load_engines().values())


def test_llama_server_as_recorded():
    told = live((RECORDED / "llama_server_b11549.txt").read_text())
    assert (told.engine, told.runtime) == ("llama.cpp", "llama-server")
    assert (told.requests_running.value, told.requests_waiting.value, told.busy) == (1, 0, 1)
    assert (told.kv_used, told.caches) == (None, ())


def test_vllm_as_recorded():
    told = live((RECORDED / "vllm_0_32_0_cpu.txt").read_text())
    assert (told.engine, told.runtime, told.busy) == ("vllm", "vllm-serve", 0)
    (cache,) = told.caches
    assert (cache.num_blocks, cache.capacity_tokens) == (223, 223 * 128)
    assert cache.settings == {"block_size": "128", "kv_cache_dtype": "auto", "enable_prefix_caching": "True"}
    assert (told.kv_used.value, told.preemptions.value) == (0, 0)


def test_names_are_those_of_the_records():
    for record in load_engines().values():
        for name, runtime in record.runtimes.items():
            if runtime.metrics:
                told = live(f"{runtime.metrics['requests_running']} 3\n{runtime.metrics['requests_waiting']} 2\n")
                assert (told.runtime, told.busy) == (name, 5)


def test_ranks_are_added_up_and_the_fullest_pool_counts():
    told = live(
        'vllm:num_requests_running{engine="0"} 3\nvllm:num_requests_running{engine="1"} 4\n'
        'vllm:kv_cache_usage_perc{engine="0"} 0.25\nvllm:kv_cache_usage_perc{engine="1"} 0.75\n'
        'vllm:cache_config_info{engine="0",num_gpu_blocks="10"} 1.0\nvllm:cache_config_info{engine="1",num_gpu_blocks="None"} 1.0\n'
    )
    assert (told.requests_running.value, told.requests_running.line, told.kv_used.value) == (7, 1, 0.75)
    assert [cache.num_blocks for cache in told.caches] == [10, None]


def test_labels_with_every_escape():
    text = r'x{a="1",b="say \"hi\"",c="back\\slash",d="two\nlines",e="},{"} 2.5 1700000000000'
    (sample,) = parse_samples(text, ["x"])
    assert sample == Sample("x", {"a": "1", "b": 'say "hi"', "c": "back\\slash", "d": "two\nlines", "e": "},{"}, 2.5, 1)


@pytest.mark.parametrize(
    "line",
    [
        "x NaN",
        "x +Inf",
        "x -1",
        "x",
        "x{ 1",
        "x 1e999",
        "x one",
        "# x 1",
        "<html>x 1</html>",
        "x" * 1000 + " 1",
        "x{" + 'a="b",' * 10_000 + "} 1",
        "x{" + '\\"' * 5000,
    ],
)
def test_lines_that_are_no_sample_are_passed_over(line):
    assert list(parse_samples(f"{line}\nx 7\n", ["x"])) == [Sample("x", {}, 7.0, 2)]


@pytest.mark.parametrize("text", ["", "<html>", "process_cpu_seconds_total 5\n", "\x00\x00", "{" * 100_000])
def test_what_is_no_engine(text):
    with pytest.raises(UserInputError, match="no metrics of an engine"):
        live(text)


def test_nothing_told_is_nothing_known():
    assert LiveEngine("vllm", "vllm-serve").busy == 0
