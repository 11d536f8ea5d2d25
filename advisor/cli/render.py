"""`advisor render`: a plan as the files that start it."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from advisor.cli.output import FormatOption


def render(
    plan: Annotated[Path, typer.Argument(help="plan.yaml.")],
    target: Annotated[Literal["command", "compose", "kubernetes"], typer.Option("--target", "-t", help="command, compose or kubernetes.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write into this folder; without it, print.")] = None,
    registry: Annotated[str | None, typer.Option("--registry", metavar="HOST/PATH", help="Take the image from this mirror.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that differ from what would be written.")] = False,
    output_format: FormatOption = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write the files, say nothing.")] = False,
) -> None:
    """Render a plan as a shell command, a Compose file or Kubernetes manifests: every setting pinned, locked down, no secret inside.

    The same plan gives the same bytes. A file that somebody edited is never overwritten without --force.

    [bold]Examples[/bold]

      advisor render plan.yaml --target kubernetes --output deploy/letters --registry registry.example/mirror

      advisor render plan.yaml --target command
    """
    from advisor.cli.rendering import render_plan, summary
    from advisor.manifests.writing import write_rendered

    rendered = render_plan(plan, target, registry=registry)
    written = write_rendered(rendered, output, force=force) if output else {}
    if output_format == "json":
        _emit(rendered, target, written)
    elif output is None:
        typer.echo("---\n".join(file.text for file in rendered.files), nl=False)
        if not quiet:
            typer.echo(summary(rendered, None), err=True)
    elif not quiet:
        typer.echo(summary(rendered, output))


def _emit(rendered: Any, target: str, written: dict[str, str]) -> None:  # noqa: ANN401 - imported lazily
    from advisor.cli.output import emit_json

    files = [{"path": file.path, "state": written.get(file.path, "printed"), "text": file.text} for file in rendered.files]
    emit_json({"schema": "advisor.render/1", "target": target, "files": files, "needs": list(rendered.needs)})
