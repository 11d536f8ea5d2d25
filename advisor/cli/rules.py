"""`advisor rules`: what the advisor knows as rules, and a check of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import pending
from advisor.cli.output import FormatOption, RulesOption

app = typer.Typer(no_args_is_help=True, help="List the rules, and check your own.")


@app.command("list", epilog="Example: [bold]advisor rules list --rules policies/hospital[/bold]")
def list_(
    rules: RulesOption = None,
    output_format: FormatOption = "text",
) -> None:
    """List every rule: id, severity, engine, what it says."""
    from advisor.cli.output import emit_json, printable
    from advisor.rules import load_rules
    from advisor.rules.explain import describe_all, list_text

    known = load_rules(rules or [])
    if output_format == "json":
        emit_json({"schema": "advisor.rules/1", **describe_all(known)})
    else:
        typer.echo(printable(list_text(known)))


@app.command(epilog="Example: [bold]advisor rules check policies/hospital[/bold]")
def check(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Your own rules; without it, the built-in ones.")] = None,
    output_format: FormatOption = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")] = False,
) -> None:
    """Check rule files and run their examples; exit 2 with every fault at its line and column."""
    from advisor.cli.output import emit_json, printable
    from advisor.rules import load_rules
    from advisor.rules.examples import check_examples

    known = load_rules([directory] if directory else [])
    checked = [rule for rule in known.rules if rule.team == (directory is not None)]
    examples = check_examples(checked)
    replaced = [r.rule for r in known.replaced]
    if output_format == "json":
        emit_json({"schema": "advisor.rules-check/1", "rules": len(checked), "examples": examples, "replaced": replaced})
    elif not quiet:
        notes = [f"{rule_id} replaces the built-in rule" for rule_id in replaced]
        typer.echo(printable("\n".join([f"{len(checked)} rules, {examples} examples: all as they say", *notes])))


pending.register(app, {"new": "Write a new rule's file with its blanks."}, "rules ")
