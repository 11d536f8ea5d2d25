"""`advisor ask`: a workload file from about ten questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.output import Format

if TYPE_CHECKING:
    from advisor.cli.asking import Written


_ANSWERS = "Answers as you would type them. What is lacking is asked; without a terminal, assumed and recorded."
_Output = Annotated[Path, typer.Option("--output", "-o", help="Write the workload here; an edited file is kept, see --force.")]
_Answers = Annotated[Path | None, typer.Option("--answers", help=_ANSWERS)]
_Lengths = Annotated[
    Path | None,
    typer.Option("--lengths-from", help="Ask nothing: print the lengths in a JSONL log, a vllm bench result or a /metrics page."),
]
_Name = Annotated[str | None, typer.Option("--name", help="Name of the workload; else from the output's file or folder.")]


def ask(
    output: _Output = Path("workload.yaml"),
    answers: _Answers = None,
    name: _Name = None,
    format: Annotated[Format, typer.Option("--format", help="text or json (says what was written).")] = "text",
    lengths_from: _Lengths = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output file instead of writing FILE.new beside it.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the questions.")] = False,
) -> None:
    """Write a workload.yaml by answering about ten questions, in the order of how much an answer removes.

    Each takes ? (why I ask), u (I don't know: an assumption that is recorded), b (back), q (save and stop). Contacts nobody.

    [bold]Examples[/bold]

      advisor ask -o capacity/letters/workload.yaml

      advisor ask --answers letters.answers.yaml -o workload.yaml

      advisor ask --lengths-from requests.jsonl
    """
    from advisor.cli.asking import interview_for, keep_answers, write_workload

    if lengths_from is not None:
        _print_lengths(lengths_from, format)
        return
    ended = interview_for(answers, quiet=quiet or format == "json")
    if ended.how == "complete":
        _report(write_workload(ended.interview, output, name=name, force=force), output, format=format, quiet=quiet)
        return
    kept = keep_answers(ended.interview, output, answers)
    if not quiet:
        typer.echo(f"\nsaved your answers in {kept}; go on with: advisor ask --answers {kept} -o {output}" if kept else "\nnothing to save")
    raise typer.Exit(ended.exit_code)


def _print_lengths(path: Path, format: Format) -> None:
    """The block of a workload that the file gives, to be pasted."""
    import dataclasses

    from advisor.catalog import load_catalog
    from advisor.cli.output import emit_json
    from advisor.intake.lengths import read_lengths

    found = read_lengths(path, load_catalog().engines.values())
    tokens = {name: dataclasses.asdict(getattr(found, name)) for name in ("input_tokens", "output_tokens")}
    if format == "json":
        emit_json({"schema": "advisor.lengths/1", "requests": found.requests, "said": found.said, **tokens})
        return
    typer.echo(f"request:   # {found.said}")
    for name, lengths in tokens.items():
        typer.echo(f"  {name + ':':<14} {{{', '.join(f'{key}: {value}' for key, value in lengths.items())}}}")


def _report(written: "Written", output: Path, *, format: Format, quiet: bool) -> None:
    from advisor.cli.output import emit_json

    following = f"advisor plan {written.path} -o {written.path.with_name('plan.yaml')}"
    if format == "json":
        emit_json({"schema": "advisor.ask/1", "workload": str(written.path), "assumed": list(written.assumed), "next": following})
    elif not quiet:
        if written.difference:
            typer.echo(f"{output} was there already and differs; wrote {written.path} beside it:\n{written.difference}")
        count = len(written.assumed)
        listed = f"{count} assumption{'' if count == 1 else 's'}, listed at its end" if count else "nothing assumed"
        typer.echo(f"wrote {written.path} ({written.lines} lines; {listed})\nnext: {following}")
