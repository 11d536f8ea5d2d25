"""`advisor explain PLAN TOPIC`: what is known about a deployment that is more than one number."""

from functools import partial
from typing import TYPE_CHECKING

import typer

from advisor.cli.output import Format

if TYPE_CHECKING:
    from advisor.assess import Case
    from advisor.domain.assessment import Assessment
    from advisor.planning.topics import Topic


def show_topic(topic: "Topic", case: "Case", assessment: "Assessment", output_format: Format, *, quiet: bool) -> None:
    """As text or JSON; quietly, the deployment alone."""
    from advisor.cli.output import emit_json, printable
    from advisor.cli.planning import machine_of
    from advisor.planning.planner import decide
    from advisor.planning.topics import tell
    from advisor.report.topic_text import topic_document, topic_text

    here = machine_of(case.workload)
    machine = here.node if here else None
    again = partial(decide, catalog=case.catalog, rules=case.rules, machine=machine, explore=False)
    told = tell(topic, case, assessment, machine=machine, decide=again)
    if output_format == "json":
        emit_json(topic_document(told))
        return
    text = printable(topic_text(told))
    typer.echo(text.splitlines()[0] if quiet else text)
