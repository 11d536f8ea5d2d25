"""`advisor explain`: one rule as prose. Explaining the numbers of a plan hangs on the second argument."""

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli.output import Format, FormatOption, RulesOption
from advisor.errors import NotBuiltYet, UserInputError, did_you_mean


def explain(
    subject: Annotated[str, typer.Argument(metavar="RULE", help="A rule id, such as PRV001.")],
    claim: Annotated[str | None, typer.Argument(metavar="[CLAIM]", help="With a plan file: the claim to explain.")] = None,
    rules: RulesOption = None,
    output_format: FormatOption = "text",
) -> None:
    """Print a rule: when it fires, what it says, where that is known from."""
    if claim is not None or subject.endswith((".yaml", ".yml")):
        _explain_claim(subject, claim)
    else:
        _explain_rule(subject.upper(), rules or [], output_format)


def _explain_rule(rule_id: str, directories: list[Path], output_format: Format) -> None:
    from advisor.check.codes import EXPLAINED
    from advisor.cli.output import emit_json, printable
    from advisor.rules import load_rules
    from advisor.rules.explain import describe, explain

    if rule_id in EXPLAINED:
        _show_code(rule_id, EXPLAINED[rule_id], output_format)
        return
    known = load_rules(directories)
    rule = known.get(rule_id)
    if rule is None:
        hint = did_you_mean(rule_id, [r.id for r in known.rules]) or "; advisor rules list shows all"
        raise UserInputError(f"{rule_id}: no such rule{hint}")
    if output_format == "json":
        emit_json({"schema": "advisor.rule/1", **describe(rule)})
    else:
        typer.echo(printable(explain(rule)))


def _show_code(code: str, text: str, output_format: Format) -> None:
    """A finding that `check` makes by comparing files; no rule file stands behind it."""
    from advisor.cli.output import emit_json

    title, _, meaning = text.partition("\n")
    if output_format == "json":
        emit_json({"schema": "advisor.rule/1", "id": code, "title": title.rstrip("."), "meaning": meaning, "made_by": "advisor check"})
    else:
        typer.echo(f"{code}  {title}\n\n{meaning}".rstrip() + "\n\nMade by advisor check itself, not by a rule.")


def _explain_claim(plan: str, claim: str | None) -> None:
    raise NotBuiltYet(f"advisor explain {plan} {claim or ''}: explaining the numbers of a plan is not built yet. Nothing was read.")
