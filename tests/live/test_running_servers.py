"""`validate --endpoint` and `check --live` against servers that already run: llama-server and `vllm serve`, started once each."""

import http.client
import json
import os
import re
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.engines.launch_environment import launch_environment
from advisor.engines.process import Limits
from advisor.engines.server import running
from advisor.files.plan import read_plan
from advisor.synthesis.gguf import write_gguf
from advisor.synthesis.hf_folder import write_hf_folder
from advisor.validation.served.find_program import find_program
from advisor.validation.served.launch import program, served

from .test_validate import advisor

pytestmark = pytest.mark.live
KEY = "ADVISOR_LIVE_TEST_KEY"
MODEL = "Qwen/Qwen3-0.6B"
LIMITS = Limits(time_s=300.0, silence_s=120.0)
WORKLOAD = f"""\
schema: advisor.workload/1
name: notes
task: summarisation
models: [{MODEL}]
quality: {{quantization_loss: any}}
load: {{in_flight: 2}}
request:
  input_tokens: {{p50: 24, p95: 32, max: 300}}
  output_tokens: {{p50: 4, p95: 6, max: 100}}
service_level: {{ttft_p95_s: 60.0, tpot_p95_s: 30.0}}
privacy: {{stays_on: this_device}}
hardware: {{this_machine: true}}
"""
SMALL_POOL = "kv-cache-memory-bytes: {value: 536870912}\n      max-num-seqs: {value: 4}\n      enforce-eager: {value: true}\n"


@dataclass(frozen=True)
class Running:
    """A server of the plan's deployment, and how to speak to it."""

    plan: Path
    url: str
    model: str
    key: str

    def metrics(self):
        with self._opened("/metrics") as page:
            return page.read().decode()

    def prompt_tokens(self):
        """What it has computed since its start."""
        return sum(
            float(value) for value in re.findall(r"^(?:llamacpp|vllm):prompt_tokens_total(?:{.*})? (\S+)$", self.metrics(), re.MULTILINE)
        )

    def _opened(self, path, body=None):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        return urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=120)

    @contextmanager
    def busy(self):
        """Somebody else's long request, cut off at the end."""
        body = {"model": self.model, "prompt": [65, 66, 67], "max_tokens": 250, "ignore_eos": True, "stream": True}
        answer = self._opened("/v1/completions", json.dumps(body).encode())
        answer.readline()
        reader = threading.Thread(target=self._read_slowly, args=(answer,), daemon=True)
        reader.start()
        try:
            yield
        finally:
            answer.fp.raw._sock.shutdown(2)
            reader.join(30)

    @staticmethod
    def _read_slowly(answer):
        try:
            while answer.readline():
                pass
        except (OSError, http.client.HTTPException, ValueError):
            pass


def planned(folder, engine):
    (folder / "workload.yaml").write_text(WORKLOAD)
    path = folder / "plan.yaml"
    quantization = ",quantization=Q4_K_M" if engine == "llama.cpp" else ""
    code, said = advisor("plan", folder / "workload.yaml", "-o", path, "--insist", f"engine={engine}{quantization}")
    assert code in (0, 1), said
    if engine == "vllm":  # a pool of half a GiB: other tests need memory too
        path.write_text(re.sub(r"max-num-seqs:.*\n", SMALL_POOL, path.read_text()))
        code, said = advisor("plan", "--update", path)
        assert code in (0, 1), said
    return path


@contextmanager
def started(folder, engine):
    """The plan's own command, with weights that are holes."""
    path, catalog = planned(folder, engine), load_catalog()
    deployment, record = read_plan(path)[0].deployments[0], catalog.engine(engine)
    quantization, architecture = catalog.quantization(deployment.model.quantization), catalog.model(MODEL).architecture
    weights = folder / ("model.gguf" if engine == "llama.cpp" else "model")
    if engine == "llama.cpp":
        write_gguf(weights, architecture, quantization, sparse=True, tokenizer=True)
    else:
        write_hf_folder(weights, architecture, quantization=quantization, weights="sparse")
    here = find_program(deployment, record)
    variables = launch_environment(record, deployment.engine.backend or "cpu")
    server = served(deployment, record.runtimes[deployment.engine.runtime], here.found, str(weights), variables=variables)
    with running(program(server, name=engine, record=record), limits=LIMITS) as process:
        yield Running(path, process.base_url, server.model_name, server.key)


