"""`advisor crossover`: from how many requests at once one engine overtakes the other on this machine, measured."""

from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.output import EnginePythonOption, Format, FormatOption

if TYPE_CHECKING:
    from advisor.validation.crossover.run import Crossover


def crossover(
    model: Annotated[str, typer.Argument(help="Catalog id or alias, config.json, or a folder with one.")],
    *,
    quantization: Annotated[
        str | None, typer.Option("--quantization", help="For both engines, or llama.cpp's and vLLM's: Q4_K_M,awq-int4. Default: 16 bits.")
    ] = None,
    layers: Annotated[int | None, typer.Option("--layers", min=1, help="Keep the model's first N layers only, one of each kind.")] = None,
    concurrency: Annotated[str, typer.Option("--concurrency", help="Requests at once.")] = "1,2,4,8,16",
    input_tokens: Annotated[int, typer.Option("--input-tokens", min=1, help="Tokens sent per request.")] = 128,
    output_tokens: Annotated[int, typer.Option("--output-tokens", min=2, help="Tokens generated per request.")] = 64,
    time_limit_s: Annotated[float, typer.Option("--time-limit", min=10.0, help="Seconds for both engines, starts included.")] = 900.0,
    enforce_eager: Annotated[
        bool, typer.Option("--enforce-eager", help="vLLM compiles nothing: ready minutes sooner, slower then.")
    ] = False,
    llama_cpp_python: EnginePythonOption = None,
    engine_binary: Annotated[str | None, typer.Option("--engine-binary", help="A llama-server.")] = None,
    vllm_python: Annotated[str | None, typer.Option("--vllm-python", help="Python that has vLLM.")] = None,
    format: FormatOption = "text",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a large file is written.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the finding only.")] = False,
) -> None:
    """Serve the same dimensions with llama.cpp and with vLLM on this machine, under the same loads, and see where one overtakes the other.

    Weights are made up: the same number, shape and type as the model's. Exit code 0: measured. 3: an engine is absent, or the model
    does not fit. 4: an engine refused or crashed. 5: out of time, or the machine was too busy to measure. What the other engine showed
    is printed all the same, after Ctrl-C too.

    [bold]Examples[/bold]

      advisor crossover Qwen/Qwen3-0.6B

      advisor crossover meta-llama/Llama-3.1-8B-Instruct --layers 8 --quantization Q4_K_M,awq-int4 --time-limit 600
    """
    from advisor.cli.crossing import Asked, measure_crossover

    programs = (llama_cpp_python, engine_binary, vllm_python)
    asked = Asked(model, quantization, layers, concurrency, input_tokens, output_tokens, time_limit_s, *programs, yes, quiet, enforce_eager)
    found = measure_crossover(asked)
    if found.curves:
        _print(found, format, quiet=quiet)
    _say_faults(found)
    raise typer.Exit(found.exit_code)


def _say_faults(found: "Crossover") -> None:
    from advisor.cli.output import printable

    for fault in found.faults:
        typer.echo(printable(f"{fault.engine}: {fault.error}"), err=True)


def _print(found: "Crossover", format: Format, *, quiet: bool) -> None:
    from advisor.cli.output import emit_json, printable
    from advisor.report.crossover_json import crossover_document
    from advisor.report.crossover_text import crossover_text
    from advisor.validation.crossover.curves import finding

    if format == "json":
        emit_json(crossover_document(found))
    else:
        typer.echo(finding(found.curves) if quiet else printable(crossover_text(found)))
