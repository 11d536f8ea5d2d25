"""`advisor validate --log`, `--record` and `advisor evidence` from the command line: exit codes, what is written, hostile files."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from advisor.cli.app import app
from advisor.errors import AdvisorError
from tests.unit.cli.small_plan import small_plan, small_workload

LOGS = Path(__file__).parents[2] / "data" / "engine_logs"
LOG = LOGS / "llama_server_qwen3_0_6b_q4_k_m.log"
WORKLOAD = small_workload(input_tokens=(64, 128, 400), output_tokens=(24, 48, 100))
PLAN = small_plan(
    settings={"ctx-size": 512, "parallel": 2, "kv-unified": True, "batch-size": 512},
    required="starts, kv_capacity_tokens",
    claims={"weights_gib": "{expect: 0.363917, basis: exact}", "kv_capacity_tokens": "{expect: 512, basis: exact}"},
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    (tmp_path / "plan.yaml").write_text(PLAN)
    monkeypatch.setenv("ADVISOR_TODAY", "2026-11-24")
    return tmp_path


def advisor(*arguments, piped=None):
    """Exit code and what was said, as `advisor` would end."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=piped)
    if isinstance(result.exception, AdvisorError):
        return result.exception.exit_code, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def validate(folder, *arguments, piped=None):
    return advisor("validate", folder / "plan.yaml", *arguments, piped=piped)


def evidence_of(folder):
    return sorted((folder / "evidence").glob("*.json")) if (folder / "evidence").exists() else []


def test_a_log_that_is_as_planned(folder):
    code, said = validate(folder, "--log", LOG)
    assert code == 0, said
    assert "read-only: a start-up log of llama.cpp b11549 on cpu, no request was sent" in said
    (path,) = evidence_of(folder)
    assert path.name.endswith("-log.json")
    assert str(folder) not in path.read_text()
    assert advisor("evidence", "verify", folder / "plan.yaml")[0] == 0
    code, shown = advisor("evidence", "show", path)
    assert (code, "kv_capacity_tokens" in shown) == (0, True)


def test_piped_in_and_as_json(folder):
    code, said = validate(folder, "--log", "-", "--format", "json", piped=LOG.read_bytes())
    answer = json.loads(said)
    assert (code, answer["exit_code"], answer["source"], answer["recorded"]) == (0, 0, "log", None)
    assert {claim["name"]: claim["requirement"] for claim in answer["claims"] if claim["gates"]} == {
        "starts": "proven",
        "context_per_request_tokens": "proven",
        "kv_capacity_tokens": "proven",
    }


@pytest.mark.parametrize(
    ("change", "code", "says", "written"),
    [
        (("n_ctx_seq             = 512", "n_ctx_seq             = 256"), 1, "context per request 512 -> 256 tokens", True),
        (("build 1 (0c1e570)", "build 12000 (1234567)"), 3, "engine version b11549 -> b12000", False),
        (("listening on", "hearing"), 0, "proven 3", True),
        (("all slots are idle", ""), 0, "proven 3", True),
        (("llama_context: n_ctx  ", "llama_context: m_ctx  "), 3, "not in a log", True),
    ],
)
def test_exit_codes_and_what_is_kept(folder, change, code, says, written):
    answer = validate(folder, "--log", "-", piped=LOG.read_text().replace(*change))
    assert answer[0] == code, answer[1]
    assert says in answer[1]
    assert bool(evidence_of(folder)) is written


@pytest.mark.parametrize(
    ("arguments", "piped", "says"),
    [
        (["--log", "absent.log"], None, "--log absent.log: No such file or directory"),
        (["--log", ""], None, "--log: give a file, or - for what is piped in"),
        (["--log", "."], None, "--log .: Is a directory"),
        (["--log", "-"], b"", "--log -: no line of a llama-server start-up in it"),
        (["--log", "-"], bytes(range(256)) * 4096, "--log -: no line of a llama-server start-up in it"),
        (["--log", LOGS / "vllm_0_31_llama_3_1_8b.log"], None, "no line of a llama-server start-up in it"),
        (["--log", "\0"], None, "not a file name"),
        (["--log", LOG, "--synthetic"], None, "--log reads a log and starts nothing: leave out --synthetic"),
        (["--log", LOG, "--model", "x.gguf", "--concurrency", "1"], None, "leave out --model, --concurrency"),
        (["--log", LOG, "--engine-python", "x"], None, "leave out --engine-python"),
        (["--log", LOG, "--engine-binary", "x", "--in-process", "--port", "80"], None, "leave out --engine-binary, --in-process, --port"),
        (["--log", LOG, "--deployment", "note"], None, "did you mean notes"),
        (["--log", "-"], b"[pod/a/x] llama_server: initializing ...\n[pod/b/x] llama_server: initializing ...\n", "mixes 2 pods"),
    ],
)
def test_what_cannot_be_read_is_one_clear_sentence(folder, arguments, piped, says):
    code, said = validate(folder, *arguments, piped=piped)
    assert (code, says in said) == (2, True), said
    assert len(said.splitlines()) == 1
    assert evidence_of(folder) == []


def test_nothing_piped_in_is_said(folder, monkeypatch):
    terminal = SimpleNamespace(isatty=lambda: True, buffer=io.BytesIO())
    monkeypatch.setattr("advisor.cli.validating_log.sys", SimpleNamespace(stdin=terminal))
    code, said = validate(folder, "--log", "-")
    assert (code, "nothing is piped in" in said) == (2, True)