@pytest.fixture(scope="module", params=["llama.cpp", "vllm"])
def server(request, tmp_path_factory):
    variable = {"llama.cpp": "ADVISOR_LLAMA_CPP_PYTHON", "vllm": "ADVISOR_VLLM_PYTHON"}[request.param]
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set")
    with started(tmp_path_factory.mktemp("running"), request.param) as found:
        yield found


@pytest.fixture(autouse=True)
def key(server, monkeypatch):
    monkeypatch.setenv(KEY, server.key)


def endpoint(server, *arguments):
    return advisor(
        "validate",
        server.plan,
        "--endpoint",
        server.url,
        "--api-key-env",
        KEY,
        "--served-model",
        server.model,
        "--format",
        "json",
        *arguments,
    )


def test_a_quiet_server_is_measured_against_its_plan(server):
    before = server.prompt_tokens()
    code, said = endpoint(server, "--quiet")
    answer = json.loads(said)
    contention = answer["contention"]  # whoever runs this may have a busy machine
    assert code == (5 if contention["disturbed"] else 0), said
    claims = {claim["name"]: claim for claim in answer["claims"]}
    for name in ("starts", "context_per_request_tokens", "kv_capacity_tokens"):
        assert claims[name]["requirement"] == "proven", claims[name]
    assert answer["differs"] == []
    assert [row["concurrency"] for row in answer["benchmark"]] == [1, 2]
    assert [row["failed"] for row in answer["benchmark"]] == [0, 0]
    assert answer["benchmark"][1]["requests"] == 20
    for name in ("ttft_p95_s", "tpot_p95_s"):
        assert claims[name]["measured"] > 0, claims[name]
        judged = claims[name]["requirement"], claims[name]["decides"]
        assert judged == (("not tested", "nothing") if contention["disturbed"] else ("proven", "both")), claims[name]
    assert server.prompt_tokens() - before > 20 * 20
    assert server.key not in said and server.url not in said
    assert advisor("evidence", "verify", server.plan)[0] == (3 if contention["disturbed"] else 0)


def test_a_promise_that_it_breaks_is_refuted(server):
    text = server.plan.read_text()
    server.plan.write_text(re.sub(r"(ttft_p95_s:.*at_most: )[\d.]+", r"\g<1>0.000001", text))
    try:
        code, said = endpoint(server, "--quiet", "--concurrency", "2")
    finally:
        server.plan.write_text(text)
    claim = next(claim for claim in json.loads(said)["claims"] if claim["name"] == "ttft_p95_s")
    disturbed = json.loads(said)["contention"]["disturbed"]
    assert (code, claim["requirement"]) == (1, "refuted") or (disturbed and code in (3, 5)), claim


def test_a_busy_server_is_left_alone_without_yes(server):
    with server.busy():
        deadline = time.monotonic() + 30
        while not re.search(r"(?:requests_processing|num_requests_running)(?:{.*})? 1", server.metrics()) and time.monotonic() < deadline:
            time.sleep(0.05)
        before = server.prompt_tokens()
        code, said = endpoint(server)
        after = server.prompt_tokens()
    assert (code, "works on 1 requests of others: nothing was sent" in said) == (3, True), said
    assert after - before <= 3  # of the other's own


def test_another_deployment_than_planned_gets_no_load(server):
    text, before = server.plan.read_text(), server.prompt_tokens()
    server.plan.write_text(re.sub(r"((?:ctx-size|max-model-len): +{value: )512", r"\g<1>1024", text))
    try:
        code, said = endpoint(server)
    finally:
        server.plan.write_text(text)
    answer = json.loads(said)
    assert (code, answer["evidence"], answer["benchmark"]) == (3, None, []), said
    assert "context per request 1,024 -> 512 tokens" in answer["differs"]
    assert server.prompt_tokens() == before


def test_its_metrics_are_held_against_the_plan_and_nothing_is_computed(server):
    before = server.prompt_tokens()
    code, said = advisor("check", server.plan, "--live", f"{server.url}/metrics", "--api-key-env", KEY, "--format", "json")
    answer = json.loads(said)
    assert code == 0, said
    assert [one["severity"] for one in answer["findings"] if one["severity"] != "note"] == [], said
    assert "running" in json.dumps(answer)
    assert server.prompt_tokens() == before
    code, said = advisor("check", server.plan, "--live", f"{server.url}/metrics", "--format", "json")
    assert (code, "asks for a key" in said) == (2, True) or "vllm:" in server.metrics(), said
