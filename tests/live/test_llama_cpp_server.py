"""`python -m llama_cpp.server` by its planned command: what it takes is as predicted, and it works on one request at a time."""

import json
import os
import re
import selectors
import shlex
import socket
import time
from itertools import pairwise

import pytest

from advisor.catalog.engines import load_engines
from advisor.catalog.quantizations import load_quantizations
from advisor.cli import validating
from advisor.engines.find import find_llama_cpp
from advisor.engines.find_llama_cpp import import_server
from advisor.engines.process import Limits
from advisor.engines.server import running
from advisor.errors import EngineFailed
from advisor.files.plan import read_plan
from advisor.resources import folder
from advisor.synthesis.gguf import write_gguf
from advisor.validation.served.launch import program, served
from tests.unit.cli.small_plan import LLAMA_SERVER, small_plan, small_workload
from tests.unit.engines.left_over import assert_nothing_left
from tests.unit.synthesis.tiny_models import TINY

from .test_validate import advisor

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("ADVISOR_LLAMA_CPP_PYTHON"), reason="ADVISOR_LLAMA_CPP_PYTHON is not set"),
]
ENGINE = LLAMA_SERVER.replace("llama-server", "llama-cpp-server")
SETTINGS = {"n_ctx": 2048, "flash_attn": True, "n_batch": 512, "n_ubatch": 512, "n_threads": 1}
TOKENS = 64
TOTAL = re.compile(r"total time =\s+(?P<ms>[\d.]+) ms /\s+(?P<tokens>\d+) tokens")


@pytest.fixture(scope="module", autouse=True)
def with_its_server():
    try:
        import_server(find_llama_cpp())
    except EngineFailed as lacking:
        pytest.skip(f"llama_cpp without its server: {str(lacking).splitlines()[-1]}; `advisor engines install llama.cpp` completes it")


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    yield
    assert_nothing_left(scratch)


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "workload.yaml").write_text(small_workload(input_tokens=(40, 60, 100), output_tokens=(8, 16, 40)))
    path = tmp_path / "plan.yaml"
    path.write_text(small_plan(engine=ENGINE, quantization="BF16", settings=SETTINGS))
    return path


def starting(plan, model):
    """What the runner starts: the plan's server with this model, after it was compared with the rendered command word for word."""
    planned, record = read_plan(plan)[0].deployments[0], load_engines()["llama.cpp"]
    code, said = advisor("render", plan, "--target", "command", "--format", "json")
    assert code == 0, said
    text = json.loads(said)["files"][0]["text"]
    rendered = shlex.split(text[text.index("exec ") :].replace("\\\n", " "))[1:]
    server = served(planned, record.runtimes["llama-cpp-server"], import_server(find_llama_cpp()), str(model))
    made = program(server, name="llama-cpp-server", record=record)
    own = {"--model": str(model), "--port": "8123"}
    words = [own.get(before, word) for before, word in pairwise(["", *rendered])]
    assert list(made.command(8123))[1:] == words[1:], "the first word is the interpreter"
    return made


def answers_in_order(port, prompts):
    """Streams one answer a prompt, all asked for before the first is read: whose chunk came when, and all that was received.

    One loop reads all connections, and of those with news the one that began first: what a server wrote one after another is read so.
    """
    received, order, begun = [b"" for _ in prompts], [], []
    with selectors.DefaultSelector() as selector:
        for number, prompt in enumerate(prompts):
            connection = socket.create_connection(("127.0.0.1", port), timeout=120)
            connection.sendall(request(prompt))
            selector.register(connection, selectors.EVENT_READ, number)
        while selector.get_map():
            ready = [key for key, _ in selector.select(timeout=120)]
            assert ready, "no news for two minutes"
            for key in sorted(ready, key=lambda key: begun.index(key.data) if key.data in begun else len(begun)):
                news = key.fileobj.recv(1 << 20)
                if not news:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                before = received[key.data].count(b"data: {")
                received[key.data] += news
                chunks = received[key.data].count(b"data: {") - before
                order += [key.data] * chunks
                begun += [key.data] * (bool(chunks) and key.data not in begun)
    return order, received


def request(prompt):
    body = json.dumps({"prompt": prompt, "max_tokens": TOKENS, "min_tokens": TOKENS, "stream": True, "temperature": 0.0}).encode()
    head = "POST /v1/completions HTTP/1.1", "Host: server", "Connection: close", "Content-Type: application/json"
    return "\r\n".join((*head, f"Content-Length: {len(body)}", "", "")).encode() + body


def test_two_at_once_are_served_one_after_another(tmp_path, plan):
    model = tmp_path / "model.gguf"
    write_gguf(model, TINY["llama"], load_quantizations(folder("catalog"))["BF16"])
    with running(starting(plan, model), limits=Limits(time_s=120.0, silence_s=60.0)) as server:
        began_s = time.perf_counter()
        order, received = answers_in_order(server.port, ["a b c d", "w x y z"])
        together_s = time.perf_counter() - began_s
    for answer in received:
        assert b"HTTP/1.1 200" in answer and b"data: [DONE]" in answer and b'"finish_reason": "length"' in answer, answer[-500:]
    assert min(order.count(0), order.count(1)) > TOKENS // 4, "enough chunks to be mixed"
    switches = sum(before != after for before, after in pairwise(order))
    assert switches == 1, f"chunks of one between those of the other: {order}"
    busy = [match for line in server.log.lines() if (match := TOTAL.search(line))]
    assert [int(match["tokens"]) > TOKENS for match in busy] == [True, True], "the engine's own account of both"
    assert sum(float(match["ms"]) for match in busy) / 1e3 <= together_s, "two at work at the same time would take more than passed"


def test_what_it_takes_is_as_planned(tmp_path, plan, monkeypatch):
    def sparse(architecture, quantization, **_):
        write_gguf(tmp_path / "model.gguf", architecture, quantization, sparse=True, tokenizer=True)
        return tmp_path / "model.gguf"

    monkeypatch.setattr(validating, "make_synthetic", sparse)
    code, said = advisor("validate", plan, "--synthetic", "--time-limit", "200", "--format", "json", "--quiet")
    assert code in (0, 5), said  # 5: whoever runs this has a busy machine; memory is told all the same
    answer = json.loads(said)
    claims = {claim["name"]: claim for claim in answer["claims"]}
    for name in ("starts", "settings_as_planned", "context_per_request_tokens", "memory_bytes"):
        assert claims[name]["requirement"] == "proven", claims[name]
    for name in ("weights_bytes", "kv_cache_bytes", "compute_buffer_bytes", "output_buffer_bytes"):
        assert claims[name]["prediction"] == "right", claims[name]
    assert claims["kv_cache_bytes"]["measured"] == claims["kv_cache_bytes"]["predicted"]
    assert any("one request at a time" in text for text in answer["reduced"])
    assert [row["concurrency"] for row in answer["benchmark"]] == [1]
