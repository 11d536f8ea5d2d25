"""What is started for a proof is what is rendered for the deployment: word for word, apart from program, model, host and port."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advisor.catalog.engines import load_engines
from advisor.cli.app import app
from advisor.domain.plan import PlannedDeployment, PlannedEngine, PlannedHardware, PlannedModel, Setting
from advisor.engines.find import FoundServer
from advisor.errors import UserInputError
from advisor.files.plan import read_plan
from advisor.validation.served.launch import launch_command, program, served

ENGINES = load_engines()
HERE = FoundServer(Path("/here/program"), "PATH", {"LD_LIBRARY_PATH": "/here/lib"})
WORKLOAD = """\
schema: advisor.workload/1
name: notes
task: chat
models: [Qwen/Qwen3-8B]
load: {in_flight: 2}
request:
  input_tokens: {p50: 64, p95: 128, max: 400}
  output_tokens: {p50: 24, p95: 48, max: 100}
privacy: {stays_on: premises}
hardware: {owned: [{device: h100-sxm, count: 1, per_node: 1}]}
"""


def rendered(folder, engine):
    """The planned deployment, and the words and variables of its rendered command."""
    (folder / "workload.yaml").write_text(WORKLOAD)
    path = folder / "plan.yaml"
    planning = ["plan", str(folder / "workload.yaml"), "-o", str(path), "--insist", f"engine={engine}"]
    CliRunner().invoke(app, planning, catch_exceptions=False)
    made = CliRunner().invoke(app, ["render", str(path), "--target", "command", "--format", "json"], catch_exceptions=False)
    text = json.loads(made.stdout)["files"][0]["text"]
    words = shlex.split(text[text.index("exec ") :].replace("\\\n", " "))[1:]
    exported = dict(re.findall(r"^export (\w+)=(\S+)$", text, re.MULTILINE))
    return read_plan(path)[0].deployments[0], words, exported


def replaced(words, *, model, joined):
    """The words with their host, port and model taken out."""
    texts = " ".join(words).replace(model, "MODEL")
    separator = "=" if joined else " "
    return re.sub(rf"--(host|port){separator}\S+", r"--\1 X", texts).split()


@pytest.mark.parametrize(("engine", "joined"), [("llama.cpp", False), ("vllm", True)])
def test_the_started_command_is_the_rendered_one(tmp_path, engine, joined):
    planned, words, exported = rendered(tmp_path, engine)
    runtime = ENGINES[engine].runtimes[planned.engine.runtime]
    server = served(planned, runtime, HERE, "/here/model")
    started, environment = launch_command(server, 12345)
    assert words[: len(runtime.launch.command)] == list(runtime.launch.command)
    assert started[0] == "/here/program"
    assert ("--port=12345" if joined else "12345") in started
    assert replaced(started, model="/here/model", joined=joined)[1:] == replaced(words, model=words[2], joined=joined)[1:]
    assert exported.items() <= environment.items()
    assert environment["LD_LIBRARY_PATH"] == "/here/lib"


def test_the_key_is_made_up_and_stands_on_no_command_line(tmp_path):
    planned, *_ = rendered(tmp_path, "llama.cpp")
    runtime = ENGINES["llama.cpp"].runtimes["llama-server"]
    first, second = (served(planned, runtime, HERE, "/m") for _ in range(2))
    assert first.key != second.key
    assert first.headers == {"Authorization": f"Bearer {first.key}"}
    words, environment = launch_command(first, 1)
    assert environment[runtime.container.api_key_env] == first.key
    assert not any(first.key in word for word in words)


def planned_for(runtime):
    engine = PlannedEngine("llama.cpp", runtime, "b11549")
    settings = {"n_ctx": Setting(2048), "flash_attn": Setting(True)}
    return PlannedDeployment("notes", PlannedModel("org/model", "Q4_K_M"), engine, PlannedHardware("cpu"), settings)


def test_the_serial_server_is_started_by_its_interpreter():
    runtime = ENGINES["llama.cpp"].runtimes["llama-cpp-server"]
    server = served(planned_for("llama-cpp-server"), runtime, HERE, "/m.gguf")
    words, environment = launch_command(server, 9)
    assert words[:3] == ["/here/program", "-m", "llama_cpp.server"]
    assert " ".join(words[3:]) == "--model /m.gguf --host 127.0.0.1 --port 9 --n_ctx 2048 --flash_attn true --interrupt_requests false"
    assert server.key == ""
    assert server.model_name == "/m.gguf"
    assert environment == HERE.environment


def test_a_library_is_not_a_server():
    with pytest.raises(UserInputError, match="llama-cpp-python is not a server"):
        served(planned_for("llama-cpp-python"), ENGINES["llama.cpp"].runtimes["llama-cpp-python"], HERE, "/m")


def test_the_runner_gets_the_records_readiness():
    runtime = ENGINES["llama.cpp"].runtimes["llama-cpp-server"]
    made = program(served(planned_for("llama-cpp-server"), runtime, HERE, "/m"), name="x", port=7, record=ENGINES["llama.cpp"])
    assert (made.readiness.path, made.port) == ("/v1/models", 7)
    assert "8" in made.command(8)
