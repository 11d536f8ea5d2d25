"""A running server against its plan: settings, pool, load; and every way not to get an answer."""

import json
from functools import cache

import pytest

from .test_cli import run

VLLM = """\
vllm:num_requests_running{{engine="0",model_name="letters"}} {running}
vllm:num_requests_waiting{{engine="0",model_name="letters"}} {waiting}
vllm:kv_cache_usage_perc{{engine="0",model_name="letters"}} {used}
vllm:num_preemptions_total{{engine="0",model_name="letters"}} {preempted}
vllm:cache_config_info{{block_size="16",cache_dtype="{dtype}",enable_prefix_caching="True",engine="0",num_gpu_blocks="{blocks}"}} 1.0
"""
LLAMA = "llamacpp:requests_processing {running}\nllamacpp:requests_deferred {waiting}\nllamacpp:n_tokens_max {longest}\n"


@pytest.fixture
def live(fake_server, case):
    """Check a plan against a server that shows this text; the exit code and the findings by rule."""

    plans = cache(lambda name: case(name) / "plan.yaml")

    def check(name, text, *arguments):
        plan = plans(name)
        with fake_server(pages={"/metrics": ("200 OK", "text/plain", text)}) as server:
            result = run("check", plan, "--live", f"{server.url}/metrics", "--format", "json", *arguments)
            assert [head.split()[0] for head in server.heads] == ["GET"]
        document = json.loads(result.stdout)
        return result.exit_code, {finding["rule"]: finding for finding in document["findings"]}, document

    return check


PLANNED_AS = {"quantization": "fp8-block", "device": "h100-sxm", "max-model-len": 16384, "max-num-seqs": 64, "max-num-batched-tokens": 8192}


@pytest.fixture(scope="module")
def planned_blocks():
    flags = [f"--{flag}={value}" for flag, value in PLANNED_AS.items()]
    estimate = json.loads(run("estimate", "Qwen/Qwen3-32B", "--engine", "vllm", *flags, "--format", "json").stdout)
    return int(estimate["memory"]["num_blocks"]["value"])


def vllm(blocks, **changes):
    return VLLM.format(**{"running": 3.0, "waiting": 0.0, "used": 0.2, "preempted": 0.0, "dtype": "auto", "blocks": blocks, **changes})


def test_a_server_as_planned(live, planned_blocks):
    code, findings, document = live("letters", vllm(planned_blocks))
    assert (code, findings) == (0, {})
    assert document["checked"][0]["what"] == "running vllm-serve"
    assert document["not_checked"] == []


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"waiting": 4.0}, "LIV002", "4 requests wait"),
        ({"running": 500.0}, "LIV003", "500 requests at once, 80 planned"),
        ({"used": 0.97}, "LIV004", "97%"),
        ({"preempted": 12.0}, "LIV005", "12 requests were pushed out"),
        ({"dtype": "fp8"}, "DRF001", "--kv-cache-dtype: auto in the plan, fp8"),
    ],
)
def test_what_a_server_shows(live, planned_blocks, changes, rule, words):
    code, findings, _ = live("letters", vllm(planned_blocks, **changes))
    assert set(findings) == {rule}
    assert findings[rule]["severity"] == ("note" if rule == "LIV005" else "warn")
    assert words in findings[rule]["message"]
    assert findings[rule]["file"].endswith("/metrics")
    assert code == 0
    assert live("letters", vllm(planned_blocks, **changes), "--fail-on", "note")[0] == 1


@pytest.mark.parametrize(("share", "severity"), [(0.02, "block"), (0.8, "warn"), (1.5, "note")])
def test_the_pool_against_requirement_and_prediction(live, planned_blocks, share, severity):
    code, findings, _ = live("letters", vllm(int(planned_blocks * share)))
    assert findings["LIV001"]["severity"] == severity
    assert findings["LIV001"]["line"] == 5
    assert code == (1 if severity == "block" else 0)


def test_llama_server_tells_load_and_no_capacity(live):
    code, findings, document = live("notes", LLAMA.format(running=1, waiting=0, longest=800))
    assert (code, findings) == (0, {})
    assert "KV capacity" in document["not_checked"][0]["reason"]
    _, findings, _ = live("notes", LLAMA.format(running=1, waiting=1, longest=900_000))
    assert set(findings) == {"LIV002", "LIV003"}


def test_another_engine_than_planned(live):
    code, findings, _ = live("letters", LLAMA.format(running=0, waiting=0, longest=0))
    assert (code, set(findings)) == (1, {"DRF004"})


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        ("200 OK", 2, "no metrics of an engine"),
        ("404 Not Found", 2, "HTTP 404"),
        ("401 Unauthorized", 2, "asks for a key"),
        ("501 Not Implemented", 3, "--metrics"),
        ("500 Internal Server Error", 3, "HTTP 500"),
    ],
)
def test_no_answer_is_no_yes(fake_server, case, status, code, words):
    with fake_server(pages={"/metrics": (status, "text/html", "<html>hello</html>")}) as server:
        result = run("check", case("letters") / "plan.yaml", "--live", f"{server.url}/metrics")
    assert result.exception.exit_code == code
    assert words in str(result.exception)


def test_one_plan_is_named(case, tmp_path):
    for arguments in ([], [tmp_path, tmp_path]):
        result = run("check", *arguments, "--live", "http://127.0.0.1:9/metrics")
        assert "the one plan" in str(result.exception)


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(fake_server, case, monkeypatch):
    plan = case("notes") / "plan.yaml"
    monkeypatch.setenv("THE_KEY", "sk-secret")
    with fake_server(pages={"/metrics": ("200 OK", "text/plain", LLAMA.format(running=0, waiting=0, longest=0))}) as server:
        result = run("check", plan, "--live", f"{server.url}/metrics", "--api-key-env", "THE_KEY")
        assert "sk-secret" in server.heads[0]
    assert result.exit_code == 0
    assert "sk-secret" not in result.output
    monkeypatch.delenv("THE_KEY")
    assert "not set" in str(run("check", plan, "--live", "http://127.0.0.1:9", "--api-key-env", "THE_KEY").exception)
    monkeypatch.setenv("THE_KEY", "a\nb")
    assert "no key" in str(run("check", plan, "--live", "http://127.0.0.1:9", "--api-key-env", "THE_KEY").exception)


def test_a_deployment_that_the_plan_has_not(case):
    result = run("check", case("notes") / "plan.yaml", "--live", "http://127.0.0.1:9/metrics", "--deployment", "other")
    assert "not in the plan" in str(result.exception)
