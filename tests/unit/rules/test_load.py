"""A rule file with a fault is refused with the fault's line and column, in words that say what to write instead."""

import re

import pytest

from advisor.errors import DataError, UserInputError
from advisor.rules import load_rules
from advisor.rules.load import read_rule

GOOD = """\
id: QNT903
title: A rule
scope: candidate
severity: warn
applies_to:
  engine: [vllm]
when: >-
  quantization.compute == 'fp8'
  and (hardware.compute_capability ?? 0.0) < 8.9
effect: warn
message: "{{ hardware.name }} has {{ hardware.compute_capability }}"
evidence:
  - source: https://docs.vllm.ai/
    retrieved: 2026-11-20
    says: It says so.
examples:
  - given: {hardware.compute_capability: 8.6, quantization.compute: fp8}
    fires: true
  - given: {hardware.compute_capability: 9.0, quantization.compute: fp8}
    fires: false
"""
FILE = "rules/quantization/QNT903-a-rule.yaml"


def test_a_good_rule_loads_and_knows_what_it_reads():
    rule = read_rule(GOOD, FILE)
    assert rule.reads == ("quantization.compute", "hardware.compute_capability")
    assert rule.stage == "judge"
    assert rule.message.reads == ("hardware.name", "hardware.compute_capability")


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("hardware.compute_capability ??", "hardware.compute_capabilty ??", "9:17", "did you mean compute_capability?"),
        ("hardware.compute_capability ??", "hardwear.compute_capability ??", "9:8", "did you mean hardware?"),
        ("(hardware.compute_capability ?? 0.0)", "hardware.compute_capability", "7:7", "discharge with '??'"),
        ("(hardware.compute_capability ?? 0.0) < 8.9", "hardware.name > 1", "7:7", "type mismatch"),
        ("== 'fp8'", "== 8", "8:16", "compares a string with a float"),
        ("== 'fp8'", "== 'fp9'", "8:28", "is never 'fp9'; did you mean fp8?"),
        ("== 'fp8'", "in ['fp8', 'int9']", "8:36", "is never 'int9'; did you mean int8?"),
        ("quantization.compute == 'fp8'\n  and (hardware.compute_capability ?? 0.0) < 8.9", "model.experts", "7:7", "not true or false"),
        ("8.9\neffect", "\neffect", "7:7", "syntax error at its end"),
        ("severity: warn", "severity: warning", "4:11", "expected 'block', 'warn' or 'note'"),
        ("severity: warn", "severity: block", "4:11", "block goes with `effect: reject`"),
        ("id: QNT903", "id: FP8", "1:5", "three capital letters and three digits"),
        ("effect: warn", "effect: {warn: yes, reject: yes}", "10:9", "found reject and warn"),
        ("effect: warn", "effect: complain", "10:9", "reject, warn, or a mapping"),
        ("effect: warn", "effect: {assume: {quantization.compute: 12bit}}", "10:19", "is never '12bit'"),
        ("effect: warn", "effect: {assume: {quantisation.compute: 16bit}}", "10:19", "did you mean quantization?"),
        ("effect: warn", "effect: {set: {quantization.compute: 16bit}}", "10:16", "is not a setting"),
        ("effect: warn", "effect: {set: {vllm.kv_cache_memory_gib: 4.0}}", "10:16", "vllm.kv_cache_memory_gib is not a setting"),
        ("effect: warn", "effect: {set: {vllm.enforce_eager: perhaps}}", "10:16", "valid boolean"),
        ("hardware.name }}", "hardware.nam }}", "11:23", "unknown fact 'hardware.nam'; did you mean name?"),
        ("{{ hardware.name }}", "{{ hardwear }}", "11:14", "unknown name 'hardwear'; did you mean hardware?"),
        ("{{ hardware.name }}", "{{ hardware.name | shout }}", "11:30", "unknown filter 'shout'; filters are short, count"),
        ("source: https://docs.vllm.ai/", "source: a colleague", "13:13", "an address (https://…)"),
        ("retrieved: 2026-11-20", "retrieved: last week", "14:16", "is not a date"),
        ("    says: It says so.\n", "", "13:5", "evidence[0].says: required, but missing"),
        ("fires: true", "fires: false", "17:3", "at least one that fires and one that does not"),
        ("{hardware.compute_capability: 8.6,", "{hardware.compute: 8.6,", "17:13", "unknown fact 'hardware.compute'"),
        ("{hardware.compute_capability: 8.6,", "{hardware.compute_capability: high,", "17:13", "valid number"),
        ("  engine: [vllm]", '  engine: [vllm]\n  engine_version: "new"', "7:19", "new"),
        ("  engine: [vllm]", '  engine: [vllm, llama.cpp]\n  engine_version: ">=1"', "7:19", "exactly one engine"),
        ("  engine: [vllm]", "  engines: [vllm]", "6:3", "unknown key; did you mean engine?"),
        ("quantization.compute == 'fp8'", "llama_cpp.parallel == 1", "7:7", "is a setting of llama.cpp"),
        ("quantization.compute == 'fp8'", "manifest.image == ''", "7:7", "rules of scope manifest alone"),
    ],
)
def test_every_fault_has_its_place_and_its_words(old, new, place, words):
    assert old in GOOD
    with pytest.raises(DataError) as caught:
        read_rule(GOOD.replace(old, new, 1), FILE)
    found = [fault for fault in caught.value.faults if words in fault.message]
    assert found, caught.value
    assert found[0].place == f"{FILE}:{place}", caught.value


