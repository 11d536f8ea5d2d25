"""The wheel in an environment of its own, used from another directory: nothing of the clone is needed, nothing else is importable."""

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PYTHON = os.environ.get("ADVISOR_LLAMA_CPP_PYTHON")
pytestmark = [pytest.mark.live]

WORKLOAD = """\
schema: advisor.workload/1
name: notes
task: chat
models: [Qwen/Qwen3-0.6B]
load: {in_flight: 1}
request:
  input_tokens: {p50: 64, p95: 128, max: 256}
  output_tokens: {p50: 16, p95: 32, max: 64}
privacy: {stays_on: this_device}
hardware: {this_machine: true}
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An environment that holds the wheel alone, built through the sdist as a packager would."""
    place = tmp_path_factory.mktemp("wheel")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    hatchling = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(place), str(ROOT)]
    subprocess.run([sys.executable, *hatchling], check=True, env=clean, timeout=300)
    venv.create(place / "env", with_pip=True)
    python = place / "env" / "bin" / "python"
    (wheel,) = place.glob("*.whl")
    install = ["-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints" / "core.txt"), str(wheel)]
    subprocess.run([python, *install], check=True, env=clean, timeout=300)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "workload.yaml").write_text(WORKLOAD)
    return python, elsewhere


def advisor(bare, *arguments, codes=(0,)):
    python, elsewhere = bare
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(python.parent / "advisor"), *arguments]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout


def test_nothing_but_advisor_is_importable_from_it(bare):
    python, _ = bare
    (site,) = (python.parent.parent / "lib").glob("python*/site-packages")
    (metadata,) = site.glob("llm_serving_advisor-*.dist-info")
    files = Distribution.at(metadata).files or []
    assert {file.parts[0] for file in files if file.parts[0] != ".."} == {"advisor", metadata.name}


def test_estimate_plan_and_check_work(bare):
    estimate = json.loads(
        advisor(
            bare,
            "estimate",
            "Qwen/Qwen3-8B",
            "--engine",
            "llama.cpp",
            "--quantization",
            "Q4_K_M",
            "--device",
            "rtx-4090",
            "--format",
            "json",
        )
    )
    assert estimate["schema"] == "advisor.estimate/1"
    advisor(bare, "plan", "workload.yaml", "-o", "plan.yaml", "--insist", "engine=llama.cpp")
    findings = json.loads(advisor(bare, "check", "plan.yaml", "--format", "json"))
    assert findings["schema"] == "advisor.findings/1"


@pytest.mark.skipif(not PYTHON, reason="no llama.cpp engine here: advisor engines install llama.cpp")
def test_validate_works(bare):
    advisor(bare, "plan", "workload.yaml", "-o", "proof.yaml", "--insist", "engine=llama.cpp")
    report = json.loads(
        advisor(
            bare,
            "validate",
            "proof.yaml",
            "--synthetic",
            "--yes",
            "--concurrency",
            "1",
            "--time-limit",
            "60",
            "--format",
            "json",
            codes=(0, 3, 5),
        )
    )
    assert report["schema"] == "advisor.validate/1"
    assert list((bare[1] / "evidence").glob("notes-*.json"))
