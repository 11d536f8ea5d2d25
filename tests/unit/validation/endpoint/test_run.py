"""A server that somebody else started: looked at, loaded gently, and never more than was said before."""

import json
import math
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from advisor.cli import validating_endpoint
from advisor.cli.app import app
from advisor.domain.quantity import exact
from advisor.domain.workload import ServiceLevel
from advisor.validation.contention import Contention
from advisor.validation.endpoint import run as endpoint
from advisor.validation.endpoint.run import climbed_loads, rising
from advisor.validation.expectations import Expected
from advisor.validation.latency import judge_latency, measured_latency, percentile_95
from advisor.validation.smoke.answer import NOT_FINISHED, Answer
from advisor.validation.smoke.ladder import Climb
from advisor.validation.smoke.summary import summarise

NOT_PROVEN = (3, 5)  # 5: whoever runs this has a busy machine, and two halves of a load lie far apart
VLLM = """\
vllm:num_requests_running{{engine="0"}} {running}
vllm:num_requests_waiting{{engine="0"}} {waiting}
vllm:cache_config_info{{block_size="16",cache_dtype="auto",enable_prefix_caching="True",engine="0",num_gpu_blocks="9800"}} 1.0
"""


def vllm(*, model="Qwen/Qwen3-32B", context=16384, version="0.33.0", running=0, waiting=0, metrics=True):
    models = {"object": "list", "data": [{"id": model, "object": "model", "max_model_len": context}]}
    pages = {"/v1/models": models, "/version": {"version": version}}
    shown = {path: ("200 OK", "application/json", json.dumps(page)) for path, page in pages.items()}
    text = VLLM.format(running=running, waiting=waiting)
    return {**shown, "/metrics": ("200 OK", "text/plain", text)} if metrics else shown


def llama(*, slots=4, context=39680, parameters=8_190_735_360, size=16_381_470_720, build="b11549-0c1e570"):
    models = {"data": [{"id": "org/other-name", "meta": {"n_params": parameters, "size": size}}]}
    props = {
        "total_slots": slots,
        "default_generation_settings": {"n_ctx": context},
        "build_info": build,
        "model_path": "/srv/secret/x.gguf",
    }
    shown = {"/v1/models": models, "/props": props}
    metrics = "llamacpp:requests_processing 0\nllamacpp:requests_deferred 0\n"
    return {path: ("200 OK", "application/json", json.dumps(page)) for path, page in shown.items()} | {
        "/metrics": ("200 OK", "text/plain", metrics)
    }


@pytest.fixture
def short(case):
    """A case whose answers are short, so that the server is done soon."""

    def edited(name):
        folder = case(name)
        text = (folder / "workload.yaml").read_text()
        (folder / "workload.yaml").write_text(re.sub(r"output_tokens:.*", "output_tokens: {p50: 5, p95: 9, max: 12}", text))
        return folder

    return cache(edited)


@pytest.fixture
def measure(fake_server, short):
    """Validate a case's plan against a server of these pages: exit code, answer, server, what was said."""
    folders = short

    def run(name, pages, *arguments, script=()):
        folder = folders(name)
        with fake_server(pages=pages, script=script, itl_s=0.01) as server:
            command = ["validate", str(folder / "plan.yaml"), "--endpoint", server.url, "--format", "json", "--quiet", *arguments]
            result = CliRunner().invoke(app, command)
        code = getattr(result.exception, "exit_code", result.exit_code)
        answer = json.loads(result.stdout) if result.stdout.startswith("{") else {}
        return code, answer, server, str(result.exception) if code else result.stderr

    run.folder = folders
    return run


def claims(answer):
    return {claim["name"]: claim for claim in answer["claims"]}


