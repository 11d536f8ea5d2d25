"""Each row of docs/exit-codes.md by a real process: what the shell sees is what the page says."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from advisor.catalog import load_catalog
from tests.unit.cli.small_plan import small_plan, small_workload

ROOT = Path(__file__).parents[3]
FAKE = ROOT / "tests" / "fakes" / "fake_engine.py"
PROBED = '{"version": "0.3.36", "site_folder": "/site", "system_info": "CPU : AVX2 = 1", "offloads": false}'
WORKLOAD = small_workload()
PLAN = small_plan()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path


def environment(folder, **more):
    """No engine anywhere: no variables, nothing on PATH, empty folders of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ADVISOR_")}
    empty = {"PATH": str(folder / "nothing"), "XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache")}
    return kept | empty | {"PYTHONPATH": str(ROOT)} | more


def command(*arguments):
    return [sys.executable, "-m", "advisor.cli", *map(str, arguments)]


def advisor(folder, *arguments, **more):
    """Exit status, stdout and stderr of a command in the folder."""
    done = subprocess.run(
        command(*arguments), cwd=folder, env=environment(folder, **more), capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def engine(folder, *behaviour):
    """An interpreter that has llama_cpp and then does this; and a model file that is there already, so that none is written."""
    from advisor.validation.synthetic import synthetic_path

    catalog = load_catalog()
    model = synthetic_path(catalog.model("Qwen/Qwen3-0.6B").architecture, catalog.quantization("Q4_K_M"))
    there = folder / "cache" / "llm-serving-advisor" / "models" / model.name
    there.parent.mkdir(parents=True)
    there.touch()
    path = folder / "python"
    run = " ".join([sys.executable, str(FAKE), *behaviour])
    path.write_text(f"#!/bin/sh\nif [ \"$1\" = -c ]; then echo '{PROBED}'; else exec {run}; fi\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return ["--synthetic", "--engine-python", str(path)]


def test_0_a_feasible_plan(folder):
    done = advisor(folder, "plan", "workload.yaml", "-o", "new.yaml", "--quiet")
    assert done.returncode == 0 and (folder / "new.yaml").exists()


def test_1_nothing_is_feasible(folder):
    (folder / "workload.yaml").write_text(WORKLOAD + "service_level: {tpot_p95_s: 0.000001}\n")
    assert advisor(folder, "plan", "workload.yaml", "--quiet").returncode == 1


def test_1_a_finding(folder):
    done = advisor(folder, "check", "plan.yaml", "--fail-on", "note")
    assert done.returncode == 1 and re.search(r"plan\.yaml:\d+:\d+: ", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["plan", "broken.yaml"], "broken.yaml:2:8: "),
        (["plan", "--no-such-flag"], "--no-such-flag"),
        (["ask"], "--answers FILE"),
        (["sweep", "plan.yaml"], "not built yet"),
    ],
)
def test_2_usage_and_data_errors(folder, arguments, says):
    (folder / "broken.yaml").write_text("schema: advisor.workload/1\nload: {user: 3}\n")
    done = advisor(folder, *arguments)
    assert done.returncode == 2 and says in done.stderr and done.stdout == ""


def test_3_no_engine(folder):
    done = advisor(folder, "validate", "plan.yaml", "--synthetic")
    assert done.returncode == 3 and "so nothing was proven" in done.stderr


def test_4_the_engine_refuses(folder):
    done = advisor(folder, "validate", "plan.yaml", "--in-process", *engine(folder, "refuse"))
    assert done.returncode == 4 and "unknown architecture" in done.stderr


def test_5_the_engine_hangs(folder):
    done = advisor(folder, "validate", "plan.yaml", "--in-process", "--time-limit", 1, *engine(folder, "hang"))
    assert done.returncode == 5 and "not finished after 1 s" in done.stderr


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_130_and_143_an_interrupted_run_leaves_nothing_behind(folder, sent, code):
    arguments = command("validate", "plan.yaml", "--in-process", *engine(folder, "hang"))
    process = subprocess.Popen(arguments, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started = children_with_the_engine(process.pid)
    process.send_signal(sent)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code and "Traceback" not in said and said.strip()
    assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not (folder / "evidence").exists()


def children_with_the_engine(pid):
    """Every process below, once the engine is among them."""
    for _ in range(600):
        children = psutil.Process(pid).children(recursive=True)
        if any(_is_the_engine(child) for child in children):
            return children
        time.sleep(0.05)
    raise AssertionError("the engine was never started")


def _is_the_engine(child):
    try:
        return child.cmdline()[1:2] == [str(FAKE)]
    except psutil.Error:
        return False


def test_141_when_the_reader_goes_away(folder):
    reader = subprocess.Popen(["/bin/sh", "-c", "exec <&-"], stdin=subprocess.PIPE)
    done = subprocess.run(
        command("catalog", "list", "offers"), cwd=folder, env=environment(folder), stdout=reader.stdin, stderr=subprocess.PIPE, check=False
    )
    reader.stdin.close()
    reader.wait()
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_page_names_exactly_the_codes_shown_here():
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| (\d+) \|", page, re.MULTILINE)) | set(re.findall(r"ends with (\d+)", page))
    shown = {code for name in globals() if name.startswith("test_") for code in re.findall(r"_(\d+)", name)}
    assert documented == shown == {"0", "1", "2", "3", "4", "5", "130", "143", "141"}
