"""`advisor ask` at a terminal (a pseudo-terminal), without one, and from a file."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advisor.cli.app import app
from advisor.errors import DataError, UserInputError
from advisor.files.workload import read_workload

ROOT = Path(__file__).parents[3]
ANSWERS = "place: premises\ndata: patient\nhardware: 4 h100-sxm\ntask: summarisation\nmodels: Qwen/Qwen3-32B\nload: 240\n"
PROMPT = b"> "
CTRL_C = "Ctrl-C"


def run(*arguments):
    return CliRunner().invoke(app, ["ask", *map(str, arguments)])


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "letters.answers.yaml"
    path.write_text(ANSWERS)
    return path


def test_without_a_terminal_and_without_answers_nobody_waits(tmp_path):
    result = run("-o", tmp_path / "workload.yaml")
    assert isinstance(result.exception, UserInputError) and result.exception.exit_code == 2
    assert "--answers FILE" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_answers_make_a_workload(tmp_path, answers):
    output = tmp_path / "letters" / "workload.yaml"
    result = run("--answers", answers, "-o", output)
    workload, _ = read_workload(output)
    assert result.exit_code == 0 and workload.name == "letters" and workload.load.users.active == 240
    assert f"{len(workload.assumed)} assumptions, listed at its end" in result.stdout
    assert result.stdout.splitlines()[-1] == f"next: advisor plan {output} -o {output.with_name('plan.yaml')}"


def test_json_says_what_was_written_and_quiet_says_nothing(tmp_path, answers):
    output = tmp_path / "letters.yaml"
    document = json.loads(run("--answers", answers, "-o", output, "--format", "json").stdout)
    assert (document["schema"], document["workload"]) == ("advisor.ask/1", str(output))
    assert "load.users.pause_s" in document["assumed"]
    assert run("--answers", answers, "-o", output, "--quiet").stdout == ""


def test_the_same_answers_make_the_same_bytes(tmp_path, answers):
    outputs = [tmp_path / folder / "workload.yaml" for folder in "ab"]
    for output in outputs:
        run("--answers", answers, "-o", output, "--name", "letters")
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_an_edited_workload_is_never_overwritten(tmp_path, answers):
    output = tmp_path / "workload.yaml"
    run("--answers", answers, "-o", output)
    output.write_text(output.read_text().replace("active: 240", "active: 300   # counted on Tuesday\n   "))
    edited = output.read_text()
    result = run("--answers", answers, "-o", output)
    assert output.read_text() == edited
    assert "counted on Tuesday" in result.stdout and (tmp_path / "workload.yaml.new").exists()
    run("--answers", answers, "-o", output, "--force")
    assert "Tuesday" not in output.read_text()


def test_faults_of_the_answers_have_a_place(tmp_path, answers):
    answers.write_text(ANSWERS.replace("4 h100-sxm", "4 h100"))
    result = run("--answers", answers, "-o", tmp_path / "workload.yaml")
    assert isinstance(result.exception, DataError)
    assert str(result.exception).startswith(f"{answers}:3:11: hardware: ") and not (tmp_path / "workload.yaml").exists()


# ---- at a terminal


class Person:
    """Somebody who types a line at each prompt."""

    def __init__(self, folder, *arguments):
        self.screen, far = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "advisor.cli", "ask", *arguments]
        self.process = subprocess.Popen(command, stdin=far, stdout=far, stderr=far, cwd=folder, env=environment, start_new_session=True)
        os.close(far)
        self.seen = b""

    def read(self, until=None):
        while not (until and self.seen.endswith(until)):
            try:
                chunk = os.read(self.screen, 65536) if select.select([self.screen], [], [], 60)[0] else b""
            except OSError:
                chunk = b""
            if not chunk:
                return
            self.seen += chunk

    def press_ctrl_c(self):
        """As a person does: once more when nothing happens. A signal between the prompt and the wait for input is seen only then."""
        for _ in range(10):
            self.process.send_signal(signal.SIGINT)
            if select.select([self.screen], [], [], 3)[0]:
                return

    def type(self, *lines):
        for line in lines:
            self.read(PROMPT)
            self.seen += b"\n"
            if line == CTRL_C:
                self.press_ctrl_c()
            else:
                os.write(self.screen, line.encode() + b"\n")
        self.read()
        os.close(self.screen)
        return self.process.wait(60), self.seen.decode()


def test_ctrl_c_keeps_the_answers_and_they_go_on(tmp_path):
    status, screen = Person(tmp_path).type("premises", "patient", CTRL_C)
    assert status == 130 and "go on with: advisor ask --answers workload.answers.yaml" in screen, screen
    assert not (tmp_path / "workload.yaml").exists()
    lines = ["4 h100-sxm", "summ", "Qwen/Qwen3-32B", "slight", "240", "u", "", "", "", "", "no", "none", "", "", "0"]
    status, screen = Person(tmp_path, "--answers", "workload.answers.yaml").type(*lines)
    workload, _ = read_workload(tmp_path / "workload.yaml")
    assert status == 0 and (workload.privacy.data, workload.load.users.active) == ("patient", 240), screen
    assert "next: advisor plan workload.yaml" in screen
