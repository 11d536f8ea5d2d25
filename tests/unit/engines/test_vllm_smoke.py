"""What vLLM is asked to load and what is made of its report; the interpreter is a stand-in, or one without vLLM."""

import json
import sys
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import VllmSettings
from advisor.engines.find import FoundVllm
from advisor.engines.process import Limits
from advisor.engines.vllm_smoke import VllmLoad, VllmRun, VllmTraffic, smoke
from advisor.errors import EngineFailed, NotProven, TimedOut

RECORD = load_catalog().engine("vllm")
SETTINGS = VllmSettings(
    max_model_len=512,
    max_num_seqs=2,
    max_num_batched_tokens=512,
    gpu_memory_utilization=0.9,
    kv_cache_dtype="auto",
    block_size=128,
    enable_prefix_caching=True,
    enforce_eager=True,
)
TOLD = {
    "load_s": 1.5,
    "num_blocks": 256,
    "block_size": 128,
    "kv_cache_bytes": 67108864,
    "max_concurrency": 64.0,
    "max_model_len": 512,
    "enable_prefix_caching": True,
    "generated_tokens": [4, 4],
    "logprobs_finite": True,
}


@pytest.fixture
def engine(tmp_path):
    """Call it with a shell line: an interpreter that keeps the request and its variables, and says that."""

    def saying(line):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\ncat > {tmp_path}/request.json\nenv > {tmp_path}/environment\n{line}\n")
        program.chmod(0o755)
        return FoundVllm(program, "--engine-python", "0.32.0", "cpu", "2.13.0+cpu", tmp_path, "")

    return saying


def reporting(*answers):
    return f"echo '{json.dumps({'engine': {'name': 'vllm'}, 'answers': list(answers)})}'"


def tried(found, folders=("/models/one",), **options):
    return smoke(found, [VllmLoad(Path(folder), SETTINGS) for folder in folders], record=RECORD, **options)


def test_the_request_and_the_runs(engine, tmp_path):
    found = engine(reporting(TOLD, {"refused": "RuntimeError: no kernel"}))
    passed, refused = tried(found, ("/models/one", "/models/two"), traffic=VllmTraffic(sequences=3))
    request = json.loads((tmp_path / "request.json").read_text())
    assert [model["folder"] for model in request["models"]] == ["/models/one", "/models/two"]
    assert request["models"][0]["load_format"] == "dummy"
    assert request["models"][0]["settings"]["max_model_len"] == 512
    assert "kv_cache_memory_bytes" not in request["models"][0]["settings"]  # vLLM's own choice where nobody made one
    assert (request["sequences"], request["prompt_tokens"], request["output_tokens"], request["seed"]) == (3, 12, 4, 0)
    assert "VLLM_CPU_NUM_OF_RESERVED_CPU=0" in (tmp_path / "environment").read_text().splitlines()
    assert passed == VllmRun("", 1.5, 256, 128, 67108864, 64.0, 512, True, (4, 4), True)
    assert refused == VllmRun(refused="RuntimeError: no kernel")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (reporting(), "answered for 0 of 1 models"),
        (reporting({"load_s": 1.0}), "its report lacks or misshapes 'num_blocks'"),
        (reporting({**TOLD, "generated_tokens": 4}), "its report lacks or misshapes"),
        (reporting(7), "its report lacks or misshapes"),
        ("echo '{}'", "its report lacks or misshapes 'answers'"),
        ("echo '[]'", "where an object was expected"),
        ("echo INFO loading", "ended without a report; its last line was 'INFO loading'"),
        ('echo \'{"error": "out of luck"}\'; exit 2', "refused: out of luck"),
        ("kill -KILL $$", "vLLM 0.32.0"),
    ],
)
def test_a_report_that_is_not_one(engine, line, complaint):
    with pytest.raises(EngineFailed) as raised:
        tried(engine(line))
    assert complaint in str(raised.value)


def test_a_load_that_does_not_end_is_stopped(engine):
    with pytest.raises(TimedOut):
        tried(engine("sleep 60"), limits=Limits(time_s=0.5, silence_s=0.5))


def this_environment():
    return FoundVllm(Path(sys.executable), "this environment", "0.32.0", "cpu", None, Path(sys.prefix), "")


def test_the_validator_asks_for_a_folder_and_for_traffic(tmp_path):
    with pytest.raises(EngineFailed, match=r"a model needs a folder with a config\.json"):
        tried(this_environment(), (tmp_path,))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineFailed, match="sequences, prompt_tokens and output_tokens must be at least 1"):
        tried(this_environment(), (tmp_path,), traffic=VllmTraffic(output_tokens=0))


def test_an_interpreter_without_vllm_is_not_proven(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(NotProven, match="vllm cannot be imported"):
        tried(this_environment(), (tmp_path,))


FAKE_VLLM = """
import os, tempfile
__version__ = "0.32.0+cpu"
class SamplingParams: pass
def LLM(model, **settings):
    tempfile.mkstemp(prefix="left_by_vllm")
    if model.endswith("aborts"):
        os.abort()
    if model.endswith("leaves"):
        os._exit(7)
    raise RuntimeError("no kernel for\\n  " + settings["load_format"])
"""


def test_each_model_has_a_process_of_its_own(tmp_path, monkeypatch):
    """A kernel that aborts takes no other model with it, what an engine raises comes back on one line, and no file of it stays."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    package, folders = tmp_path / "site" / "vllm", [tmp_path / name for name in ("aborts", "leaves", "raises")]
    for folder in (package, *folders):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    (package / "__init__.py").write_text(FAKE_VLLM)
    (package / "platforms.py").write_text("class current_platform: device_type = 'cpu'")
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={package.parent} exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    runs = tried(FoundVllm(program, "--engine-python", "0.32.0", "cpu", None, tmp_path, ""), folders)
    assert [run.refused for run in runs] == [
        "vLLM's process ended by SIGABRT and no other word",
        "vLLM's process ended with exit status 7 and no other word",
        "RuntimeError: no kernel for dummy",
    ]
    assert list((tmp_path / "tmp").iterdir()) == []
