"""Honesty of the built-in rules: their examples, names, evidence, words and pages."""

import re
from pathlib import Path

import pytest

from advisor import resources
from advisor.documents import parse
from advisor.rules import judge, load_rules
from advisor.rules.examples import example_faults, facts_of, read_baseline
from advisor.rules.explain import pages
from advisor.rules.fact_paths import fact_paths
from advisor.rules.judge import fires

RULES = load_rules()
ROOT = Path(__file__).parents[2]
NAMED_IN_THE_PRODUCT = ["PRV001", "LAT002", "MEM001", "LCP002", "MOD012", "AVL001", "IMG001", "CTX003", "OPS004", "QNT003"]


def test_there_are_the_rules_that_messages_name():
    assert {rule.id for rule in RULES.rules} >= set(NAMED_IN_THE_PRODUCT)


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_examples_do_what_they_say(rule):
    assert example_faults([rule]) == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_a_message_says_something_about_the_case(rule):
    for example in rule.text.examples:
        facts = facts_of(rule, example)
        if fires(rule, facts):
            message = rule.message.show(facts)
            assert "None" not in message and "unknown" not in message, message
            assert message.endswith(".") and len(message) < 420, message


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_block_rests_on_source_documentation_measurement_or_arithmetic(rule):
    pages = r"https://(github\.com/(vllm-project|ggml-org|abetlen)|docs\.vllm\.ai|docs\.nvidia\.com|arxiv\.org)/"
    official = pages + "|arithmetic: |measurement: "
    if rule.text.severity == "block":
        assert any(re.match(official, item.source) for item in rule.evidence)
    for item in rule.evidence:
        if "/blob/" in item.source:
            assert item.engine_version, f"{rule.id}: source code is read in a version"


def test_nothing_fires_on_the_baseline():
    facts = read_baseline().facts
    assert [verdict.rule for stage in ("screen", "configure", "judge") for verdict in judge(RULES, facts, stage)] == []


def test_the_baseline_states_every_fact():
    document = parse((resources.folder("rules") / "baseline.yaml").read_text(encoding="utf-8"), "baseline.yaml")
    stated = {f"{group}.{name}" for group, facts in document.raw["facts"].items() for name in facts}
    assert stated == set(fact_paths())


def test_a_group_folder_has_prefixes_of_its_own():
    folder_of: dict[str, set[str]] = {}
    for rule in RULES.rules:
        folder_of.setdefault(rule.id[:3], set()).add(Path(rule.file).parent.name)
    assert {prefix: folders for prefix, folders in folder_of.items() if len(folders) > 1} == {}


def test_every_file_in_the_folder_is_a_rule_or_known():
    folder = resources.folder("rules")
    loaded = {rule.file for rule in RULES.rules} | {"rules/baseline.yaml", "rules/README.md"}
    assert {f"rules/{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file()} == loaded


def test_quantizations_that_conditions_name_exist():
    known = {path.stem for path in (ROOT / "catalog" / "quantizations").glob("*.yaml")}
    named = {word for rule in RULES.rules for word in re.findall(r"quantization\.id\s*[!=]=\s*'([^']+)'", rule.text.when)}
    assert named
    if known:
        assert named <= known


def test_vendors_that_conditions_name_are_vendors_of_the_catalog():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "catalog" / "devices").glob("*.yaml"))
    vendors = {vendor.strip().lower() for vendor in re.findall(r"^vendor: (.+)$", text, re.MULTILINE)}
    named = {word for rule in RULES.rules for word in re.findall(r"hardware\.vendor\s*[!=]=\s*'([^']+)'", rule.text.when)}
    assert named <= vendors


def test_the_committed_pages_are_the_generated_ones():
    wanted = pages(RULES)
    for name, text in wanted.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, f"{name}: run python scripts/generate_docs.py"
    assert {f"rules/{path.name}" for path in (ROOT / "docs" / "rules").glob("*.md")} == {name for name in wanted if "/" in name}
