"""Token lengths from logs, benchmark results and metrics pages, and the block of a workload that they make."""

import json
from pathlib import Path

import pytest
import yaml

from advisor.catalog import load_catalog
from advisor.domain.demand import Lengths
from advisor.errors import DataError, UserInputError
from advisor.intake.lengths import read_lengths
from tests.unit.cli.command_line import advisor

ENGINES = load_catalog().engines.values()
RECORDED = Path(__file__).parents[2] / "data"
LOG = '{"usage": {"prompt_tokens": 10, "completion_tokens": 3}}\n{"input_tokens": 400, "output_tokens": 30, "prompt": "secret"}\n'


def lengths(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    return read_lengths(path, ENGINES)


def histogram(name, counts, **labels):
    inner = "".join(f',{key}="{value}"' for key, value in labels.items())
    return "# TYPE x histogram\n" + "".join(f'{name}_bucket{{le="{end}"{inner}}} {count}\n' for end, count in counts.items())


def page(sent, made, **labels):
    return histogram("vllm:request_prompt_tokens", sent, **labels) + histogram("vllm:request_generation_tokens", made, **labels)


def test_a_log_of_requests_in_either_form(tmp_path):
    found = lengths(tmp_path, LOG)
    assert (found.requests, found.input_tokens, found.output_tokens) == (2, Lengths(10, 400, 400), Lengths(3, 30, 30))


def test_one_request_is_a_log_too(tmp_path):
    assert lengths(tmp_path, LOG.splitlines()[0]).requests == 1
    assert lengths(tmp_path, LOG.splitlines()[1]).requests == 1


def test_a_recorded_benchmark_of_vllm():
    found = read_lengths(RECORDED / "vllm_bench_0_32_0.json", ENGINES)
    assert (found.requests, found.input_tokens, found.output_tokens) == (6, Lengths(15, 17, 17), Lengths(23, 23, 23))


def test_failed_requests_of_a_benchmark_are_left_out_and_said(tmp_path):
    found = lengths(tmp_path, json.dumps({"input_lens": [5, 7, 9], "output_lens": [2, 0, 4]}))
    assert (found.requests, found.input_tokens.max) == (2, 9) and "1 that failed are left out" in found.said


def test_a_page_of_vllm_gives_the_upper_ends_of_its_buckets(tmp_path):
    sent = {"100.0": 0, "200.0": 40, "500.0": 90, "1000.0": 99, "2000.0": 100, "+Inf": 100}
    found = lengths(tmp_path, page(sent, {"10.0": 60, "20.0": 100, "+Inf": 100}))
    assert (found.requests, found.input_tokens, found.output_tokens) == (100, Lengths(500, 1000, 2000), Lengths(10, 20, 20))
    assert "at or above the truth" in found.said


def test_the_ranks_of_a_page_are_added_up(tmp_path):
    text = page({"10.0": 3, "20.0": 4, "+Inf": 4}, {"5.0": 4, "+Inf": 4}, engine="0")
    text += page({"10.0": 0, "20.0": 96, "+Inf": 96}, {"5.0": 96, "+Inf": 96}, engine="1")
    assert lengths(tmp_path, text).input_tokens == Lengths(20, 20, 20)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps({"total_input_tokens": 5, "completed": 2}), "save it with --save-detailed"),
        (json.dumps({"input_lens": [], "output_lens": []}), "hold no lengths"),
        (json.dumps({"input_lens": [0, 0, 3], "output_lens": [1, 1, 1]}), "hold no lengths"),
        (json.dumps({"input_lens": 3, "output_lens": [1]}), "hold no lengths"),
        (page({"10.0": 0, "+Inf": 0}, {"10.0": 0, "+Inf": 0}), "no request has been served yet"),
        (page({"10.0": 1, "+Inf": 2}, {"10.0": 2, "+Inf": 2}), "above the last bucket"),
        (page({"ten": 1}, {"10.0": 1}), "no request has been served"),
        ("# TYPE a counter\na 1\n", "no lengths of requests in these metrics"),
        ("# TYPE llamacpp:n_tokens_max counter\nllamacpp:n_tokens_max 512\n", "only that the longest sequence had 512 tokens"),
        ("", "no requests in it"),
        ("hello\n", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
    ],
)
def test_what_tells_no_lengths_says_so(tmp_path, text, says):
    with pytest.raises((UserInputError, DataError), match=says):
        lengths(tmp_path, text)


def test_the_recorded_pages_of_idle_servers_tell_nothing_yet():
    with pytest.raises(UserInputError, match="nothing has been served yet"):
        read_lengths(RECORDED / "metrics" / "llama_server_b11549.txt", ENGINES)


def test_the_block_to_paste_is_yaml_of_a_workload(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(LOG)
    ended = advisor("ask", "--lengths-from", path)
    assert ended.code == 0 and "secret" not in ended.out
    assert yaml.safe_load(ended.out) == {
        "request": {"input_tokens": {"p50": 10, "p95": 400, "max": 400}, "output_tokens": {"p50": 3, "p95": 30, "max": 30}}
    }
    assert json.loads(advisor("ask", "--lengths-from", path, "--format", "json").out)["requests"] == 2
