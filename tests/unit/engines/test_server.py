"""The runner of servers survives every fault of an engine, says what happened once, and leaves no process, port or file."""

import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.domain.engine_record import Readiness
from advisor.engines import server as server_module
from advisor.engines.ports import free_port, is_taken
from advisor.engines.process import Limits
from advisor.engines.server import Program, running
from advisor.errors import AdvisorError, EngineFailed, Interrupted, NotProven, TimedOut, UserInputError
from tests.unit.loopback import listening

from .left_over import assert_nothing_left, running_in

FAKE = Path(__file__).parents[2] / "fakes" / "fake_server.py"
QUICK = Limits(time_s=20.0, silence_s=10.0, output_bytes=1_000_000, grace_s=0.4)
SILENCE = Limits(time_s=9999.0, silence_s=60.0, grace_s=0.4)


def program(fault, *rest, port=None, environment=None):
    def command(chosen):
        return [sys.executable, str(FAKE), fault, str(chosen), *rest]

    return Program("fake server", command, Readiness("/health", 200, 503), environment or {}, port)


def started(fault, *rest, limits=QUICK, progress=None, **keywords):
    return running(program(fault, *rest, **keywords), limits=limits, progress=progress)


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    ports = []
    monkeypatch.setattr(server_module, "free_port", lambda: ports.append(free_port()) or ports[-1])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield
    assert_nothing_left(tmp_path)
    assert not any(is_taken(port) for port in ports), "a port is left"


def test_a_server_serves_inside_the_block_and_is_gone_after_it():
    heard = []
    with started("good", progress=heard.append) as server:
        assert get(f"{server.base_url}/")["cwd"]
        server.check()
        memory = server.memory()
        assert memory.processes == 1
        assert memory.resident_bytes == memory.anonymous_bytes + memory.file_bytes > 1_000_000
        assert 0 < memory.proportional_bytes <= memory.resident_bytes
        assert 0 < server.ready_s < QUICK.time_s
    assert heard[:2] == ["load_tensors: CPU model buffer size = 12.00 MiB", "listening"]
    assert server.log.lines() == heard
    assert server.peak_bytes > 0


def test_secrets_are_passed_only_where_given(monkeypatch):
    monkeypatch.setenv("LLAMA_API_KEY", "/of the user")
    with started("good", environment={"LLAMA_API_KEY": "made up"}) as server:
        seen = get(f"{server.base_url}/")
    assert seen["environment"]["LLAMA_API_KEY"] == "made up"
    assert seen["cwd"] == seen["environment"]["TMPDIR"]


AT_START = [
    pytest.param(["refuse"], QUICK, EngineFailed, 4, r"refused after .* \(exit code 1\).*invalid argument: --kv", id="wrong version"),
    pytest.param(["crash", "SIGSEGV"], QUICK, EngineFailed, 4, r"crashed after .* SIGSEGV \(signal 11\).*GGML_ASSERT", id="crash on load"),
    pytest.param(["crash", "SIGKILL"], QUICK, EngineFailed, 4, r"was killed \(signal 9\).*memory", id="killed for memory"),
    pytest.param(["full"], QUICK, EngineFailed, 4, r"No space left on device", id="disk full"),
    pytest.param(["ends_well"], QUICK, EngineFailed, 4, r"ended by itself .* \(exit code 0\).*nothing to do", id="ends well"),
    pytest.param(["garbage"], QUICK, EngineFailed, 4, r"something that is not HTTP, so it is no server", id="garbage"),
    pytest.param(["flood"], QUICK, EngineFailed, 4, r"more output", id="endless output"),
]


@pytest.mark.parametrize(("arguments", "limits", "kind", "code", "says"), AT_START)
def test_each_fault_at_the_start_has_its_class_and_its_words(arguments, limits, kind, code, says):
    with pytest.raises(AdvisorError) as raised, started(arguments[0], *arguments[1:], limits=limits):
        pytest.fail("it is not ready")
    assert type(raised.value) is kind
    assert raised.value.exit_code == code
    assert re.search(says, str(raised.value), re.DOTALL), str(raised.value)
    assert len(str(raised.value)) < 3000


NEVER = [
    pytest.param("hang", SILENCE, "load_tensors: loading", r"silent for .* not ready.*load_tensors", id="hangs without output"),
    pytest.param("never_ready", QUICK, "request", r"not ready after 20 s; it answers 503 on /health", id="never ready"),
    pytest.param("half_open", QUICK, "accepted", r"accepts connections and does not answer on /health", id="half-open"),
]


@pytest.mark.parametrize(("fault", "limits", "after", "says"), NEVER)
def test_what_never_becomes_ready_is_stopped(monkeypatch, fault, limits, after, says):
    """The clock leaps as soon as the fault is there."""
    leapt = []
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + (1000 if leapt else 0), sleep=time.sleep)
    monkeypatch.setattr(server_module, "time", clock)

    def leap(line):
        if line.startswith(after):
            leapt.append(line)

    with pytest.raises(TimedOut) as raised, started(fault, limits=limits, progress=leap):
        pytest.fail("it is not ready")
    assert raised.value.exit_code == 5
    assert re.search(says, str(raised.value), re.DOTALL), str(raised.value)


