"""What `advisor render` does between its options and its output."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from advisor.assess import assess
from advisor.files.plan import read_plan
from advisor.manifests.blueprint import Blueprint, blueprint
from advisor.manifests.command import render_command
from advisor.manifests.compose import render_compose
from advisor.manifests.kubernetes import render_kubernetes
from advisor.manifests.rendered import Rendered
from advisor.planning.case import case_of, workload_of
from advisor.planning.resolve import resolved_in

Target = Literal["command", "compose", "kubernetes"]
_RENDERERS: Final[dict[Target, Callable[[Sequence[Blueprint]], Rendered]]] = {
    "command": render_command,
    "compose": render_compose,
    "kubernetes": render_kubernetes,
}


def render_plan(path: Path, target: Target, *, registry: str | None = None) -> Rendered:
    """The files of a plan. Raises UserInputError for what cannot be rendered, DataError for a faulty plan."""
    return _RENDERERS[target](blueprints_of(path, registry=registry))


def blueprints_of(path: Path, *, registry: str | None = None) -> list[Blueprint]:
    """Every deployment of a plan, estimated again and ready to be laid out."""
    plan, document = read_plan(path)
    workload, _ = workload_of(plan, path)
    case = case_of(workload, [], plan)
    found: list[Blueprint] = []
    for index, planned in enumerate(plan.deployments):
        assessment = assess(*resolved_in(document, index, workload, case.catalog, plan=plan), case, look="ranges")
        found.append(blueprint(planned, assessment, case.catalog.engine(planned.engine.name), registry=registry))
    return found


def summary(rendered: Rendered, folder: Path | None) -> str:
    """What was written and what is needed from the user."""
    count = len(rendered.files)
    lines = (
        [] if folder is None else [f"{folder}: {count} file{'s' if count != 1 else ''}: {' '.join(file.path for file in rendered.files)}"]
    )
    lines += [f"{'needs from you: ' if index == 0 else '                '}{need}" for index, need in enumerate(rendered.needs)]
    return "\n".join(lines)
