"""A rule as prose, for the terminal and for its page under `docs/rules`: the file, said in sentences, nothing added."""

import dataclasses
import re
from collections.abc import Iterable, Mapping

from advisor.domain.verdict import Evidence
from advisor.rules.examples import facts_of
from advisor.rules.fact_paths import FactPath, fact_paths
from advisor.rules.rule import Rule, RuleSet

GENERATED = "<!-- Generated from rules/ by advisor.rules.explain: edit the rule, not this page. -->"
_CONNECTIVE = re.compile(r" (and|or) ")
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
    parts = [f"{rule.id}  {rule.text.title}", "\n".join(_facts(rule))]
    parts.append(_section("Fires when", _condition(rule).splitlines()))
    if rule.changes:
        parts.append(_section(_verb(rule), _changes(rule)))
    parts.append(_section("Says, for example", [said(rule)]))
    parts.append(_section("Evidence", [line for item in rule.evidence for line in (item.says, f"  {item.source}, {_when(item)}")]))
    parts.append(_section("Examples", _examples(rule)))
    return "\n\n".join([*parts, f"File: {rule.file}"])


def rule_page(rule: Rule) -> str:
    """The rule's page, Markdown."""
    parts = [GENERATED, f"# {rule.id}: {rule.text.title}", "\n".join(_facts(rule))]
    parts.append(f"## Fires when\n\n```\n{_condition(rule)}\n```")
    if rule.changes:
        parts.append(f"## {_verb(rule)}\n\n{_bullets(f'`{change}`' for change in _changes(rule))}")
    parts.append(f"## Says, for example\n\n> {said(rule)}")
    parts.append("## Evidence\n\n" + _bullets(f"{item.says}  \n  {_link(item.source)}, {_when(item)}" for item in rule.evidence))
    parts.append(f"## Examples\n\n{_START}\n\n{_bullets(_examples(rule))}")
    return "\n\n".join(parts) + "\n"


def pages(rules: RuleSet) -> dict[str, str]:
    """Every generated page by its path under `docs`."""
    return {"rules.md": rules_page(rules), "rule-facts.md": facts_page()} | {f"rules/{rule.id}.md": rule_page(rule) for rule in rules.rules}


def rules_page(rules: RuleSet) -> str:
    """The table of all rules, Markdown."""
    head = [GENERATED, "# Rules", _INTRODUCTION]
    rows = ["| rule | says | severity | engine | stage |", "|---|---|---|---|---|"]
    rows += [_row(rule) for rule in rules.rules]
    return "\n\n".join([*head, "\n".join(rows)]) + "\n"


def facts_page() -> str:
    """The table of all facts that a condition or a message may read, Markdown."""
    rows = [f"| `{fact.path}` | {_kind(fact)} | {', '.join(word for word in fact.choices if word)} |" for fact in fact_paths().values()]
    table = "\n".join(["| fact | type | words |", "|---|---|---|", *rows])
    return f"{GENERATED}\n\n# Facts that rules read\n\n{_FACTS}\n\n{table}\n"


def _kind(fact: FactPath) -> str:
    kind = getattr(fact.kind, "__name__", "") if isinstance(fact.kind, type) else str(fact.kind)
    return kind.replace("tuple[str, ...]", "list of text").replace("str", "text").replace(" | None", ", may be unknown")


_FACTS = (
    "What each means stands in [advisor/rules/facts.py](../advisor/rules/facts.py). A fact that may be unknown needs a guard: "
    "`(estimate.bound_gib ?? 0.0)`, or a comparison with `null`."
)
_START = "Each starts from [rules/baseline.yaml](../../rules/baseline.yaml)."
_INTRODUCTION = (
    "Every rule is one file under [rules/](../rules/README.md) with its evidence and its examples. `advisor explain RULE` prints one, "
    "`advisor rules check` runs all examples, `--rules DIR` adds a team's own."
)


def _row(rule: Rule) -> str:
    return f"| [{rule.id}](rules/{rule.id}.md) | {rule.text.title} | {rule.text.severity} | {_engines(rule)} | {rule.stage} |"


def _engines(rule: Rule) -> str:
    return ", ".join(rule.text.applies_to.engine) or "both"


def _facts(rule: Rule) -> Iterable[str]:
    applies = rule.text.applies_to
    engines = " and ".join(applies.engine) or "llama.cpp and vllm"
    version = f" {applies.engine_version}" if applies.engine_version else ""
    yield f"{_SEVERITIES[rule.text.severity]} Applies to {engines}{version}; scope {rule.text.scope}; runs {_STAGES[rule.stage]}."


def said(rule: Rule) -> str:
    """The message on the first example that fires."""
    example = next(example for example in rule.text.examples if example.fires)
    return rule.message.show(facts_of(rule, example))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _condition(rule: Rule) -> str:
    """The condition with each `and` and `or` on a line of its own."""
    return _CONNECTIVE.sub(r"\n\1 ", _one_line(rule.text.when))


def _verb(rule: Rule) -> str:
    return "Sets" if rule.text.effect.kind == "set" else "Assumes"


def _changes(rule: Rule) -> list[str]:
    return [f"{change.path} = {change.from_fact or _shown(change.value)}" for change in rule.changes]


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _link(source: str) -> str:
    return f"<{source}>" if source.startswith("http") else source


def _when(item: Evidence) -> str:
    return f"read {item.retrieved}{f', {item.engine_version}' if item.engine_version else ''}"


def _examples(rule: Rule) -> list[str]:
    return [f"{'fires' if e.fires else 'does not fire'}: {_given(e.given)}" for e in rule.text.examples]


def _given(given: Mapping[str, object]) -> str:
    return ", ".join(f"{path} = {_shown(value)}" for path, value in given.items()) or "as it is"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
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
    lines = [
        f"{rule.id}  {rule.text.severity:<5}  {', '.join(rule.text.applies_to.engine) or 'both':<9}  {rule.text.title}"
        for rule in rules.rules
    ]
    return "\n".join([*lines, *(f"{r.rule}: {r.by} replaces {r.built_in}" for r in rules.replaced)])


def describe_all(rules: RuleSet) -> dict[str, object]:
    """All rules as JSON values."""
    replaced = [dataclasses.asdict(r) for r in rules.replaced]
    return {"rules": [describe(rule) for rule in rules.rules], "replaced": replaced}