def test_a_server_as_planned_is_measured(measure):
    code, answer, server, _ = measure("letters", vllm(), "--concurrency", "1,2")
    shown = claims(answer)
    assert shown["starts"]["requirement"] == "proven"
    assert shown["context_per_request_tokens"]["measured"] == 16384
    assert shown["kv_capacity_tokens"]["measured"] == 9800 * 16
    assert shown["reserved_gib"]["note"] == "not visible from outside"
    assert [row["concurrency"] for row in answer["benchmark"]] == [1, 2]
    assert len(server.bodies) == 20 + 1 + 20 + 2  # one at once is what the plan reckons with: enough for a 95th percentile
    assert len({tuple(body["prompt"]) for body in server.bodies}) == 43
    assert {tuple(body["prompt"][:600]) for body in server.bodies} == {tuple(server.bodies[0]["prompt"][:600])}
    assert code in NOT_PROVEN  # this machine is not the planned one, so nothing is said about its speed
    assert shown["ttft_p95_s"]["note"] == "another machine than the planned one"


def test_evidence_says_what_it_does_not_know(measure):
    _, answer, server, _ = measure("letters", vllm(), "--concurrency", "1")
    evidence = json.loads((measure.folder("letters") / "evidence" / answer["evidence"].rsplit("/")[-1]).read_text())
    assert (evidence["weights"], evidence["hardware"]) == ("not claimed", "not claimed")
    assert (evidence["source"], evidence["memory"]) == ("endpoint", {})
    assert any("cannot be seen from outside" in remark for remark in evidence["remarks"])
    assert "127.0.0.1" not in json.dumps(evidence)
    assert server.url not in json.dumps(evidence)


def test_what_will_be_sent_is_said_before(fake_server, short):
    with fake_server(pages=vllm(), itl_s=0.01) as server:
        command = ["validate", str(short("letters") / "plan.yaml"), "--endpoint", server.url, "--concurrency", "1,4"]
        result = CliRunner().invoke(app, command)
    assert "sending at most 45 requests, 1, 4 at once" in result.stderr
    assert len(server.bodies) == 45
    assert "1 at once: TTFT" in result.stdout
    assert "goodput 100% of 20" in result.stdout


BUSY = [({"running": 2, "waiting": 1}, "works on 3 requests of others"), ({"metrics": False}, "does not show its metrics")]


@pytest.mark.parametrize(("pages", "words"), BUSY)
def test_a_busy_server_is_left_alone(measure, pages, words):
    code, _, server, said = measure("letters", vllm(**pages))
    assert (code, server.bodies) == (3, [])
    assert words in said
    code, _, server, _ = measure("letters", vllm(**pages), "--yes", "--concurrency", "1")
    assert code in NOT_PROVEN
    assert len(server.bodies) == 21


@pytest.mark.parametrize(
    ("name", "pages", "words"),
    [
        ("letters", vllm(version="0.32.0"), "engine version 0.33.0 -> 0.32.0"),
        ("letters", vllm(model="org/else"), "model Qwen/Qwen3-32B -> org/else"),
        ("letters", vllm(context=32768), "context per request 16,384 -> 32,768"),
        ("letters", llama(), "engine vllm -> llama.cpp"),
        ("notes", llama(slots=8), "parallel 4 -> 8"),
        ("notes", llama(parameters=32_000_000_000), "model of 8.19 billion parameters -> 32.00 billion"),
        ("notes", llama(size=8_000_000_000), "another quantisation"),
        ("notes", llama(build="b99999-abcdef0"), "engine version b11549 -> b99999"),
    ],
)
def test_another_deployment_gets_no_load_and_leaves_no_evidence(measure, name, pages, words):
    code, answer, server, _ = measure(name, pages)
    assert any(words in difference for difference in answer["differs"]), answer["differs"]
    assert server.bodies == []
    assert answer["evidence"] is None
    assert code == 3
    assert not (measure.folder(name) / "evidence").exists()