@pytest.mark.parametrize(
    ("scope", "effect", "severity", "fact", "refused"),
    [
        ("inventory", "reject", "block", "model.experts > 0", True),
        ("inventory", "reject", "block", "hardware.is_cpu", False),
        ("candidate", "reject", "block", "(estimate.required_gib ?? 0.0) > 1", True),
        ("candidate", "reject", "block", "vllm.enforce_eager", True),
        ("candidate", "{set: {vllm.enforce_eager: true}}", "note", "vllm.max_model_len > 1", False),
        ("candidate", "{set: {vllm.enforce_eager: true}}", "note", "(estimate.required_gib ?? 0.0) > 1", True),
        ("deployment", "reject", "block", "(estimate.required_gib ?? 0.0) > 1", False),
    ],
)
def test_a_rule_reads_only_what_is_known_when_it_runs(scope, effect, severity, fact, refused):
    text = GOOD.replace("scope: candidate", f"scope: {scope}").replace("severity: warn", f"severity: {severity}")
    text = text.replace("effect: warn", f"effect: {effect}")
    text = re.sub(r"when: >-\n.*\n.*\n", f'when: "{fact}"\n', text)
    text = re.sub(r"message: .*\n", 'message: "{{ hardware.name }}"\n', text)
    if refused:
        with pytest.raises(DataError, match="not known when this rule runs"):
            read_rule(text, FILE)
    else:
        read_rule(text, FILE)


def test_all_faults_of_all_files_in_one_run(tmp_path):
    (tmp_path / "QNT903-a.yaml").write_text(GOOD.replace("severity: warn", "severity: bad"))
    (tmp_path / "QNT904-b.yaml").write_text(GOOD.replace("hardware.name }}", "hardware.nam }}"))
    with pytest.raises(DataError) as caught:
        load_rules([tmp_path])
    assert {fault.place.split(":")[0].rsplit("/")[-1] for fault in caught.value.faults} == {"QNT903-a.yaml", "QNT904-b.yaml"}


def test_the_file_is_named_after_the_rule():
    with pytest.raises(DataError, match="id: QNT903 does not begin the file's name"):
        read_rule(GOOD, "rules/quantization/QNT904-a-rule.yaml")


def test_the_same_id_twice_in_a_folder_is_refused(tmp_path):
    for name in ("QNT903-a.yaml", "QNT903-b.yaml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(DataError, match="is also the id of"):
        load_rules([tmp_path])


def test_a_team_rule_replaces_the_built_in_one_and_it_is_reported(tmp_path):
    (tmp_path / "QNT003-ours.yaml").write_text(GOOD.replace("QNT903", "QNT003"))
    (tmp_path / "QNT903-new.yaml").write_text(GOOD)
    rules = load_rules([tmp_path])
    assert [(r.rule, r.built_in, r.by) for r in rules.replaced] == [
        ("QNT003", "rules/quantization/QNT003-fp8-weights-without-fp8-tensor-cores.yaml", str(tmp_path / "QNT003-ours.yaml"))
    ]
    assert rules.get("QNT003").team and rules.get("QNT903").team and not rules.get("QNT004").team


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(UserInputError, match="no such folder of rules"):
        load_rules([tmp_path / "nowhere"])