LATER = [
    pytest.param("good", "SIGSEGV", "/die", r"crashed after .*SIGSEGV.*illegal memory access", id="crash"),
    pytest.param("good", "SIGKILL", "/die", r"was killed \(signal 9\)", id="killed for memory"),
    pytest.param("good", "exit", "/die", r"exit code 1\).*illegal memory access", id="exit"),
    pytest.param("good", "full", "/die", r"No space left on device", id="disk full"),
    pytest.param("good", "", "/vanish", r"SIGBUS.*no such file", id="model removed"),
    pytest.param("floods_later", "", "/", r"more output", id="endless output"),
]


@pytest.mark.parametrize(("fault", "how", "path", "says"), LATER)
def test_a_death_meanwhile_is_told_instead_of_the_clients_error(fault, how, path, says):
    with pytest.raises(EngineFailed) as raised, started(fault, how) as server:
        get(server.base_url + path)
    assert re.search(says, str(raised.value), re.DOTALL), str(raised.value)


def test_an_error_of_the_client_alone_stays_the_clients():
    with pytest.raises(UserInputError, match="too long"), started("good"):
        raise UserInputError("too long")


def test_an_absent_engine_is_not_proven():
    absent = Program("llama-server", lambda port: ["/nowhere/llama-server", str(port)], Readiness("/health"))
    with pytest.raises(NotProven, match="No such file"), running(absent, limits=QUICK):
        pytest.fail("it is not there")


@contextmanager
def somebody_else(port=0):
    """Another program that answers 200 to everything."""

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with listening(Other, port) as other:
        yield other.server_address[1]


def test_a_chosen_port_that_is_taken_is_said():
    with somebody_else() as port, pytest.raises(UserInputError, match=rf"port {port} .*taken"), started("good", port=port):
        pytest.fail("it is somebody else's")


def test_a_chosen_port_is_used():
    port = free_port()
    with started("good", port=port) as server:
        assert server.base_url == f"http://127.0.0.1:{port}"


def test_a_port_lost_to_another_program_is_replaced(monkeypatch):
    with somebody_else() as lost:
        ports = iter([lost, lost, free_port()])
        monkeypatch.setattr(server_module, "free_port", lambda: next(ports))
        with started("takes_the_port") as server:
            assert server.port != lost
            assert get(f"{server.base_url}/")["pid"]


def test_ports_lost_again_and_again_are_an_error(monkeypatch):
    with somebody_else() as lost:
        monkeypatch.setattr(server_module, "free_port", lambda: lost)
        with pytest.raises(UserInputError, match="3 free ports in a row"), started("takes_the_port"):
            pytest.fail("it is somebody else's")


def test_two_at_once_have_their_own_ports_and_scratch():
    with started("good") as first, started("good") as second:
        seen = [get(f"{server.base_url}/") for server in (first, second)]
    assert first.port != second.port
    assert seen[0]["cwd"] != seen[1]["cwd"]


@pytest.mark.parametrize("fault", ["ignores_sigterm", "grandchildren", "litters"])
def test_nothing_outlives_the_block(fault):
    with started(fault) as server:
        assert get(f"{server.base_url}/")["pid"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["loading", "serving", "waiting"])
def test_a_signal_at_any_stage_stops_everything(number, stage):
    """Loading: it hangs before it is ready. Serving: the client works. Waiting: the client waits for an answer that never comes."""

    def send(line):
        if line in ("load_tensors: loading", "listening" if stage == "serving" else ""):
            os.kill(os.getpid(), number)

    before = signal.signal(number, lambda *_: None)
    try:
        with pytest.raises(Interrupted) as raised, started("hang" if stage == "loading" else "good", progress=send) as server:
            if stage == "waiting":
                with socket.create_connection(("127.0.0.1", server.port)) as connection:
                    os.kill(os.getpid(), number)
                    connection.recv(1)
            time.sleep(20)
    finally:
        signal.signal(number, before)
    assert raised.value.exit_code == 128 + number


def test_a_second_signal_does_not_stop_the_cleaning_up():
    before = signal.signal(signal.SIGINT, lambda *_: None)
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        with pytest.raises(Interrupted), started("ignores_sigterm"):
            timer.start()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(20)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_a_killed_advisor_leaves_no_server(tmp_path):
    text = f"""
        from advisor.domain.engine_record import Readiness
        from advisor.engines.process import Limits
        from advisor.engines.server import Program, running
        import sys, time
        command = lambda port: [sys.executable, {str(FAKE)!r}, "grandchildren", str(port)]
        with running(Program("x", command, Readiness("/health")), limits=Limits()) as server:
            print(server.port, flush=True)
            time.sleep(60)
    """
    advisor = subprocess.Popen([sys.executable, "-c", textwrap.dedent(text)], stdout=subprocess.PIPE, text=True)
    port = int(advisor.stdout.readline())
    assert running_in(tmp_path)
    advisor.kill()
    advisor.wait()
    advisor.stdout.close()
    deadline = time.monotonic() + 8
    while (running_in(tmp_path) or list(tmp_path.iterdir()) or is_taken(port)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_taken(port)


def test_the_log_keeps_its_first_and_its_last_lines():
    log = server_module.KeptLog(first=3, last=2)
    log.feed(b"".join(b"line %d\n" % number for number in range(10)) + b"unfinished")
    assert log.lines() == ["line 0", "line 1", "line 2", "line 8", "line 9"]
    assert log.last_words() == ("line 8", "line 9")
    log.close()
    assert log.lines()[-1] == "unfinished"
    assert log.left_out == 6
