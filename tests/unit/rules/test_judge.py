"""The judge: stages, confidence, memory, and what configure rules may decide."""

import dataclasses

import pytest

from advisor.domain.quantity import Basis
from advisor.errors import UserInputError
from advisor.rules import configure, judge, load_rules
from advisor.rules.examples import read_baseline, with_facts
from advisor.rules.load import read_rule
from advisor.rules.rule import RuleSet

RULE = """\
id: {id}
title: A rule
scope: candidate
severity: note
applies_to: {{engine: [vllm]}}
when: {when}
effect: {effect}
message: "length {{{{ vllm.max_model_len }}}}"
evidence: [{{source: https://example.org, retrieved: 2026-11-20, says: so}}]
examples: [{{given: {{}}, fires: true}}, {{given: {{}}, fires: false}}]
"""


def rule(rule_id, effect, *, when="vllm.max_model_len > 0", team=False):
    return read_rule(RULE.format(id=rule_id, effect=effect, when=when), f"{rule_id}-x.yaml", team=team)


@pytest.fixture(scope="module")
def rules():
    return load_rules()


@pytest.fixture(scope="module")
def facts():
    return read_baseline().facts


def ids(verdicts):
    return [verdict.rule for verdict in verdicts]


def test_a_rule_runs_in_its_stage_alone(rules, facts):
    rented = with_facts(facts, {"hardware.acquisition": "rent", "deployment.replicas": 1})
    assert ids(judge(rules, rented, "screen")) == ["PRV001"]
    assert ids(judge(rules, rented, "judge")) == ["AVL002"]
    assert ids(judge(rules, rented, "configure")) == []


def test_confidence_is_the_weakest_basis_of_what_the_condition_reads(rules, facts):
    broken = with_facts(facts, {"estimate.fits": "false", "estimate.bound_gib": "97", "estimate.required_gib": "99"})
    for usable, bound, word in [
        (Basis.EXACT, Basis.EXACT, "exact"),
        (Basis.EXACT, Basis.SCALED, "scaled"),
        (Basis.MODELLED, Basis.SCALED, "modelled"),
    ]:
        basis = {"estimate.usable_gib": usable, "estimate.bound_gib": bound, "estimate.required_gib": Basis.MODELLED}
        (verdict,) = judge(rules, dataclasses.replace(broken, basis=basis), "judge")
        assert (verdict.rule, verdict.severity, verdict.confidence) == ("MEM001", "block", word)


def test_an_engine_rule_stays_silent_on_the_other_engine(rules, facts):
    other = with_facts(facts, {"vllm.max_model_len": "999999", "engine.name": "llama.cpp"})
    assert "MOD012" not in ids(judge(rules, other, "judge"))
    assert "MOD012" in ids(judge(rules, with_facts(other, {"engine.name": "vllm"}), "judge"))


def test_a_remembered_verdict_is_not_told_to_other_facts(rules, facts):
    long = with_facts(facts, {"vllm.max_model_len": "65536", "model.max_context_tokens": "40960"})
    longer = with_facts(facts, {"vllm.max_model_len": "70000", "model.max_context_tokens": "40960"})
    first, again, other = (judge(rules, f, "judge")[0] for f in (long, long, longer))
    assert first is again
    assert "65536" in first.message and "70000" in other.message


def test_nothing_is_worked_out_twice_for_the_same_facts(rules, facts):
    def verdicts():
        return [verdict for stage in ("screen", "configure", "judge") for verdict in judge(rules, facts, stage)]

    first, remembered = verdicts(), sum(len(rule.memory) for rule in rules.rules)
    again = verdicts()
    assert remembered >= len(rules.rules) >= 50
    assert sum(len(rule.memory) for rule in rules.rules) == remembered
    assert all(one is other for one, other in zip(first, again, strict=True))


# ---- configure


def test_configure_sets_literals_and_facts_and_records_assumptions(facts):
    rules = RuleSet(
        (
            rule("AAA001", "{set: {vllm.enforce_eager: true}}"),
            rule("AAA002", "{set: {vllm.max_model_len: workload.longest_tokens}}"),
            rule("AAA003", "{assume: {quantization.compute: 16bit}}"),
            rule("AAA004", "{set: {vllm.max_num_seqs: 1}}", when="vllm.max_model_len < 0"),
        )
    )
    decided = configure(rules, facts)
    assert decided.settings == {"vllm.enforce_eager": True, "vllm.max_model_len": 7000}
    assert decided.assumptions == {"quantization.compute": "16bit"}
    assert decided.decided_by["vllm.max_model_len"] == "AAA002"
    assert ids(decided.verdicts) == ["AAA001", "AAA002", "AAA003"]


def test_two_rules_that_disagree_are_named(facts):
    rules = RuleSet((rule("AAA001", "{set: {vllm.max_num_seqs: 1}}"), rule("AAA002", "{set: {vllm.max_num_seqs: 2}}")))
    with pytest.raises(UserInputError, match=r"AAA002 and AAA001 disagree on vllm.max_num_seqs: 2 .* against 1"):
        configure(rules, facts)


def test_two_rules_that_agree_are_fine(facts):
    rules = RuleSet((rule("AAA001", "{set: {vllm.max_num_seqs: 2}}"), rule("AAA002", "{set: {vllm.max_num_seqs: 2}}")))
    assert configure(rules, facts).settings == {"vllm.max_num_seqs": 2}


@pytest.mark.parametrize("team_id", ["AAA000", "AAA009"])
def test_a_team_rule_wins_over_a_built_in_one(facts, team_id):
    both = [rule("AAA001", "{set: {vllm.max_num_seqs: 1}}"), rule(team_id, "{set: {vllm.max_num_seqs: 2}}", team=True)]
    decided = configure(RuleSet(tuple(sorted(both, key=lambda r: r.id))), facts)
    assert decided.settings == {"vllm.max_num_seqs": 2}
    assert decided.decided_by == {"vllm.max_num_seqs": team_id}
