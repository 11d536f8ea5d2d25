"""`advisor validate` through a server as deployed: started by the rendered command, asked over HTTP, gone afterwards."""

import json
import stat
import sys
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from advisor.catalog.engines import load_engines
from advisor.cli import validating
from advisor.cli.app import app
from advisor.errors import AdvisorError
from advisor.manifests.reading import parse_manifest
from tests.unit.cli.small_plan import LLAMA_SERVER, small_plan, small_workload

FAKE = Path(__file__).parents[2] / "fakes" / "fake_llama_server.py"
LOG = Path(__file__).parents[2] / "data" / "engine_logs" / "llama_server_as_deployed.log"
TOKENS = {"input_tokens": (40, 60, 100), "output_tokens": (8, 16, 40)}
REQUIRED = "starts, kv_capacity_tokens"
WORKLOAD = small_workload(**TOKENS)
SETTINGS = {"ctx-size": 2048, "parallel": 2, "kv-unified": True, "flash-attn": "on", "cache-type-k": "f16", "cache-type-v": "f16"}
SETTINGS |= {"batch-size": 2048, "ubatch-size": 512, "n-gpu-layers": 0, "cache-ram": 0}
PLAN = small_plan(settings=SETTINGS, required=REQUIRED)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    (tmp_path / "plan.yaml").write_text(PLAN)
    monkeypatch.setattr(validating, "make_synthetic", lambda *_, **__: tmp_path / "model.gguf")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path
    assert psutil.Process().children(recursive=True) == []


def validate(folder, behaviour, *arguments):
    """Exit code and output against a server that behaves so."""
    binary = folder / "llama-server"
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} {behaviour} {LOG} "$@"\n')
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    given = ["validate", str(folder / "plan.yaml"), "--synthetic", "--quiet", "--engine-binary", str(binary), *arguments]
    result = CliRunner().invoke(app, given)
    if isinstance(result.exception, AdvisorError):
        return result.exception.exit_code, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def evidence(folder):
    (path,) = (folder / "evidence").iterdir()
    return json.loads(path.read_text())


@pytest.mark.parametrize("behaviour", ["good", "guarded"])
def test_a_server_as_planned_proves_the_plan(folder, behaviour):
    code, said = validate(folder, behaviour)
    assert code == 0, said
    written = evidence(folder)
    claims = {claim["name"]: claim for claim in written["claims"]}
    for name in ("starts", "context_per_request_tokens", "settings_as_planned", "kv_capacity_tokens", "memory_bytes"):
        assert claims[name]["requirement"] == "proven", claims[name]
    parts = ("weights", "kv_cache", "recurrent_state", "compute_buffer", "output_buffer", "repacked_weights")
    assert {claims[f"{part}_bytes"]["prediction"] for part in parts} == {"right"}
    assert claims["start_s"]["predicted"] > 0
    assert [row["concurrency"] for row in written["benchmark"]] == [1, 2]
    assert (written["engine"]["build"], written["engine"]["version"]) == (1, "b11549")
    assert (written["hardware"], written["weights"]) == ("other", "synthetic")
    assert written["memory"]["end_anonymous_bytes"] > 0
    assert str(folder) not in json.dumps(written)


@pytest.mark.parametrize(
    ("behaviour", "refuted", "says"),
    [("shrinks", "context_per_request_tokens", ""), ("more_slots", "settings_as_planned", "parallel 2 -> 3")],
)
def test_a_server_that_takes_something_else_is_refuted(folder, behaviour, refuted, says):
    (folder / "workload.yaml").write_text(small_workload(input_tokens=(40, 60, 1400), output_tokens=(8, 16, 40)))
    code, _ = validate(folder, behaviour)
    claim = next(claim for claim in evidence(folder)["claims"] if claim["name"] == refuted)
    assert (code, claim["requirement"]) == (1, "refuted")
    assert says in claim["note"]
    assert says in " ".join(evidence(folder)["reduced"])


@pytest.mark.parametrize(
    ("behaviour", "code", "says"),
    [
        ("refuses", 4, "invalid argument: --kv-unified"),
        ("dies", 4, "SIGABRT"),
        ("garbage", 4, "not JSON"),
        ("overloaded", 4, "requests failed: HTTP 503"),
    ],
)
def test_each_fault_of_a_server(folder, behaviour, code, says):
    answer = validate(folder, behaviour)
    assert (answer[0], says in answer[1]) == (code, True), answer[1]
    assert not (folder / "evidence").exists()


def test_another_version_is_no_evidence_of_the_plan(folder):
    code, said = validate(folder, "newer")
    assert code == 3
    assert "b12000" in said and "b11549" in said
    assert not (folder / "evidence").exists()


def test_a_chosen_port_that_is_taken(folder):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = validate(folder, "good", "--port", str(taken.getsockname()[1]))
    assert (code, "taken by another program" in said) == (2, True)


def on_a_card(folder):
    """The same deployment planned for a card that is not here."""
    (folder / "workload.yaml").write_text(small_workload(**TOKENS, hardware="{owned: [{device: h100-sxm}]}"))
    settings = SETTINGS | {"n-gpu-layers": 29, "tensor-split": "1"}
    engine = LLAMA_SERVER.replace("cpu", "cuda")
    (folder / "plan.yaml").write_text(small_plan(engine=engine, device="h100-sxm", settings=settings, required=REQUIRED))


