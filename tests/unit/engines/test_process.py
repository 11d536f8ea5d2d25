"""The runner survives every fault of an engine, says what happened once, and leaves no process and no file."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from advisor.engines.process import Limits, run
from advisor.engines.surroundings import engine_environment
from advisor.errors import AdvisorError, EngineFailed, Interrupted, NotProven, TimedOut

from .left_over import assert_nothing_left, running_in

FAKE = Path(__file__).parents[2] / "fakes" / "fake_engine.py"
QUICK = Limits(time_s=20.0, silence_s=10.0, output_bytes=4_000_000, grace_s=0.4)


def fake(*arguments, limits=QUICK, **keywords):
    return run([sys.executable, str(FAKE), *arguments], name="fake engine", limits=limits, **keywords)


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield
    assert_nothing_left(tmp_path)


def test_a_good_run_gives_its_last_line_and_progress():
    heard = []
    done = fake("answer", request=json.dumps({"report": {"a": 1}}), progress=heard.append)
    assert json.loads(done.last_line) == {"a": 1}
    assert heard == ["loading"]


def test_a_request_larger_than_a_pipe_arrives_whole():
    request = {"text": "y" * 1_000_000}
    assert json.loads(fake("answer", request=json.dumps(request)).last_line)["echo"] == request


FAULTS = [
    pytest.param(["refuse"], QUICK, EngineFailed, 4, r"refused after .* \(exit code 1\).*unknown architecture", id="refuses"),
    pytest.param(["crash", "SIGSEGV"], QUICK, EngineFailed, 4, r"crashed after .* SIGSEGV \(signal 11\).*GGML_ASSERT", id="crashes"),
    pytest.param(["crash", "SIGABRT"], QUICK, EngineFailed, 4, r"SIGABRT \(signal 6\)", id="aborts"),
    pytest.param(["crash", "SIGKILL"], QUICK, EngineFailed, 4, r"was killed \(signal 9\).*memory", id="killed for memory"),
    pytest.param(["litter", "SIGSEGV"], QUICK, EngineFailed, 4, r"SIGSEGV", id="crashes and litters"),
    pytest.param(["hang"], Limits(time_s=20, silence_s=1.5, grace_s=0.4), TimedOut, 5, r"silent for 1\.5 s.*load_tensors", id="hangs"),
    pytest.param(["ignore_sigterm"], Limits(time_s=20, silence_s=1.5, grace_s=0.4), TimedOut, 5, r"silent", id="ignores SIGTERM"),
    pytest.param(["chatter"], Limits(time_s=0.6, silence_s=10, grace_s=0.4), TimedOut, 5, r"not finished after 0\.6 s", id="never ends"),
    pytest.param(["grandchildren", "hang"], Limits(time_s=20, silence_s=0.8, grace_s=0.4), TimedOut, 5, r"silent", id="has grandchildren"),
    pytest.param(["flood", "lines", "stderr"], QUICK, EngineFailed, 4, r"more output", id="floods stderr"),
    pytest.param(["flood", "one", "stderr"], QUICK, EngineFailed, 4, r"more output", id="floods stderr without a line end"),
    pytest.param(["flood", "one", "stdout"], QUICK, EngineFailed, 4, r"more output", id="floods stdout"),
]


@pytest.mark.parametrize(("arguments", "limits", "kind", "code", "says"), FAULTS)
def test_each_fault_has_its_class_and_its_words(arguments, limits, kind, code, says):
    with pytest.raises(AdvisorError) as raised:
        fake(*arguments, limits=limits)
    assert type(raised.value) is kind
    assert raised.value.exit_code == code
    assert re.search(says, str(raised.value), re.DOTALL), str(raised.value)
    assert len(str(raised.value)) < 3000


def test_grandchildren_do_not_outlive_a_good_run():
    assert fake("grandchildren", "answer").last_line == "{}"


def test_absent_command_is_not_proven():
    with pytest.raises(NotProven, match="No such file"):
        run(["/nowhere/python"], name="engine", limits=QUICK)


def test_other_pythons_and_secrets_are_not_passed_on(monkeypatch):
    for name in ("PYTHONPATH", "PYTHONHOME", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "/secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    seen = json.loads(run([sys.executable, "-I", str(FAKE), "seen"], name="fake", limits=QUICK, environment={"EXTRA": "yes"}).last_line)
    assert "/secret" not in seen["environment"].values()
    assert seen["environment"]["CUDA_VISIBLE_DEVICES"] == "1"
    assert seen["environment"]["EXTRA"] == "yes"
    assert seen["cwd"] == seen["environment"]["TMPDIR"] != str(Path.cwd())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.02, 0.6])
def test_a_signal_at_any_moment_stops_everything(number, after_s):
    timer = threading.Timer(after_s, lambda: os.kill(os.getpid(), number))
    before = signal.signal(number, lambda *_: None)  # a signal before `run` handles it must not end the tests
    try:
        timer.start()
        with pytest.raises(Interrupted) as raised:
            fake("grandchildren", "hang", limits=Limits(time_s=3, grace_s=0.4))
    finally:
        timer.join()
        signal.signal(number, before)
    assert raised.value.exit_code == 128 + number


def test_a_killed_advisor_leaves_no_engine(tmp_path):
    program = f"""
        from advisor.engines.process import Limits, run
        import sys
        print("go", flush=True)
        command = [sys.executable, {str(FAKE)!r}, "grandchildren", "hang"]
        run(command, name="x", limits=Limits(), progress=lambda line: print(line, flush=True))
    """
    advisor = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    while advisor.stdout.readline().strip() != "load_tensors: loading":
        pass
    assert running_in(tmp_path)
    advisor.kill()
    advisor.wait()
    advisor.stdout.close()
    deadline = time.monotonic() + 8
    while (running_in(tmp_path) or list(tmp_path.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_variable_that_must_not_be_set_is_taken_away():
    found = engine_environment({"MUST_NOT": "", "MUST": "0"}, base={"MUST_NOT": "4", "EMPTY": "", "PYTHONPATH": "/x"})
    assert {"MUST_NOT", "PYTHONPATH"}.isdisjoint(found)
    assert (found["MUST"], found["EMPTY"]) == ("0", "")
