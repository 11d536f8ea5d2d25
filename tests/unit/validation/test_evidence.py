"""Evidence is written whole, found by fingerprint, judged by the plan's bounds of today, and tells nothing about its author."""

import dataclasses
import json

import pytest

from advisor.domain.evidence import ClaimResult
from advisor.domain.plan import Claim, MadeWith, Plan, PlannedEngine, Setting
from advisor.domain.quantity import Basis
from advisor.errors import DataError, NotProven
from advisor.files.evidence import evidence_beside, evidence_dict, evidence_path, read_evidence, write_evidence
from advisor.files.plan import fingerprint
from advisor.report.validation_text import coverage_line, summary, validation_lines
from advisor.validation import room
from advisor.validation import validate as validation
from advisor.validation.subject import Weights
from advisor.validation.validate import Terms
from advisor.validation.verdict import exit_code
from advisor.validation.verify import verify

from .conftest import CLAIMS, planned


class Engine:
    python = "/somewhere/python"
    version = "0.3.36"
    offloads = False


TERMS = Terms(Engine(), (1, 4), 600.0, "2026-11-24")
WEIGHTS = Weights("/home/someone/model.gguf", synthetic=True)


@pytest.fixture
def evidence(make_subject, make_report, monkeypatch):
    asked = {}

    def answer(python, validator, request, **keywords):
        asked.update(request)
        return make_report()

    monkeypatch.setattr(validation, "ask_validator", answer)
    made = validation.validate(make_subject(fingerprint=fingerprint(planned())), WEIGHTS, TERMS)
    assert asked["settings"]["ctx_size"] == 8192
    assert asked["prompt_tokens"] == 200
    return made


def plan(**changes):
    made_with = MadeWith("1.0.0", "2026-11-18", "ab")
    required = ("starts", "kv_capacity_tokens")
    return Plan("advisor.plan/1", "workload.yaml", "x", (planned(**changes),), {"letters": CLAIMS}, made_with, evidence_required=required)


def test_written_and_read_again(evidence, tmp_path):
    path = write_evidence(tmp_path / "plan.yaml", evidence)
    assert path == evidence_path(tmp_path / "plan.yaml", "letters", evidence.fingerprint)
    assert path.name == f"letters-{fingerprint(planned())[:12]}.json"
    read = read_evidence(path)
    assert (read.claims, read.settings, read.reduced) == (evidence.claims, evidence.settings, evidence.reduced)
    assert write_evidence(tmp_path / "plan.yaml", read) == path
    assert evidence_beside(tmp_path / "plan.yaml") == [path]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_it_tells_nothing_about_who_ran_it(evidence):
    text = json.dumps(evidence_dict(evidence))
    assert "/home" not in text
    assert "/somewhere" not in text
    assert "someone" not in text


@pytest.mark.parametrize("broken", ["{", "[]", '{"schema": "advisor.evidence/2"}', '{"schema": "advisor.evidence/1", "extra": 1}'])
def test_a_file_that_is_none_is_refused_with_its_place(tmp_path, broken):
    path = tmp_path / "x.json"
    path.write_text(broken)
    with pytest.raises(DataError, match=r"x\.json"):
        read_evidence(path)


def test_covers_the_plan_and_another_number_of_replicas(evidence):
    for covered in (verify(plan(), [evidence])[0], verify(plan(replicas=7), [evidence])[0]):
        assert covered.exit_code == 0
        assert covered.outcomes["kv_capacity_tokens"] == "proven"
        assert "covers this plan" in coverage_line(covered)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": {"ctx-size": Setting(4096), "parallel": Setting(4)}}, "ctx-size 8192 -> 4096"),
        ({"engine": PlannedEngine("llama.cpp", "llama-cpp-python", "b12000")}, "engine version b11549 -> b12000"),
    ],
)
def test_what_decides_behaviour_needs_a_new_run(evidence, changes, said):
    covered = verify(plan(**changes), [evidence])[0]
    assert covered.exit_code == 3
    assert said in coverage_line(covered)


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ({"name": "llama.cpp", "binding_version": "0.3.36"}, ""),
        ({"name": "llama.cpp", "build": 1, "commit": "0c1e570"}, ""),
        ({"name": "llama.cpp", "build": 11206, "commit": "1234567"}, "ran on b11206, planned is b11549"),
        ({"name": "llama.cpp", "version": "b12000"}, "ran on b12000, planned is b11549"),
        ({"name": "llama.cpp", "binding_version": "0.1"}, ""),
        ({"name": "another", "build": 7, "commit": "1234567"}, ""),
        ({}, ""),
    ],
)
def test_a_run_on_another_build_covers_nothing(evidence, engine, said):
    told = {"planned_version": "b11549", "planned_runtime": "llama-cpp-python", **engine}
    covered = verify(plan(), [dataclasses.replace(evidence, engine=told)])[0]
    assert (covered.exit_code, covered.not_covering[0].why if covered.not_covering else "") == (3 if said else 0, said)


def test_bounds_are_those_of_today(evidence):
    tightened = {"letters": CLAIMS | {"kv_capacity_tokens": Claim(8192, Basis.EXACT, at_least=9000)}}
    covered = verify(dataclasses.replace(plan(), claims=tightened), [evidence])[0]
    assert (covered.outcomes["kv_capacity_tokens"], covered.exit_code) == ("refuted", 1)