def test_llama_server_under_its_own_name(measure):
    code, answer, server, _ = measure("notes", llama(), "--served-model", "org/other-name", "--concurrency", "1")
    assert answer["differs"] == []
    assert claims(answer)["kv_capacity_tokens"]["measured"] == 39680
    assert (server.bodies[0]["model"], answer["engine"]["version"]) == ("org/other-name", "b11549")
    assert "/srv/secret" not in json.dumps(answer)
    assert code in NOT_PROVEN


def test_vllms_generator_repeats_the_last_load(measure, monkeypatch):
    def theirs(bench, target, load, *, level, time_limit_s):
        assert (load.requests, load.concurrency, load.input_tokens, load.output_tokens) == (20, 2, 4000, 5)
        return summarise(answers(0.1, load.requests), level, concurrency=load.concurrency)

    monkeypatch.setattr(endpoint, "run_vllm_bench", theirs)
    monkeypatch.setattr(validating_endpoint, "find_vllm", lambda _: SimpleNamespace(program=lambda: Path("/x/vllm"), python="/x/python"))
    _, answer, server, _ = measure("letters", vllm(), "--concurrency", "1,2", "--load-generator", "vllm-bench")
    assert any(remark.startswith("vllm bench serve, 2 at once: TTFT p50 0.1 s (ours") for remark in answer["remarks"])
    assert [len(body["prompt"]) for body in server.bodies[43:]] == [4000] * 20


def test_the_first_failure_ends_it(measure):
    _, answer, server, _ = measure("letters", vllm(), "--concurrency", "1,2", script=["normal", "normal", "unavailable"])
    assert len(server.bodies) == 3
    assert any("ended early" in remark and "HTTP 503" in remark for remark in answer["remarks"])


def test_a_server_that_answers_nothing_has_failed(measure):
    code, _, server, said = measure("letters", vllm(), script=["unavailable"])
    assert (code, len(server.bodies)) == (4, 1)
    assert "no request was answered: HTTP 503" in said


def test_a_server_that_hangs_has_not_failed(measure):
    code, _, _, said = measure("letters", vllm(), "--time-limit", "1", script=["hang"])
    assert code == 5
    assert "not finished in the time limit" in said


@pytest.mark.parametrize(
    ("pages", "code", "words"),
    [
        ({}, 2, "is this the address of a server with the OpenAI API?"),
        ({"/v1/models": ("401 Unauthorized", "text/plain", "")}, 2, "asks for a key"),
        ({"/v1/models": ("503 Service Unavailable", "text/plain", "")}, 3, "still loading"),
        ({"/v1/models": ("200 OK", "application/json", '{"data": [{"id": 7}, "x", {"id": "a"}, {"id": "b"}]}')}, 2, "it serves a, b"),
        ({"/v1/models": ("200 OK", "application/json", "[[[")}, 2, "no list of models"),
    ],
)
def test_what_is_no_server_for_us(measure, pages, code, words):
    ended, _, server, said = measure("letters", pages)
    assert (ended, server.bodies) == (code, [])
    assert words in said


def test_flags_that_do_not_go_together(case):
    plan = str(case("letters") / "plan.yaml")
    for arguments in (["--endpoint", "http://127.0.0.1:9", "--synthetic"], ["--served-model", "x"]):
        result = CliRunner().invoke(app, ["validate", plan, *arguments])
        assert result.exception.exit_code == 2


# ---- latency of a ladder


def climbed(*loads, ended=None):
    rungs = tuple(summarise(answers, ServiceLevel(), concurrency=at_once) for at_once, answers in loads)
    return Climb(rungs, tuple(tuple(answers) for _, answers in loads), Contention(None, None, None, None, None), ended)


def answers(ttft_s, count=20, failed=0):
    good = [Answer(0.0, ttft_s, (0.1,), ttft_s + 0.1, 5, 2) for _ in range(count - failed)]
    return [*good, *[Answer(0.0, error="cut")] * failed]


def row(name="ttft_p95_s", at_most=1.0):
    return Expected(name, exact(0.5, "test"), at_most, None, 5.0, gates=True)


