"""`advisor schema`: the JSON Schema of a file."""

from typing import Annotated

import typer


def schema(
    name: Annotated[str | None, typer.Argument(help="workload, plan, evidence …; without it, the names.", metavar="[NAME]")] = None,
) -> None:
    """Print the JSON Schema of a file or document, for editors and other programs.

    [bold]Examples[/bold]

      advisor schema

      advisor schema workload > workload.schema.json
    """
    from advisor.cli.output import emit_json
    from advisor.errors import UserInputError, near_names
    from advisor.report.schemas import SCHEMAS, schema_document

    if name is None:
        typer.echo("\n".join(SCHEMAS))
    elif name in SCHEMAS:
        emit_json(schema_document(name))
    else:
        near = near_names(name, SCHEMAS, most=1)
        raise UserInputError(f"schema {name}: unknown; {f'did you mean {near[0]}?' if near else 'known: ' + ', '.join(SCHEMAS)}")
