"""Every example is planned and held against what a practitioner would defend (expect.yaml, written before the planner was asked)."""

import io
import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from advisor.catalog import load_catalog
from advisor.files.plan import plan_text
from advisor.files.workload import read_workload, workload_sha256
from advisor.planning.compose import compose_plan
from advisor.planning.decision import Decision
from advisor.planning.option import precision_of
from advisor.planning.planner import decide
from advisor.report.plan_json import decision_document
from advisor.report.plan_text import print_decision
from advisor.rules.load import load_rules

EXAMPLES = Path(__file__).parents[2] / "examples"
GOLDEN = Path(__file__).parents[1] / "golden" / "plans"
GOLDEN_SLUGS = ("hospital-letters", "one-user-gaming-card")
SLUGS = sorted(path.parent.name for path in EXAMPLES.glob("*/expect.yaml"))
KNOWN_KEYS = {"feasible", "engine", "precision", "devices", "device_classes", "devices_at_most", "models", "relax", "because"}


@cache
def decision(slug: str) -> Decision:
    workload, _ = read_workload(EXAMPLES / slug / "workload.yaml")
    return decide(workload, load_catalog(), load_rules([]))


def expected(slug: str) -> dict:
    return yaml.safe_load((EXAMPLES / slug / "expect.yaml").read_text(encoding="utf-8"))


def test_there_are_at_least_twelve_examples():
    assert len(SLUGS) >= 12


@pytest.mark.parametrize("slug", SLUGS)
def test_an_expectation_says_why(slug):
    want = expected(slug)
    assert set(want) <= KNOWN_KEYS
    assert len(want["because"].split()) >= 15
    assert want["engine"] in ("llama.cpp", "vllm", "none")


@pytest.mark.parametrize("slug", SLUGS)
def test_the_answer_is_the_one_a_practitioner_would_defend(slug):
    want, got = expected(slug), decision(slug)
    assert got.feasible is want["feasible"]
    if not got.feasible:
        assert want["engine"] == "none"
        return
    candidate = got.chosen.deployment.candidate
    assert candidate.runtime.engine == want["engine"]
    precision = precision_of(load_catalog().quantization(candidate.checkpoint.quantization))
    assert precision in want.get("precision", [precision])
    assert candidate.node.device.id in want.get("devices", [candidate.node.device.id])
    assert candidate.node.device.device_class in want.get("device_classes", [candidate.node.device.device_class])
    assert candidate.model.id in want.get("models", [candidate.model.id])
    assert candidate.parallelism.devices * got.chosen.deployment.replicas <= want.get("devices_at_most", 10_000)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_feasible_answer_keeps_every_requirement_and_says_what_else_was_looked_at(slug):
    got = decision(slug)
    if got.feasible:
        assert all(str(r.standing) in ("certain", "holds", "likely") for r in got.chosen.requirements)
    assert len(got.losers) <= 6
    assert all(loser.reason and loser.lost_on for loser in got.losers)


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if not expected(slug)["feasible"]])
def test_a_negative_answer_names_the_nearest_and_what_to_relax(slug):
    got = decision(slug)
    assert got.chosen is not None
    assert all(word in " ".join(change.when for change in got.relaxations) for word in expected(slug)["relax"])


def test_insisting_on_the_engine_that_lost_answers_with_figures():
    workload, _ = read_workload(EXAMPLES / "hospital-letters" / "workload.yaml")
    got = decide(workload, load_catalog(), load_rules([]), insist={"engine": "llama.cpp"})
    assert not got.feasible
    assert got.chosen.deployment.candidate.runtime.engine == "llama.cpp"
    relax = {change.when: change.then for change in got.relaxations}
    assert "vLLM" in relax["without --insist engine=llama.cpp"]
    assert any("per token p95" in when and "instead of 50 ms" in when for when in relax)
    assert any("users" in when for when in relax)


def test_cheaper_if_proven_is_cheaper_and_only_unlikely():
    got = decision("long-context-rag")
    price = got.chosen.estimate.cost.usd_per_month.value
    assert got.cheaper_if_proven
    for option in got.cheaper_if_proven:
        assert float(option.reason.split(" USD")[0].replace(",", "")) < price
        assert "; unlikely: " in option.reason or "; not tested: " in option.reason


# ---- golden files: ADVISOR_REWRITE_GOLDEN=1 writes them anew, the difference is then reviewed


def held(path: Path, text: str) -> None:
    if os.environ.get("ADVISOR_REWRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", GOLDEN_SLUGS)
def test_the_terminal_shows_the_decision_in_80_columns(slug):
    out = io.StringIO()
    print_decision(decision(slug), Console(file=out, width=80, highlight=False), proof="`advisor validate plan.yaml` proves it")
    text = "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
    assert max(len(line) for line in text.splitlines()) <= 80
    held(GOLDEN / f"{slug}.txt", text)


@pytest.mark.parametrize("slug", GOLDEN_SLUGS)
def test_the_plan_file_is_short_and_stays_as_it_was(slug):
    _, document = read_workload(EXAMPLES / slug / "workload.yaml")
    plan = compose_plan(decision(slug), workload_path="workload.yaml", workload_sha256=workload_sha256(document))
    text = plan_text(replace(plan, made_with=replace(plan.made_with, advisor="any")))
    assert len(text.splitlines()) <= 80
    held(GOLDEN / f"{slug}.yaml", text)


def test_the_document_is_the_same_for_the_same_question():
    workload, _ = read_workload(EXAMPLES / "one-user-gaming-card" / "workload.yaml")
    first, second = (json.dumps(decision_document(decide(workload, load_catalog(), load_rules([])))) for _ in range(2))
    assert first == second
