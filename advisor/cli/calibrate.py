"""`advisor calibrate`: measure this machine, so that plans for it rest on its own numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.output import EnginePythonOption, Format, FormatOption

if TYPE_CHECKING:
    from advisor.domain.calibrated import CalibratedMachine
    from advisor.validation.contention import Contention


def calibrate(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result here instead of where plans look for it.")] = None,
    *,
    time_limit_s: Annotated[float, typer.Option("--time-limit", min=10.0, help="Seconds for everything.")] = 115.0,
    llama_cpp_python: EnginePythonOption = None,
    engine_binary: Annotated[str | None, typer.Option("--engine-binary", help="A llama-server.")] = None,
    vllm_python: Annotated[str | None, typer.Option("--vllm-python", help="Python that has vLLM.")] = None,
    format: FormatOption = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Measure memory bandwidth, arithmetic and short runs of the engines that are here, in under two minutes.

    The engines serve small models of made-up numbers. Later plans and estimates for this machine (hardware.this_machine,
    --device this-machine) are scaled by the result and say so; plans keep what they used. Other machines are untouched.

    Exit code 0: measured and kept. 5: other work used the processors, so nothing was kept. What the engines missed is said.

    [bold]Examples[/bold]

      advisor calibrate

      advisor calibrate --format json -o machine.json
    """
    from advisor.cli.calibrating import Asked, measure_machine
    from advisor.errors import TimedOut

    asked = Asked(time_limit_s, llama_cpp_python, engine_binary, vllm_python, quiet)
    found, contention = measure_machine(asked)
    kept = _keep(found, contention, output)
    _print(found, contention, kept, format)
    raise typer.Exit(0 if kept else TimedOut.exit_code)


def _keep(found: "CalibratedMachine", contention: "Contention", output: Path | None) -> Path | None:
    """Where it was written; nowhere when the machine was not ours."""
    from advisor.files.calibrated import write_calibrated
    from advisor.intake.calibrated import calibration_path

    if contention.disturbed:
        return None
    path = output or calibration_path(found.machine)
    write_calibrated(path, found)
    return path


def _print(found: "CalibratedMachine", contention: "Contention", kept: Path | None, format: Format) -> None:
    from advisor.cli.output import emit_json, printable
    from advisor.files.calibrated import calibrated_document
    from advisor.report.calibrated_text import calibrated_text

    if format == "json":
        emit_json(calibrated_document(found))
    else:
        typer.echo(printable(calibrated_text(found, contention)))
    if kept is None:
        typer.echo(f"not kept: {contention.words()}: run it again when the machine is quiet", err=True)
    else:
        typer.echo(f"wrote {kept}", err=True)
