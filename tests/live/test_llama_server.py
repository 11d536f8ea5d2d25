"""The runner of servers with the real llama-server: killed, starved of memory, its port taken, its model gone."""

import json
import os
import re
import signal
import stat
import urllib.error
import urllib.request

import psutil
import pytest

from advisor.catalog.engines import load_engines
from advisor.catalog.quantizations import load_quantizations
from advisor.domain.plan import PlannedDeployment, PlannedEngine, PlannedHardware, PlannedModel, Setting
from advisor.engines import server as runner
from advisor.engines.find import FoundServer, find_llama_server
from advisor.engines.ports import free_port, is_taken
from advisor.engines.process import Limits
from advisor.engines.server import running
from advisor.errors import EngineFailed, UserInputError
from advisor.resources import folder
from advisor.synthesis.gguf import write_gguf
from advisor.validation.served.launch import program, served
from tests.unit.engines.left_over import assert_nothing_left
from tests.unit.synthesis.tiny_models import TINY

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("ADVISOR_LLAMA_CPP_PYTHON"), reason="ADVISOR_LLAMA_CPP_PYTHON is not set"),
]
LIMITS = Limits(time_s=120.0, silence_s=60.0)
SETTINGS = {"ctx-size": Setting(1024), "parallel": Setting(2), "kv-unified": Setting(True), "threads": Setting(1), "cache-ram": Setting(0)}


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    yield
    assert_nothing_left(scratch)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, TINY["llama"], load_quantizations(folder("catalog"))["Q8_0"])
    return path


def planned(settings=SETTINGS):
    engine = PlannedEngine("llama.cpp", "llama-server", "b11549")
    return PlannedDeployment("tiny", PlannedModel("tiny", "Q8_0"), engine, PlannedHardware("cpu"), dict(settings))


def serving(model, found=None, *, port=None, settings=SETTINGS):
    record = load_engines()["llama.cpp"]
    server = served(planned(settings), record.runtimes["llama-server"], found or find_llama_server(), str(model))
    return server, program(server, name="llama-server", port=port, record=record)


def complete(server, served_as, tokens):
    body = json.dumps({"prompt": [65, 66, 67], "max_tokens": tokens, "ignore_eos": True}).encode()
    headers = {**served_as.headers, "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{server.base_url}/v1/completions", body, headers), timeout=60) as answer:
        return json.load(answer)


def test_it_serves_with_the_made_up_key_only(model):
    served_as, made = serving(model)
    with running(made, limits=LIMITS) as server:
        assert complete(server, served_as, 4)["usage"]["completion_tokens"] == 4
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{server.base_url}/v1/models", timeout=60)
    assert any("KV buffer size" in line for line in server.log.lines())
    assert not any(served_as.key in line for line in server.log.lines())


def test_killed_in_the_middle(model):
    served_as, made = serving(model)
    with pytest.raises(EngineFailed, match=r"was killed \(signal 9\)") as raised, running(made, limits=LIMITS) as server:
        (engine,) = psutil.Process(server.pid).children(recursive=True)
        engine.send_signal(signal.SIGKILL)
        complete(server, served_as, 500)
    assert raised.value.exit_code == 4


def test_a_model_cut_short_in_the_middle(model):
    served_as, made = serving(model)
    with pytest.raises(EngineFailed, match=r"SIGBUS \(signal 7\)"), running(made, limits=LIMITS) as server:
        os.truncate(model, 0)
        complete(server, served_as, 100)


def test_a_memory_limit_is_the_engines_refusal(tmp_path, model):
    """An address space too small for the cache: the engine's own words say what it could not have."""
    found = find_llama_server()
    wrapper = tmp_path / "llama-server"
    wrapper.write_text(f'#!/bin/sh\nulimit -v 1500000\nexec {found.binary} "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    _, made = serving(model, FoundServer(wrapper, "test", found.environment), settings={**SETTINGS, "ctx-size": Setting(4_000_000)})
    with pytest.raises(EngineFailed) as raised, running(made, limits=LIMITS):
        pytest.fail("it has more memory than it was given")
    assert raised.value.exit_code == 4
    assert re.search(r"alloc|memory", str(raised.value)), str(raised.value)


def test_a_lost_port_is_replaced_and_a_chosen_one_is_not(model, monkeypatch):
    _, first = serving(model)
    with running(first, limits=LIMITS) as holder:
        ports = iter([holder.port, free_port()])
        monkeypatch.setattr(runner, "free_port", lambda: next(ports))
        served_as, second = serving(model)
        with running(second, limits=LIMITS) as server:
            assert server.port != holder.port
            assert complete(server, served_as, 2)["choices"]
        _, third = serving(model, port=holder.port)
        with pytest.raises(UserInputError, match="taken"), running(third, limits=LIMITS):
            pytest.fail("it is somebody else's")
    assert not is_taken(holder.port)