def latency(expected, shown, *, planned):
    """Value, note and which way it decides."""
    ended = f": {shown.ended}" if shown.ended else ""
    seen = measured_latency(expected, climbed_loads(shown, planned), nothing_harder=f"needs {planned} at once{ended}")
    return seen.value, seen.note, seen.decides


def test_the_planned_load_is_what_counts():
    shown = climbed((1, answers(0.1)), (2, answers(0.2)), (4, answers(0.4)))
    assert latency(row(), shown, planned=2) == (0.2, "2 at once, 20 requests", "both")
    assert latency(row(), shown, planned=5) == (None, "needs 5 at once", "both")
    assert latency(row("tpot_p95_s"), shown, planned=1)[0] == pytest.approx(0.1)
    assert latency(row("requests_per_s"), shown, planned=1)[0] is None


def test_more_at_once_than_planned_is_a_proof_only():
    shown = climbed((2, answers(0.2)), (4, answers(0.4)))
    assert latency(row(), shown, planned=3) == (0.4, "4 at once, 20 requests; 3 planned", "proof")
    slow = measured_latency(row(), climbed_loads(climbed((4, answers(3.0))), 3), nothing_harder="")
    assert judge_latency(row(), slow).requirement == "not tested"
    assert judge_latency(row(at_most=5.0), slow).requirement == "proven"


def test_a_limit_that_breaks_before_the_planned_load_is_broken():
    shown = climbed((1, answers(0.1)), (2, answers(3.0)), ended="2 at once: TTFT")
    assert latency(row(), shown, planned=8) == (3.0, "2 at once, 20 requests; 8 planned", "refutation")
    assert latency(row("tpot_p95_s"), shown, planned=8)[:2] == (None, "needs 8 at once: 2 at once: TTFT")


@pytest.mark.parametrize(
    ("ttfts_s", "decides"),
    [([0.1] * 4, "nothing"), ([0.1, 0.1, 0.1, 3.0], "nothing"), ([0.1, 3.0, 3.0, 3.0], "refutation"), ([0.1] * 20, "both")],
)
def test_few_requests_refute_where_even_their_median_breaks_the_limit(ttfts_s, decides):
    few = [answer for ttft_s in ttfts_s for answer in answers(ttft_s, 1)]
    assert latency(row(), climbed((2, few)), planned=2)[2] == decides


def test_failed_requests_are_slower_than_every_limit():
    assert percentile_95(answers(0.1, 20, failed=1), lambda answer: answer.ttft_s) == 0.1
    assert percentile_95(answers(0.1, 20, failed=2), lambda answer: answer.ttft_s) == math.inf
    assert percentile_95([], lambda answer: answer.ttft_s) is None
    many = climbed((1, answers(0.1, failed=9)))
    assert latency(row(), many, planned=1) == (math.inf, "1 at once, 20 requests, 9 of them failed", "both")
    assert judge_latency(row(), measured_latency(row(), climbed_loads(many, 1), nothing_harder="")).measured is None


def test_what_our_own_limit_cut_may_be_slow_or_fast():
    cut = [*answers(0.1, 3), Answer(0.0, error=NOT_FINISHED)]
    assert latency(row(), climbed((1, answers(0.1)), (2, cut)), planned=2)[:2] == (None, f"2 at once: {NOT_FINISHED}")
    assert latency(row(), climbed((1, answers(0.1)), (2, cut)), planned=1)[0] == 0.1
    most = [*answers(0.1, 39), Answer(0.0, error=NOT_FINISHED)]
    assert latency(row(), climbed((2, most)), planned=2)[0] == 0.1
    slow = [*answers(3.0, 3), Answer(0.0, error=NOT_FINISHED)]
    assert latency(row(), climbed((2, slow)), planned=2)[0] == 3.0


def test_doubling():
    assert [rising(most) for most in (0, 1, 2, 3, 8, 9)] == [(1,), (1,), (1, 2), (1, 2, 3), (1, 2, 4, 8), (1, 2, 4, 8, 9)]
