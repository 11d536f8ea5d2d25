"""`advisor engines list | install | remove`: which engines are on this machine, and a llama.cpp of one's own."""

from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.output import FormatOption, confirm
from advisor.errors import NotBuiltYet, UserInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.engines.install_llama_cpp import InstallPlan

app = typer.Typer(no_args_is_help=True, help="Show, install and remove inference engines on this machine.")
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
_SECONDS_BETWEEN = 5.0


@app.command("list", epilog="Example: [bold]advisor engines list --format json[/bold]")
def list_engines(output: FormatOption = "text") -> None:
    """Every llama.cpp that can be found, in the order in which it would be taken; exit 3 when there is none."""
    from advisor.cli.output import emit_json
    from advisor.engines.find import survey

    rows = survey()
    if output == "json":
        emit_json({"schema": "advisor.engines/1", "engines": [row.as_dict() for row in rows]})
    else:
        for row in rows:
            typer.echo(str(row))
    if not any(row.found for row in rows):
        if output == "text":
            typer.echo("no engine here: advisor engines install llama.cpp")
        raise typer.Exit(3)


@app.command(
    epilog="Example: [bold]advisor engines install llama.cpp --yes[/bold]. For a GPU build set cmake's switch first: "
    "CMAKE_ARGS=-DGGML_CUDA=ON (NVIDIA), -DGGML_HIP=ON (AMD), -DGGML_VULKAN=ON, -DGGML_SYCL=ON (Intel); on macOS Metal is on by itself.",
)
def install(
    engine: Annotated[str, typer.Argument(help="llama.cpp")],
    yes: _Yes = False,
    quiet: _Quiet = False,
) -> None:
    """Build an engine from source for this machine, in an environment of its own. Uses the network (the Python package index)."""
    import os

    from advisor.engines.install_llama_cpp import install_llama_cpp, plan_install

    _require_known(engine)
    options = os.environ.get("CMAKE_ARGS", "")
    plan = plan_install(options)
    if plan.already_there:
        typer.echo(f"{plan.name}: installed already; `advisor engines remove {plan.name}` removes it")
        return
    typer.echo(_announcement(plan), err=True)
    confirm("Install it?", yes=yes)
    made = install_llama_cpp(plan, extra_options=options, progress=None if quiet else _reporter(plan.expected_s))
    typer.echo(f"installed {made.name} ({made.disk_bytes / 1024**2:.0f} MiB); advisor finds it by itself")


@app.command(epilog="Example: [bold]advisor engines remove llama.cpp[/bold]")
def remove(
    engine: Annotated[str, typer.Argument(help="An engine (all its environments) or one environment's name.")],
    yes: _Yes = False,
) -> None:
    """Remove what `advisor engines install` made. The built wheel stays in the cache, so that installing again takes seconds."""
    from advisor.engines.install import remove as remove_environments

    confirm(f"Remove {engine}?", yes=yes)
    for made in remove_environments(engine):
        typer.echo(f"removed {made.name} ({made.disk_bytes / 1024**2:.0f} MiB)")


def _require_known(engine: str) -> None:
    if engine == "vllm":
        raise NotBuiltYet("advisor engines install vllm: not built yet in this version. Nothing was downloaded.")
    if engine != "llama.cpp":
        raise UserInputError(f"{engine}: not an engine that can be installed; known: llama.cpp")


def _announcement(plan: "InstallPlan") -> str:
    source = "from the wheel built before" if plan.wheel else f"source build for this CPU on {plan.cores} cores"
    download = f"downloads about {(plan.download_bytes or 20 * 1024**2) / 1024**2:.0f} MB"
    return (
        f"llama.cpp through llama-cpp-python {plan.version}: {source}; {download}, keeps {plan.disk_bytes / 1024**2:.0f} MB, "
        f"takes about {_duration(plan.expected_s)}. The environment is {plan.name}."
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _reporter(expected_s: float) -> "Callable[[str], None]":
    """Progress on stderr, every few seconds: the build's own step count, else the time passed against what was expected."""
    import time

    from advisor.engines.install_llama_cpp import steps_done

    started_s = time.monotonic()
    last_s = started_s

    def report(line: str) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s < _SECONDS_BETWEEN:
            return
        last_s = now_s
        steps = steps_done(line)
        done = f"{steps[0]} of {steps[1]} files" if steps else "working"
        typer.echo(f"  {now_s - started_s:4.0f} s of about {expected_s:.0f} s: {done}", err=True)

    return report