def test_a_modelled_speed_gates_nothing_here_either(evidence):
    wanting = dataclasses.replace(plan(), evidence_required=("starts", "tpot_p95_s"))
    covered = verify(wanting, [evidence])[0]
    assert "tpot_p95_s" not in covered.outcomes
    assert covered.exit_code == 0


TPOT = ClaimResult("tpot_p95_s", None, None, None, None, 0.05, None, 0.08, "refuted", None, None, True)


def of(evidence, source, *claims, **changes):
    return dataclasses.replace(evidence, source=source, claims=claims, **changes)


@pytest.mark.parametrize(
    ("sources", "outcome"),
    [
        (["run"], None),
        (["run", "log"], None),
        (["log"], "refuted"),
        (["endpoint"], "refuted"),
        (["run", "benchmark"], "refuted"),
    ],
)
def test_a_modelled_speed_gates_as_it_did_when_it_was_measured(evidence, sources, outcome):
    """By bursts it never does; by the load that users were promised it does."""
    wanting = dataclasses.replace(plan(), evidence_required=("tpot_p95_s",))
    covered = verify(wanting, [of(evidence, source, TPOT) for source in sources])[0]
    assert covered.outcomes.get("tpot_p95_s") == outcome
    assert covered.exit_code == (1 if outcome else 0)


@pytest.mark.parametrize(
    ("change", "at_most", "outcome"),
    [
        ({}, 0.05, "refuted"),
        ({}, 0.1, "proven"),
        ({"decides": "proof"}, 0.05, "not tested"),
        ({"decides": "proof"}, 0.1, "proven"),
        ({"decides": "refutation"}, 0.05, "refuted"),
        ({"decides": "refutation"}, 0.1, "not tested"),
        ({"decides": "nothing", "requirement": None}, 0.1, "not tested"),
        ({"requirement": "not tested"}, 0.1, "not tested"),
    ],
)
def test_todays_bounds_decide_only_the_way_that_the_load_could(evidence, change, at_most, outcome):
    shown = of(evidence, "endpoint", dataclasses.replace(TPOT, **change))
    claims = {"letters": {"tpot_p95_s": Claim(0.02, Basis.SCALED, at_most=at_most)}}
    wanting = dataclasses.replace(plan(), evidence_required=("tpot_p95_s",), claims=claims)
    assert verify(wanting, [shown])[0].outcomes == {"tpot_p95_s": outcome}


def test_what_a_busy_machine_showed_is_no_proof_under_a_bound_that_came_later(evidence):
    shown = of(evidence, "run", dataclasses.replace(TPOT, at_most=None, requirement=None), contention={"disturbed": True})
    claims = {"letters": {"tpot_p95_s": Claim(0.02, Basis.SCALED, at_most=0.1)}}
    wanting = dataclasses.replace(plan(), evidence_required=("tpot_p95_s",), claims=claims)
    assert verify(wanting, [shown])[0].outcomes == {"tpot_p95_s": "not tested"}


def test_a_run_on_another_build_proves_nothing_when_it_is_made_either(make_subject, make_report, monkeypatch):
    engine = {"name": "llama.cpp", "build": 11206, "commit": "1234567"}
    monkeypatch.setattr(validation, "ask_validator", lambda *_, **__: make_report(engine=engine))
    made = validation.validate(make_subject(), WEIGHTS, TERMS)
    assert made.differs == ("ran on b11206, planned is b11549",)
    assert exit_code(made.claims) == 3
    assert {claim.requirement for claim in made.claims if claim.gates} == {"not tested"}


def test_no_evidence_is_not_proven():
    assert (verify(plan(), [])[0].exit_code, coverage_line(verify(plan(), [])[0])) == (3, "letters: no evidence")


def test_text_has_two_columns_of_outcome(evidence):
    lines = list(validation_lines(evidence))
    header = lines[1]
    assert header.split() == ["claim", "required", "predicted", "measured", "requirement", "prediction"]
    row = next(line for line in lines if line.startswith("kv_capacity_tokens"))
    assert row.split() == ["kv_capacity_tokens", ">=", "6,000", "8,192", "exact", "8,192", "proven", "right"]
    tpot = next(line for line in lines if line.startswith("tpot_s at 4"))
    assert "40 (28-60) ms" in tpot
    assert "40 ms" in tpot
    assert any("not gating" in line and "tpot_p95_s" in line for line in lines)
    assert summary(evidence, exit_code(evidence.claims)) == "proven 5, refuted 0, not tested 0   (exit 0: every claim that gates is proven)"


def test_too_large_for_this_machine_is_not_proven(make_subject, monkeypatch):
    monkeypatch.setattr(room.psutil, "virtual_memory", type("Memory", (), {"available": 1024}))
    with pytest.raises(NotProven, match="nothing was loaded"):
        validation.validate(make_subject(), WEIGHTS, TERMS)


def test_a_card_that_is_not_here_is_named_as_reduced(make_subject, make_report, monkeypatch):
    requests = []
    monkeypatch.setattr(validation, "ask_validator", lambda *given, **_: requests.append(given[2]) or make_report())
    made = validation.validate(make_subject(device_here=False, same_machine=False), WEIGHTS, TERMS)
    assert made.reduced[0] == "device machine-0123456789ab -> cpu"
    assert made.device == "cpu"
    assert requests[0]["settings"]["n_gpu_layers"] == 0
    assert exit_code(made.claims) == 3