def test_scaled_down_shows_flags_and_start_and_proves_nothing_more(folder):
    on_a_card(folder)
    code, said = validate(folder, "good", "--scale-down")
    assert code == 3, said
    written = evidence(folder)
    claims = {claim["name"]: claim for claim in written["claims"]}
    assert {claim["requirement"] for claim in claims.values() if claim["gates"]} == {"not tested"}
    assert claims["starts"]["measured"] == 1
    assert "needs h100-sxm" in claims["starts"]["note"]
    assert {"memory_bytes", "kv_capacity_tokens"} <= claims.keys()
    assert claims["memory_bytes"]["measured"] is None
    assert claims["kv_cache_bytes_per_token"]["measured"] == 224 * 1024**2 / 2048
    assert written["reduced"][:4] == [
        "device 1 x h100-sxm -> cpu",
        "layers 28 -> 2",
        "n-gpu-layers 29 -> 0",
        "without tensor-split 1",
    ]
    assert (written["hardware"], written["device"], written["settings"]["n-gpu-layers"]) == ("scaled", "cpu", 29)
    assert CliRunner().invoke(app, ["evidence", "verify", str(folder / "plan.yaml")]).exit_code == 3


def test_scaled_down_another_version_is_said_and_is_no_setting(folder):
    on_a_card(folder)
    (folder / "plan.yaml").write_text((folder / "plan.yaml").read_text().replace("b11549", "b11206"))
    assert validate(folder, "good", "--scale-down")[0] == 3
    (path,) = (folder / "evidence").iterdir()
    assert "on cpu, scaled down, synthetic weights" in CliRunner().invoke(app, ["evidence", "show", str(path)]).output
    written = evidence(folder)
    assert "engine version b11206 -> b11549" in written["reduced"]
    assert (written["engine"]["planned_version"], written["engine"]["planned_backend"]) == ("b11206", "cuda")
    assert next(claim for claim in written["claims"] if claim["name"] == "settings_as_planned")["measured"] == 1


def test_scaling_down_needs_a_reason_and_made_up_weights(folder):
    assert validate(folder, "good", "--scale-down")[0] == 2
    on_a_card(folder)
    arguments = ["validate", str(folder / "plan.yaml"), "--scale-down", "--model", "x.gguf"]
    refused = CliRunner().invoke(app, arguments).exception
    assert "--model and --scale-down" in str(refused)


PROBED = '{"version": "0.3.36", "site_folder": "/site", "system_info": "CPU : AVX2 = 1", "offloads": false}'
SERIAL = small_plan(
    engine=LLAMA_SERVER.replace("llama-server", "llama-cpp-server"),
    settings={"n_ctx": 2048, "flash_attn": True, "n_batch": 2048, "n_ubatch": 512},
)


def validate_serial(folder, import_code):
    """`python -m llama_cpp.server` of an interpreter whose server parts can be imported, or not."""
    (folder / "plan.yaml").write_text(SERIAL)
    log = folder / "server.log"
    log.write_text(LOG.read_text().replace("n_slots = 2", "n_slots = 1").replace("kv_unified = 'true'", "kv_unified = 'false'"))
    python = folder / "python"
    python.write_text(
        f"""#!/bin/sh
case "$2" in *llama_print_system_info*) echo '{PROBED}'; exit;; "import llama_cpp.server.app") exit {import_code};; esac
shift 2
exec {sys.executable} {FAKE} serial {log} "$@"
"""
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    given = ["validate", str(folder / "plan.yaml"), "--synthetic", "--quiet", "--engine-python", str(python)]
    return CliRunner().invoke(app, given)


def test_the_serial_server_is_shown_for_what_it_is(folder):
    result = validate_serial(folder, import_code=0)
    assert result.exit_code == 0, result.exception or result.output
    written = evidence(folder)
    assert [(row["concurrency"], row["repeats"]) for row in written["benchmark"]] == [(1, 3)]
    assert 0 <= written["benchmark"][0]["step_s"] < 1
    assert any("one request at a time" in text for text in written["reduced"])
    claims = {claim["name"]: claim for claim in written["claims"]}
    assert claims["context_per_request_tokens"]["requirement"] == "proven"


def test_the_serial_server_is_rendered_as_a_command_and_read_back_and_has_no_image(folder):
    (folder / "plan.yaml").write_text(SERIAL)
    rendering = ["render", str(folder / "plan.yaml"), "--target"]
    made = CliRunner().invoke(app, [*rendering, "command", "--format", "json"])
    assert made.exit_code == 0, made.exception
    text = json.loads(made.stdout)["files"][0]["text"]
    words = text[text.index("exec ") :].replace("\\\n", " ").split()
    assert words[1:4] == ["python", "-m", "llama_cpp.server"]
    assert {"--n_ctx", "2048", "--flash_attn", "true", "--interrupt_requests", "false"} <= set(words)
    assert "asks for no key" in text and "API_KEY" not in text
    (found,) = parse_manifest(text, "notes.sh", load_engines().values()).deployments
    assert (found.runtime, found.api_key, found.exposed, found.version) == ("llama-cpp-server", None, False, "b11549")
    refused = CliRunner().invoke(app, [*rendering, "compose"]).exception
    assert "no image of python -m llama_cpp.server is published; use --target command" in str(refused)


def test_llama_cpp_without_its_server_is_not_proven(folder):
    result = validate_serial(folder, import_code=1)
    assert result.exception.exit_code == 3
    assert "llama-cpp-python[server]" in str(result.exception)
