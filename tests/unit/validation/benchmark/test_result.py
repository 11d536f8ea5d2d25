"""Results of other load generators, as they really wrote them and as nobody should believe them."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advisor.cli.app import app
from advisor.domain.workload import ServiceLevel
from advisor.errors import UserInputError
from advisor.validation.benchmark.result import read_result
from advisor.validation.smoke.answer import NOT_FINISHED
from advisor.validation.smoke.summary import summarise

DATA = Path(__file__).parents[3] / "data"
GUIDELLM = (DATA / "guidellm_0_6_1.json", DATA / "guidellm_0_8_1.json")  # 24 requests of 20 tokens at 50 ms + 4 ms a token
VLLM = DATA / "vllm_bench_0_32_0.json"


@pytest.fixture
def written(tmp_path):
    """A result, changed: `change` gets the document and edits it or returns another."""

    def write(source, change):
        document = json.loads(source.read_text())
        path = tmp_path / "result.json"
        path.write_text(json.dumps(change(document) or document))
        return path

    return write


@pytest.mark.parametrize("path", GUIDELLM)
def test_a_guidellm_report_as_it_was_written(path):
    result = read_result(path)
    version = path.stem.removeprefix("guidellm_").replace("_", ".")
    assert (result.tool, result.model, result.measured_on) == (f"guidellm {version}", "org/model", "2026-11-28")
    assert [(load.concurrency, load.rate_per_s, len(load.answers)) for load in result.loads] == [(1, None, 24), (4, None, 24)]
    rung = summarise(result.loads[1].answers, ServiceLevel(), concurrency=4)
    assert rung.tpot_s.p50 == pytest.approx(0.004, rel=0.1)  # its own time per output token counts the first one in: 6.5 ms
    assert rung.ttft_s.p50 == pytest.approx(0.054, rel=0.1)
    assert rung.e2e_s.p50 == pytest.approx(rung.ttft_s.p50 + 19 * rung.tpot_s.p50, rel=0.05)
    assert (rung.failed, rung.output_tokens, rung.itl_s) == (0, 480, None)


def test_a_result_of_vllm_bench():
    result = read_result(VLLM)
    assert (result.tool, result.model, result.measured_on) == ("vllm bench serve", "fake", "2026-11-28")
    assert [(load.concurrency, len(load.answers)) for load in result.loads] == [(16, 6)]


def test_an_open_loop_has_a_rate(written):
    def poisson(document):
        document["benchmarks"][0]["config"]["strategy"] = {"type_": "poisson", "rate": 10.0, "max_concurrency": 10240}

    assert read_result(written(GUIDELLM[1], poisson)).loads[0].rate_per_s == 10.0
    assert read_result(written(VLLM, lambda document: document | {"request_rate": 2.5})).loads[0].rate_per_s == 2.5


def test_what_failed_and_what_was_cut(written):
    def spoil(document):
        requests, totals = document["benchmarks"][0]["requests"], document["benchmarks"][0]["metrics"]["request_totals"]
        requests["errored"], requests["incomplete"] = [requests["successful"].pop()], [requests["successful"].pop()]
        requests["errored"][0].update(time_to_first_token_ms=None, inter_token_latency_ms=None, output_tokens=None)
        totals.update(successful=22, errored=1, incomplete=1)

    answers = read_result(written(GUIDELLM[1], spoil)).loads[0].answers
    assert sorted(answer.error or "" for answer in answers)[-2:] == ["failed", NOT_FINISHED]


def test_warm_up_is_not_measured(written):
    """guidellm counts in its totals what ran in the measured time, and keeps the others beside."""

    def warm(document):
        benchmark = document["benchmarks"][0]
        ends = sorted(request["request_end_time"] for request in benchmark["requests"]["successful"])
        benchmark["start_time"] = ends[3] + 0.001
        benchmark["metrics"]["request_totals"]["successful"] = 20

    assert len(read_result(written(GUIDELLM[1], warm)).loads[0].answers) == 20


def edit(**changes):
    return lambda document: document | changes


def first(path, value):
    """A change of one place of the first benchmark."""

    def change(document):
        place = document["benchmarks"][0]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("source", "change", "says"),
    [
        (GUIDELLM[1], edit(metadata={"version": 3}), "version 3 of its schema; known are 1 (guidellm 0.5 and 0.6), 2"),
        (GUIDELLM[1], edit(metadata=None), "no version (before guidellm 0.5)"),
        (GUIDELLM[1], edit(metadata={"version": {"x": 1}}), "version unknown of its schema"),
        (GUIDELLM[1], edit(benchmarks=[]), "without a benchmark"),
        (GUIDELLM[1], edit(benchmarks=[7]), "lacks or misshapes"),
        (GUIDELLM[1], first(["metrics", "request_totals", "successful"], 300), "keeps 24 of 300 successful requests"),
        (GUIDELLM[1], first(["config", "strategy", "type_"], "trace"), "the strategy trace; known are synchronous, concurrent"),
        (GUIDELLM[1], first(["requests", "successful", 0, "time_to_first_token_ms"], float("nan")), "a time of nan s"),
        (GUIDELLM[1], first(["requests", "successful", 0, "time_to_first_token_ms"], -5.0), "a time of -0.005 s"),
        (GUIDELLM[1], first(["requests", "successful", 0, "prompt_tokens"], 10**12), "a request of 1e+12 tokens"),
        (GUIDELLM[1], first(["requests", "successful", 0, "prompt_tokens"], "many"), "lacks or misshapes"),
        (GUIDELLM[1], first(["start_time"], 1e300), "keeps 0 of 24 successful requests"),
        (VLLM, lambda document: {k: v for k, v in document.items() if k != "ttfts"}, "--save-detailed"),
        (VLLM, edit(ttfts=[1.0]), "lacks or misshapes"),
        (VLLM, edit(ttfts=[float("inf")] * 6), "a time of inf s"),
        (VLLM, lambda _: ["x"], "its JSON is no object"),
        (VLLM, lambda _: {"results": {}}, "neither a report of guidellm nor a result of vllm bench serve"),
    ],
)
def test_what_is_not_believed_is_one_sentence(written, source, change, says):
    path = written(source, change)
    with pytest.raises(UserInputError, match=re.escape(says)) as refused:
        read_result(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("cut", [0, 1, 900, 18_000])
def test_a_file_that_is_cut_off(tmp_path, cut):
    path = tmp_path / "result.json"
    path.write_bytes(GUIDELLM[1].read_bytes()[:cut])
    with pytest.raises(UserInputError, match="not JSON, or cut off"):
        read_result(path)


def test_nesting_and_absence(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UserInputError, match="not JSON"):
        read_result(path)
    with pytest.raises(UserInputError, match="No such file"):
        read_result(tmp_path / "none.json")


# ---- against a plan

WORKLOAD = """\
schema: advisor.workload/1
load: {in_flight: %d}
request:
  input_tokens: {p50: %d, p95: %d, max: 300}
  output_tokens: {p50: 20, p95: 20, max: 100}
