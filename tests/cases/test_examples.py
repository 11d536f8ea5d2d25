"""Every example is planned and held against what a practitioner would defend (expect.yaml, written before the planner was asked)."""

from functools import cache
from pathlib import Path

import pytest
import yaml

from advisor.catalog import load_catalog
from advisor.files.workload import read_workload
from advisor.planning.decision import Decision
from advisor.planning.option import precision_of
from advisor.planning.planner import decide
from advisor.rules.load import load_rules

EXAMPLES = Path(__file__).parents[2] / "examples"
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
