"""Every claim of a plan can be explained, and what adds up adds up."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advisor.assess import size
from advisor.cli.app import app
from advisor.errors import UserInputError
from advisor.files.plan import plan_text
from advisor.planning.compose import compose_plan
from advisor.planning.explanation import claimed_numbers, explain_claim
from advisor.report.explain_text import explanation_document, explanation_text
from tests.unit.planning.questions import ALONE, CHAT, ON_THREE_KINDS, decided

UNIT = {"gib": " GiB", "s": " s"}


def explained(workload, claim):
    decision = decided(workload)
    sized = size(decision.chosen.deployment.candidate, decision.case)
    return explain_claim(decision.case, decision.chosen, sized, claim=claim, deployment="chat")


@pytest.mark.parametrize("workload", [ALONE, CHAT, ON_THREE_KINDS], ids=["alone", "one card", "rented"])
def test_the_terms_of_every_claim_add_up(workload):
    for claim, number in claimed_numbers(decided(workload).chosen).items():
        explanation = explained(workload, claim)
        added = [term.value for term in explanation.terms if term.adds]
        if added:
            assert sum(added) == pytest.approx(number.value, rel=1e-6, abs=1e-9), claim
        assert explanation.terms
        assert all(term.source and term.text for term in explanation.terms)


def test_money_is_price_times_hours_over_requests():
    explanation = explained(ON_THREE_KINDS, "usd_per_request")
    hour, hours, requests = (term.value for term in explanation.terms)
    assert hour * hours / requests == pytest.approx(explanation.value.value)


def test_the_text_names_this_models_figures_and_stays_within_80_columns():
    text = explanation_text(explained(ON_THREE_KINDS, "tpot_p95_s"))
    assert max(map(len, text.splitlines())) <= 80
    assert "launching 32 layers" in text
    assert "KiB a token" in text
    assert text.splitlines()[0].startswith("chat: per token p95")


def test_a_claim_that_is_not_made_is_refused_with_a_near_one():
    with pytest.raises(UserInputError, match="did you mean ttft_p95_s"):
        explained(CHAT, "ttft_p95")


def test_the_document_holds_the_same_terms():
    explanation = explained(CHAT, "required_gib")
    document = json.loads(json.dumps(explanation_document(explanation)))
    assert document["schema"] == "advisor.explanation/1"
    assert [term["text"] for term in document["terms"]] == [term.text for term in explanation.terms]
    assert document["standing"] == "holds"


def test_the_command_explains_a_plan_file(tmp_path: Path):
    workload = tmp_path / "workload.yaml"
    example = Path(__file__).parents[3] / "examples" / "developer-mac" / "workload.yaml"
    workload.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    decision = decided(ALONE)
    plan = tmp_path / "plan.yaml"
    plan.write_text(plan_text(compose_plan(decision, workload_path="workload.yaml", workload_sha256="0" * 64)), encoding="utf-8")
    result = CliRunner().invoke(app, ["explain", str(plan), "weights_gib"])
    assert result.exit_code == 0
    assert "8,030,261,248 parameters in 32 layers" in " ".join(result.output.split())
    listed = CliRunner().invoke(app, ["explain", str(plan)])
    assert "name the number to explain" in str(listed.exception)