service_level: {ttft_p95_s: %s, tpot_p95_s: 0.050}
privacy: {stays_on: premises}
hardware: {owned: [{device: cpu}]}
"""
PLAN = """\
schema: advisor.plan/1
workload: workload.yaml
decision: a small model on a CPU
deployments:
  - name: notes
    model: {id: Qwen/Qwen3-0.6B, quantization: Q4_K_M}
    engine: {name: llama.cpp, runtime: llama-server, version: b11549, backend: cpu}
    hardware: {device: cpu}
    settings: {ctx-size: {value: 4096}, parallel: {value: 4}}
evidence_required: [starts, ttft_p95_s, tpot_p95_s]
claims:
  notes:
    ttft_p95_s: {expect: 0.1, low: 0.05, high: 0.3, at_most: %s, basis: modelled}
    tpot_p95_s: {expect: 0.01, low: 0.005, high: 0.03, at_most: 0.050, basis: scaled}
made_with: {advisor: 1.0.0, catalog: "2026-11-20", workload_sha256: ab}
"""


@pytest.fixture
def validate(tmp_path):
    def run(*arguments, in_flight=4, tokens=33, ttft_s=0.5, result=GUIDELLM[1]):
        (tmp_path / "workload.yaml").write_text(WORKLOAD % (in_flight, tokens, tokens + 2, ttft_s))
        (tmp_path / "plan.yaml").write_text(PLAN % ttft_s)
        command = ["validate", str(tmp_path / "plan.yaml"), "--benchmark", str(result), "--format", "json", *arguments]
        ended = CliRunner().invoke(app, command)
        answer = json.loads(ended.stdout) if ended.stdout.startswith("{") else {}
        claims = {claim["name"]: claim for claim in answer.get("claims", ())}
        return getattr(ended.exception, "exit_code", ended.exit_code), answer, claims, str(ended.exception)

    return run


NAMED = ("--served-model", "org/model")


def test_the_planned_load_proves_what_was_promised(validate, tmp_path):
    code, answer, claims, _ = validate(*NAMED)
    for name in ("starts", "ttft_p95_s", "tpot_p95_s"):
        assert (claims[name]["requirement"], claims[name]["gates"], claims[name]["decides"]) == ("proven", True, "both"), claims[name]
    assert claims["ttft_p95_s"]["note"] == "4 at once, 24 requests"
    assert claims["context_per_request_tokens"]["note"] == "not in a benchmark's result"
    assert code == 3
    assert [row["concurrency"] for row in answer["benchmark"]] == [1, 4]
    assert (answer["source"], answer["hardware"], answer["weights"], answer["measured_on"]) == (
        "benchmark",
        "not claimed",
        "not claimed",
        "2026-11-28",
    )
    assert answer["made_with"]["benchmark"] == "guidellm 0.8.1"
    assert any("taken to be the planned cpu, llama.cpp b11549 and Q4_K_M" in remark for remark in answer["remarks"])
    assert "127.0.0.1" not in (tmp_path / "evidence" / Path(answer["evidence"]).name).read_text()
    verified = CliRunner().invoke(app, ["evidence", "verify", str(tmp_path / "plan.yaml")])
    assert verified.exit_code == 3  # the context is in no benchmark
    said = "notes: 3 of 4 required claims proven on cpu, an engine of an untold version (benchmark result), 2026-11-28"
    assert verified.stdout.startswith(said), verified.stdout


def test_a_broken_promise_is_refuted_even_where_its_prediction_is_modelled(validate, tmp_path):
    code, _, claims, _ = validate(*NAMED, ttft_s=0.01)
    assert (code, claims["ttft_p95_s"]["requirement"]) == (1, "refuted")
    assert CliRunner().invoke(app, ["evidence", "verify", str(tmp_path / "plan.yaml")]).exit_code == 1


@pytest.mark.parametrize(
    ("planned", "note"),
    [
        ({"in_flight": 9}, "requests at once 4, planned 9"),
        ({"tokens": 200}, "input tokens p50 32, planned 200"),
    ],
)
def test_an_easier_load_proves_nothing_and_says_so(validate, planned, note):
    code, answer, claims, _ = validate(*NAMED, **planned)
    assert (code, claims["ttft_p95_s"]["requirement"], claims["ttft_p95_s"]["measured"]) == (3, "not tested", None)
    assert note in claims["ttft_p95_s"]["note"]
    assert any("not the planned load" in remark and note in remark for remark in answer["remarks"])


def test_a_harder_load_does_not_refute(validate):
    broken = validate(*NAMED, in_flight=1, tokens=10, ttft_s=0.01)[2]["ttft_p95_s"]
    assert (broken["requirement"], broken["decides"]) == ("not tested", "proof")
    assert "planned 10" in broken["note"]
    assert validate(*NAMED, in_flight=1, tokens=10, ttft_s=0.5)[2]["ttft_p95_s"]["requirement"] == "proven"


def test_another_model_leaves_no_evidence(validate):
    code, answer, claims, _ = validate()
    assert (code, answer["evidence"], claims["ttft_p95_s"]["requirement"]) == (3, None, "not tested")
    assert answer["differs"] == ["model Qwen/Qwen3-0.6B -> org/model (if that is its name there, say so with --served-model)"]


def test_few_requests_of_vllm_bench_prove_nothing(validate):
    claims = validate("--served-model", "fake", in_flight=16, tokens=15, result=VLLM)[2]
    assert claims["ttft_p95_s"]["requirement"] == "not tested"
    assert "takes 20 requests" in claims["ttft_p95_s"]["note"]


def test_a_result_without_an_answer(validate, written):
    def failed(document):
        for benchmark in document["benchmarks"]:
            requests, totals = benchmark["requests"], benchmark["metrics"]["request_totals"]
            requests["errored"], requests["successful"] = requests["successful"], []
            totals.update(errored=24, successful=0)

    code, _, _, said = validate(*NAMED, result=written(GUIDELLM[1], failed))
    assert (code, "no request in it was answered" in said) == (2, True), said


@pytest.mark.parametrize(
    "flags", [["--endpoint", "http://127.0.0.1:9"], ["--synthetic"], ["--concurrency", "2"], ["--log", "-"], ["--in-process"]]
)
def test_other_ways_of_measuring_are_refused(validate, flags):
    assert validate(*flags)[0] == 2


def test_the_text_names_the_tool_and_the_loads(validate, tmp_path):
    validate(*NAMED)
    said = CliRunner().invoke(app, ["evidence", "show", str(next((tmp_path / "evidence").iterdir()))]).stdout
    assert "notes: read-only: a result of guidellm 0.8.1, no request was sent" in said
    assert "4 at once: TTFT 54 ms" in said
