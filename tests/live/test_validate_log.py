"""The log of a real llama-server against its plan: as planned, with another setting, and refused."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from advisor.catalog import load_catalog
from advisor.engines.find import find_llama_server
from advisor.files.plan import read_plan
from advisor.synthesis.gguf import write_gguf

from .test_validate import SMALL, advisor, plan

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("ADVISOR_LLAMA_CPP_PYTHON"), reason="ADVISOR_LLAMA_CPP_PYTHON is not set"),
]


def log_of_a_start(folder, plan_path, *, model=None, changes=None):
    """What llama-server prints from its start until it listens or ends, run with the plan's own flags on this machine."""
    catalog, program = load_catalog(), find_llama_server()
    deployment = read_plan(plan_path)[0].deployments[0]
    path = model or folder / "model.gguf"
    if not path.exists():
        write_gguf(path, catalog.model(SMALL).architecture, catalog.quantization("Q4_K_M"), sparse=True)
    values = {flag: setting.value for flag, setting in deployment.settings.items()} | (changes or {})
    flags = [word for flag, value in values.items() for word in ([f"--{flag}"] if value is True else [f"--{flag}", str(value)])]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(program.binary), "--model", str(path), "--host", "127.0.0.1", "--port", str(port), "--fit", "off", "-lv", "4", *flags]
    log = folder / "server.log"
    environment = os.environ | dict(program.environment)
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and server.poll() is None and b"all slots are idle" not in log.read_bytes():
            time.sleep(0.1)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
    return log


def test_the_log_of_a_real_start_is_as_planned(tmp_path):
    path = plan(tmp_path, SMALL)
    log = log_of_a_start(tmp_path, path)
    code, said = advisor("validate", path, "--log", log, "--record")
    assert code in (0, 3), said  # 3: what the plan requires of speeds is in no log
    for row in ("starts", "context_per_request_tokens", "kv_capacity_tokens"):
        assert re.search(rf"^{row} .* proven  +right$", said, re.MULTILINE), said
    for row in ("weights_gib", "kv_cache_gib", "compute_buffer_gib", "repacked_weights_gib"):
        assert not re.search(rf"^{row} .* outside$", said, re.MULTILINE), said
    assert "b11549" in said
    assert "recorded 1 row" in said
    assert str(tmp_path) not in next((tmp_path / "evidence").iterdir()).read_text()


def test_another_setting_than_planned_is_named(tmp_path):
    path = plan(tmp_path, SMALL)
    log = log_of_a_start(tmp_path, path, changes={"ctx-size": 256})
    code, said = advisor("validate", path, "--log", log)
    assert code == 1
    assert re.search(r"context per request \d+ -> 256 tokens", said), said


def test_a_refused_start_is_refuted_with_the_engines_words(tmp_path):
    path = plan(tmp_path, SMALL)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(200))
    code, said = advisor("validate", path, "--log", log_of_a_start(tmp_path, path, model=broken))
    assert (code, "llama-server refused: " in said) == (1, True), said
    assert str(tmp_path) not in said.split("wrote ")[0]
