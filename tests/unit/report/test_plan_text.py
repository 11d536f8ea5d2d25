"""The terminal's answer: 80 columns, one word for each requirement, flags with their values and reasons."""

import dataclasses
import io

import pytest
from rich.console import Console

from advisor.domain.workload import Load, Users
from advisor.planning.decision import Decision
from advisor.report.plan_json import decision_document
from advisor.report.plan_text import print_decision
from tests.unit.planning.questions import ALONE, CHAT, CROWD, ON_THREE_KINDS, UNCHOSEN, decided

NOTHING = dataclasses.replace(CROWD, load=Load(users=Users(600, 60)))


def printed(decision: Decision) -> list[str]:
    out = io.StringIO()
    print_decision(decision, Console(file=out, width=80, highlight=False), proof="`advisor validate plan.yaml` proves it")
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    "workload", [ALONE, CHAT, ON_THREE_KINDS, UNCHOSEN, NOTHING], ids=["alone", "one card", "three kinds", "any model", "nothing holds"]
)
def test_no_line_is_wider_than_80_columns(workload):
    assert max(len(line.rstrip()) for line in printed(decided(workload))) <= 80


def test_each_requirement_has_its_limit_its_figure_and_its_word_on_one_line():
    lines = printed(decided(CHAT))
    (first,) = [line for line in lines if line.startswith("  first token p95 ")]
    assert "<= 2 s" in first
    assert "modelled)" in first
    assert first.split()[-1] in ("holds", "likely")


def test_flags_are_shown_as_they_are_typed():
    text = "\n".join(printed(decided(ON_THREE_KINDS)))
    assert "--max-model-len 5120: longest request 5,000 tokens" in text or "--ctx-size" in text
    assert "--no-" not in text.split("Why not")[0]


def test_a_negative_answer_names_the_nearest_and_what_to_relax():
    text = "\n".join(printed(decided(NOTHING)))
    assert "Nothing keeps every requirement. Nearest:" in text
    assert "What to relax" in text
    assert "instead of 600" in text


def test_the_document_carries_what_the_text_shows():
    decision = decided(UNCHOSEN)
    document = decision_document(decision)
    assert document["schema"] == "advisor.decision/1"
    assert document["notes"] == list(decision.notes)
    assert [loser["option"] for loser in document["instead"]] == [loser.option for loser in decision.losers]
    assert document["chosen"]["recommended"] is document["feasible"] is True
