"""What the shell sees when the reader goes away, the disk is full, the terminal wants no colours, or a signal comes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advisor.cli import main, output
from tests.unit.cli.command_line import advisor, names

ROOT = Path(__file__).parents[3]
COMMAND = f"{sys.executable} -m advisor.cli"
WORKLOAD = """\
schema: advisor.workload/1
models: any
load: {in_flight: 20}
request:
  input_tokens: {p50: 2000, p95: 4000, max: 8000}
  output_tokens: {p50: 50, p95: 100, max: 200}
service_level: {tpot_p95_s: 0.01, with_replicas_down: 1}
privacy: {stays_on: anywhere}
"""


def shell(line, cwd, **more):
    """A line of bash with PIPESTATUS available; stderr must hold no traceback."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "ADVISOR_DEBUG")}
    environment = kept | {"PYTHONPATH": str(ROOT)} | more
    done = subprocess.run(["bash", "-c", line], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    return done


def test_a_reader_that_goes_away(tmp_path):
    done = shell(f"{COMMAND} catalog list offers --format json | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert done.returncode == 141 and done.stderr == ""


def test_a_full_disk_behind_stdout(tmp_path):
    done = shell(f"{COMMAND} catalog list devices > /dev/full", tmp_path)
    assert done.returncode == 2 and done.stderr.splitlines() == ["cannot read or write: No space left on device"]


def test_no_stdout_at_all(tmp_path):
    assert shell(f"{COMMAND} catalog list >&- 2>&- <&-", tmp_path).returncode == 0


def test_a_terminal_of_few_characters(tmp_path):
    done = shell(f"{COMMAND} explain LAT002", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0


# Decides again and again, so that the signal comes in the middle of deciding however fast the machine is.
DECIDING = """\
import sys
from advisor.cli import main, planning
decide = planning.decide
def without_end(*given, **named):
    print("deciding", flush=True)
    while True:
        decide(*given, **named)
planning.decide = without_end
main()
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_a_plan(tmp_path, sent, code):
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    process = subprocess.Popen(
        [sys.executable, "-c", DECIDING, "plan", "w.yaml", "-o", "p.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "deciding\n"
    time.sleep(0.3)
    process.send_signal(sent)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, "")
    assert err == "interrupted; everything that was started has been stopped\n"
    assert names(tmp_path) == ["w.yaml"]


def test_no_colours_when_they_are_not_wanted(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert output.console().color_system is not None
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.console().color_system is None


def test_a_defect_is_one_sentence_that_asks_for_a_report(monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("by \x1b[31mred")

    monkeypatch.setattr("advisor.catalog.load_catalog", broken)
    monkeypatch.setattr(sys, "argv", ["advisor", "catalog", "list"])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2 and len(said.splitlines()) == 1
    assert "ZeroDivisionError at test_streams_and_signals.py" in said and "ADVISOR_DEBUG=1 shows the traceback" in said
    assert "\x1b" not in said and "Traceback" not in said


def test_the_traceback_of_a_defect_on_request(monkeypatch, capsys):
    monkeypatch.setattr("advisor.catalog.load_catalog", lambda: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["advisor", "catalog", "list"])
    monkeypatch.setenv("ADVISOR_DEBUG", "1")
    with pytest.raises(SystemExit):
        main()
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "home", [{"HOME": "/nonexistent"}, {"XDG_DATA_HOME": "/dev/null/x", "XDG_CACHE_HOME": "/proc/x"}, {"ADVISOR_TODAY": "banana"}]
)
def test_nonsense_in_the_environment_is_no_obstacle_to_a_computation(monkeypatch, home):
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    assert advisor("estimate", "Qwen/Qwen3-8B", "--engine", "vllm", "--quantization", "bf16", "--device", "h100-sxm", "--quiet").code == 0
