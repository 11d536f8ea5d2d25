"""The vLLM that `advisor engines install vllm --cpu` made; ADVISOR_VLLM_PYTHON names another."""

import os
import subprocess

import pytest

from advisor.catalog.engines import load_engines
from advisor.engines.find import find_vllm

PYTHON = os.environ.get("ADVISOR_VLLM_PYTHON")
pytestmark = [pytest.mark.live, pytest.mark.skipif(not PYTHON, reason="ADVISOR_VLLM_PYTHON is not set")]


def test_it_is_found_whole_and_its_program_starts():
    found = find_vllm(PYTHON)
    assert found.problem == ""
    assert found.version in {fact.version for fact in load_engines()["vllm"].versions.known}
    program = found.program()
    assert program is not None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert found.version in done.stdout