def test_escape_sequences_of_a_log_are_shown_not_obeyed(folder):
    hostile = (
        "0.00.1 I srv  llama_server: initializing ...\n0.00.2 E load: \x1b]0;owned\x07\x9b31mred\u202e\x08\n"
        "0.00.3 E srv exiting due to model loading error\n"
    )
    code, said = validate(folder, "--log", "-", piped=hostile)
    assert code == 1
    assert "llama-server refused" in said
    assert [character for character in said if not character.isprintable() and character != "\n"] == []


def test_record_adds_rows_once(folder):
    first, again = validate(folder, "--log", LOG, "--record"), validate(folder, "--log", LOG, "--record")
    assert "recorded 1 row in" in first[1]
    assert "recorded nothing new" in again[1]
    (table,) = (folder / "measurements").iterdir()
    assert len(table.read_text().splitlines()) == 2
    assert str(folder) not in table.read_text()
    other = validate(folder, "--log", "-", "--record", piped=LOG.read_text().replace("build 1 (0c1e570)", "build 12000 (1234567)"))
    assert "recorded nothing: no number of the planned deployment was measured" in other[1]


# ---- evidence


@pytest.fixture
def evidence(folder):
    validate(folder, "--log", LOG)
    return json.loads(evidence_of(folder)[0].read_text())


def with_changed(folder, content):
    path = evidence_of(folder)[0]
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return advisor("evidence", "show", path), advisor("evidence", "verify", folder / "plan.yaml")


def set_in(document, path, value):
    *parents, last = path
    for key in parents:
        document = document[key]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("deployment",), "../../etc/passwd", "is not a usable name"),
        (("deployment",), 7, "deployment: Input should be a valid string"),
        (("fingerprint",), "../x", "is not 64 hexadecimal digits"),
        (("measured_on",), "tomorrow", "is not a date"),
        (("claims",), {}, "claims"),
        (("claims", 0, "measured"), "many", "claims[0].measured"),
        (("claims", 0, "measured"), float("nan"), "claims[0].measured"),
        (("claims", 0, "measured"), 10**400, "claims[0].measured"),
        (("claims", 0, "requirement"), "certainly", "claims[0].requirement"),
        (("claims", 0, "gates"), "perhaps", "claims[0].gates"),
        (("memory", "x"), float("inf"), "a number that is none"),
        (("contention", "others_share"), float("nan"), "a number that is none"),
        (("benchmark",), [7], "benchmark[0]"),
        (("source",), "hearsay", "source"),
        (("extra",), 1, "extra"),
    ],
)
def test_a_hostile_evidence_file_is_one_clear_error(folder, evidence, path, value, says):
    set_in(evidence, path, value)
    for code, said in with_changed(folder, evidence):
        assert (code, says in said, len(said.splitlines())) == (2, True, 1), said
        assert said.startswith(str(evidence_of(folder)[0]))


@pytest.mark.parametrize("text", ["", "{", "null", "[" * 100_000, '{"schema": "advisor.plan/1"}', "\x00", '{"memory": {"x": 1e999}}'])
def test_what_is_no_evidence_is_refused(folder, evidence, text):
    for code, said in with_changed(folder, text):
        assert (code, said.startswith(str(evidence_of(folder)[0]))) == (2, True), said


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("contention",), {"disturbed": "yes", "others_share": "lots"}),
        (("benchmark",), [{"rows": 1}]),
        (("engine",), {"name": ["a"], "version": {"b": 1}}),
        (("engine",), {}),
        (("device",), "\x1b[2J\x07"),
        (("claims", 0, "note"), "\x1b]8;;http://x\x07" * 50),
        (("claims", 2, "measured"), 1e300),
        (("claims", 2, "predicted"), -1e300),
        (("remarks",), ["\u202e\x1b[31m"]),
        (("reduced",), ["\r\n\x00"]),
    ],
)
def test_what_may_stand_in_evidence_is_printed_safely(folder, evidence, path, value):
    set_in(evidence, path, value)
    for code, said in with_changed(folder, evidence):
        assert code in (0, 1, 3), said
        assert [character for character in said if not character.isprintable() and character not in "\n\t"] == []
        assert max(len(line) for line in said.splitlines()) < 4000


def test_a_number_that_was_changed_by_hand_is_judged_anew(folder, evidence):
    claim = next(claim for claim in evidence["claims"] if claim["name"] == "starts")
    claim["measured"] = 0.0
    (_, (code, said)) = with_changed(folder, evidence)
    assert (code, "starts refuted" in said) == (1, True)


def test_evidence_of_a_deployment_that_moved_on_says_what_moved(folder, evidence):
    (folder / "plan.yaml").write_text(PLAN.replace("ctx-size: {value: 512}", "ctx-size: {value: 1024}"))
    code, said = advisor("evidence", "verify", folder / "plan.yaml")
    assert (code, "ctx-size 512 -> 1024" in said) == (3, True)
    code, said = advisor("evidence", "verify", folder / "plan.yaml", "--format", "json")
    (row,) = json.loads(said)["deployments"]
    assert (code, row["covered_by"], row["not_covering"][0]["why"], row["exit_code"]) == (3, [], "ctx-size 512 -> 1024", 3)
    assert validate(folder, "--log", "-", piped=LOG.read_text().replace("= 512", "= 1024"))[0] in (0, 3)


def test_a_day_that_is_none_is_refused(folder, monkeypatch):
    monkeypatch.setenv("ADVISOR_TODAY", "banana")
    code, said = advisor("validate", folder / "plan.yaml", "--log", LOG)
    assert (code, said) == (2, "ADVISOR_TODAY: 'banana' is not a date such as 2026-11-20")
    assert not (folder / "evidence").exists()
