"""`advisor validate`: load the planned model on the engine and hold what it shows against the plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from advisor.cli.output import ApiKeyEnvOption, Format, FormatOption, api_key_from

if TYPE_CHECKING:
    from advisor.cli.asked import Asked, AskedEndpoint
    from advisor.domain.evidence import EvidenceFile


def validate(
    plan: Annotated[Path, typer.Argument(help="plan.yaml")],
    *,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            help="The planned model's .gguf file or safetensors folder. Neither this nor --synthetic: downloaded, pinned to a commit.",
        ),
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Write a file of the same tensors with made-up numbers and use it.")
    ] = False,
    deployment: Annotated[str | None, typer.Option("--deployment", help="Which deployment, when the plan has several.")] = None,
    concurrency: Annotated[
        str | None, typer.Option("--concurrency", help="Requests at once, such as 1,2,4. Default: 1 and all slots.")
    ] = None,
    engine_python: Annotated[str | None, typer.Option("--engine-python", help="An interpreter that has the engine.")] = None,
    engine_binary: Annotated[str | None, typer.Option("--engine-binary", help="A llama-server.")] = None,
    in_process: Annotated[
        bool,
        typer.Option("--in-process", help="Without a server, where there is none: llama.cpp in llama-cpp-python's process."),
    ] = False,
    scale_down: Annotated[
        bool,
        typer.Option("--scale-down", help="The planned device is not here: a few layers on this processor (exit code 3)."),
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="The server's port on the loopback address. Default: any free one.")
    ] = None,
    log: Annotated[
        str | None, typer.Option("--log", help="A server's start-up log, - for what is piped in: no engine is started, no request sent.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="A server that runs already, such as http://127.0.0.1:8000.")
    ] = None,
    benchmark: Annotated[
        Path | None,
        typer.Option("--benchmark", metavar="FILE", help="A result of guidellm or of vllm bench serve --save-detailed: nothing is sent."),
    ] = None,
    api_key_env: ApiKeyEnvOption = None,
    served_model: Annotated[
        str | None,
        typer.Option("--served-model", metavar="NAME", help="With --endpoint or --benchmark: what the planned model is called there."),
    ] = None,
    load_generator: Annotated[
        Literal["own", "vllm-bench"], typer.Option("--load-generator", help="With --endpoint: vllm-bench repeats the last load to compare.")
    ] = "own",
    tokenizer: Annotated[str | None, typer.Option("--tokenizer", help="With vllm-bench: a tokenizer's folder or hub id.")] = None,
    time_limit_s: Annotated[float, typer.Option("--time-limit", min=1.0, help="Seconds for the engine, loading included.")] = 600.0,
    record: Annotated[
        bool,
        typer.Option("--record", help="Add what was measured to measurements/ beside the plan: kept for calibration, no plan reads it yet"),
    ] = False,
    format: FormatOption = "text",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write large files, and measure a busy --endpoint, unasked.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary only.")] = False,
) -> None:
    """Prove a plan on the engine as deployed: its command starts, serves the context, takes the memory; and how fast its steps are here.

    Exit code 0: every required claim is proven. 1: one is refuted. 3: not proven (no engine, or not testable here).
    4: the engine refused or crashed. 5: timed out, or the machine was too busy to measure. Evidence is written beside the plan.

    [bold]Examples[/bold]

      advisor validate plan.yaml --synthetic

      advisor validate plan.yaml --model models/letters.gguf --concurrency 1,4 --format json

      kubectl logs deploy/letters | advisor validate plan.yaml --log -

      advisor validate plan.yaml --endpoint http://127.0.0.1:8000

      advisor validate plan.yaml --benchmark benchmarks.json
    """
    from advisor.cli.asked import Asked, AskedStart

    at = _endpoint(endpoint, api_key_env, tokenizer, vllm_bench=load_generator == "vllm-bench")
    _require_one_source({"--endpoint": at is not None, "--benchmark": benchmark is not None}, served_model)
    start = AskedStart(engine_python, engine_binary, in_process, scale_down, port)
    asked = Asked(plan, model, synthetic, deployment, concurrency, start, time_limit_s, yes, quiet, log, at, benchmark, served_model)
    raise typer.Exit(_prove(asked, record=record, format=format))


def _prove(asked: "Asked", *, record: bool, format: Format) -> int:
    """Run it, keep what it showed, print it; the exit code."""
    from advisor.cli.validating import run_validation
    from advisor.engines.interruption import raised
    from advisor.files.evidence import write_evidence

    with raised():
        evidence = run_validation(asked)
        path = None if evidence.differs else write_evidence(asked.plan, evidence)
        recorded = _record(asked.plan, evidence) if record else None
    return _show(evidence, path, recorded, format=format, quiet=asked.quiet)


def _record(plan: Path, evidence: "EvidenceFile") -> str:
    from advisor.cli.recording import record

    return record(plan, evidence)


def _endpoint(url: str | None, api_key_env: str | None, tokenizer: str | None, *, vllm_bench: bool) -> "AskedEndpoint | None":
    from advisor.errors import UserInputError

    if url is None:
        if api_key_env or tokenizer or vllm_bench:
            raise UserInputError("--api-key-env, --load-generator and --tokenizer go with --endpoint URL")
        return None
    from advisor.cli.asked import AskedEndpoint

    return AskedEndpoint(url, api_key_from(api_key_env), vllm_bench, tokenizer)


def _require_one_source(given: dict[str, bool], served_model: str | None) -> None:
    """Raises UserInputError for several of them, and for a name that is for none."""
    from advisor.errors import UserInputError

    sources = [flag for flag, is_given in given.items() if is_given]
    if len(sources) > 1:
        raise UserInputError(f"{' and '.join(sources)}: give one of them")
    if served_model and not sources:
        raise UserInputError(f"--served-model goes with {' or '.join(given)}")


def _show(evidence: "EvidenceFile", path: Path | None, recorded: str | None, *, format: Format, quiet: bool) -> int:
    """Print the answer; the exit code."""
    from advisor.cli.output import emit_json, printable
    from advisor.files.evidence import evidence_dict
    from advisor.report.validation_text import summary, validation_lines
    from advisor.validation.verdict import exit_code

    code = exit_code(evidence.claims, unusable=bool(evidence.contention.get("unusable")))
    if format == "json":
        document = {name: value for name, value in evidence_dict(evidence).items() if name != "schema"}
        written = {"evidence": str(path) if path else None, "recorded": recorded}
        emit_json({"schema": "advisor.validate/1", "exit_code": code, **written, **document})
        return code
    for line in validation_lines(evidence) if not quiet else ():
        typer.echo(printable(line))
    typer.echo(f"wrote {path}" if path else "no evidence was written")
    if recorded:
        typer.echo(recorded)
    typer.echo(summary(evidence, code))
    return code
