"""A rule as prose, for the terminal and for its page under `docs/rules`: the file, said in sentences, nothing added."""

import dataclasses
from collections.abc import Iterable

from advisor.domain.verdict import Evidence
from advisor.rules.rule import Rule, RuleSet

GENERATED = "<!-- Generated from rules/ by advisor.rules.explain: edit the rule, not this page. -->"
_STAGES = {
    "screen": "before anything is estimated",
    "configure": "before the estimate, while settings are chosen",
    "judge": "after the estimate",
}
_SEVERITIES = {
    "block": "Blocks: the candidate is dropped, and `advisor check` ends with exit code 1.",
    "warn": "Warns.",
    "note": "A note.",
}


def explain(rule: Rule) -> str:
    """The rule as plain text."""
    lines = [f"{rule.id}  {rule.text.title}", "", *_facts(rule), "", f"Fires when  {_one_line(rule.text.when)}", f"Says        {_one_line(rule.text.message)}"]
    lines += ["", "Evidence", *(f"  {line}" for item in rule.evidence for line in (f"{item.says}", f"  {item.source}, {_when(item)}"))]
    lines += ["", "Examples", *(f"  {_example(rule, index)}" for index in range(len(rule.text.examples)))]
    return "\n".join([*lines, "", f"File        {rule.file}"])


def rule_page(rule: Rule) -> str:
    """The rule's page, Markdown."""
    parts = [GENERATED, f"# {rule.id}: {rule.text.title}", "\n".join(_facts(rule))]
    parts.append(f"## Fires when\n\n```\n{rule.text.when.strip()}\n```")
    if rule.changes:
        changes = "\n".join(f"- `{c.path}` = `{c.from_fact or c.value}`" for c in rule.changes)
        parts.append(f"## Then {'sets' if rule.text.effect.kind == 'set' else 'assumes'}\n\n{changes}")
    parts.append(f"## Says\n\n```\n{_one_line(rule.text.message)}\n```")
    evidence = "\n".join(f"- {item.says}  \n  {_link(item.source)}, {_when(item)}" for item in rule.evidence)
    parts.append(f"## Evidence\n\n{evidence}")
    examples = "\n".join(f"- {_example(rule, index)}" for index in range(len(rule.text.examples)))
    parts.append(f"## Examples\n\nEach starts from [rules/baseline.yaml](../../rules/baseline.yaml).\n\n{examples}")
    return "\n\n".join(parts) + "\n"


def pages(rules: RuleSet) -> dict[str, str]:
    """Every generated page by its path under `docs`."""
    return {"rules.md": rules_page(rules)} | {f"rules/{rule.id}.md": rule_page(rule) for rule in rules.rules}


def rules_page(rules: RuleSet) -> str:
    """The table of all rules, Markdown."""
    head = [GENERATED, "# Rules", _INTRODUCTION]
    rows = ["| rule | says | severity | engine | stage |", "|---|---|---|---|---|"]
    rows += [_row(rule) for rule in rules.rules]
    return "\n\n".join([*head, "\n".join(rows)]) + "\n"


_INTRODUCTION = (
    "Every rule is one file under [rules/](../rules/README.md) with its evidence and its examples. `advisor explain RULE` prints one, "
    "`advisor rules check` runs all examples, `--rules DIR` adds a team's own."
)


def _row(rule: Rule) -> str:
    engines = ", ".join(rule.text.applies_to.engine) or "both"
    return f"| [{rule.id}](rules/{rule.id}.md) | {rule.text.title} | {rule.text.severity} | {engines} | {rule.stage} |"


def _facts(rule: Rule) -> Iterable[str]:
    applies = rule.text.applies_to
    engines = " and ".join(applies.engine) or "llama.cpp and vllm"
    version = f" {applies.engine_version}" if applies.engine_version else ""
    yield f"{_SEVERITIES[rule.text.severity]} Applies to {engines}{version}; scope {rule.text.scope}; runs {_STAGES[rule.stage]}."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _link(source: str) -> str:
    return f"<{source}>" if source.startswith("http") else source


def _when(item: Evidence) -> str:
    return f"read {item.retrieved}{f', {item.engine_version}' if item.engine_version else ''}"


def _example(rule: Rule, index: int) -> str:
    example = rule.text.examples[index]
    given = ", ".join(f"{path} = {_shown(value)}" for path, value in example.given.items()) or "as it is"
    return f"{'fires' if example.fires else 'does not fire'}: {given}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(str(part) for part in value)}]"
    return "null" if value is None else str(value) or "''"


def describe(rule: Rule) -> dict[str, object]:
    """The rule as JSON values."""
    text = rule.text
    return {
        "id": rule.id,
        "title": text.title,
        "severity": text.severity,
        "scope": text.scope,
        "stage": rule.stage,
        "engine": list(text.applies_to.engine),
        "engine_version": text.applies_to.engine_version,
        "when": _one_line(text.when),
        "reads": list(rule.reads),
        "effect": text.effect.kind,
        "changes": {change.path: change.from_fact or change.value for change in rule.changes},
        "message": _one_line(text.message),
        "evidence": [dataclasses.asdict(item) for item in rule.evidence],
        "file": rule.file,
    }


def list_text(rules: RuleSet) -> str:
    """All rules, one a line, and which built-in ones a team's rules replace."""
    lines = [f"{rule.id}  {rule.text.severity:<5}  {', '.join(rule.text.applies_to.engine) or 'both':<9}  {rule.text.title}" for rule in rules.rules]
    return "\n".join([*lines, *(f"{r.rule}: {r.by} replaces {r.built_in}" for r in rules.replaced)])


def describe_all(rules: RuleSet) -> dict[str, object]:
    """All rules as JSON values."""
    replaced = [dataclasses.asdict(r) for r in rules.replaced]
    return {"rules": [describe(rule) for rule in rules.rules], "replaced": replaced}
