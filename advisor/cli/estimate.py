"""`advisor estimate`: memory, latency and cost of one model on one engine and device."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from advisor.cli.measuring import MeasuredOption, measured_points
from advisor.cli.output import AskEngineOption, CatalogOption, EnginePythonOption, FormatOption

if TYPE_CHECKING:
    from advisor.domain.deployment import Candidate
    from advisor.domain.engine_record import EngineRecord
    from advisor.domain.quantization import Quantization
    from advisor.domain.witness import Ask, Witness
    from advisor.intake.estimation import EstimateRequest, Program

CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
EPILOG = (
    "Settings of the engine follow under its own names (--ctx-size 8192 --cache-ram 0, --max-model-len 16k --kv-cache-dtype fp8) or "
    "under these, which hold for both: --context N, --parallel N, --kv-cache-dtype T or K,V, --[no-]unified-kv, --[no-]swa-full, "
    "--flash-attention auto|on|off, --ubatch N, --gpu-layers N, --cpu-moe-layers N, --tensor-split a,b, --[no-]prefix-caching, "
    "--block-size N, --max-num-batched-tokens N, --gpu-memory-utilization X, --kv-cache-memory-bytes N, --enforce-eager. "
    "A setting that is not given takes the default of that runtime and version, and is shown.\n\n"
    "Examples: [bold]advisor estimate google/gemma-3-27b-it --engine llama.cpp --quantization Q4_K_M --device rtx-3090 --context 32768 "
    "--parallel 4 --unified-kv[/bold]\n\n"
    "[bold]advisor estimate Qwen/Qwen3-32B --engine vllm --quantization fp8 --device h100-sxm --input-tokens 4000 --output-tokens 500 "
    "--concurrency 22 --price-per-hour 11.06[/bold]\n\n"
    "[bold]advisor estimate Qwen/Qwen3-32B --engine vllm --quantization fp8 --device h100-sxm --input-tokens 4000 --output-tokens 500 "
    "--concurrency 22 --measured tpot_s=0.021@8,ttft_s=0.42[/bold]"
)
_Model = Annotated[
    str, typer.Argument(help="Catalog id or alias, config.json, folder with one, .gguf, hf://org/repo[@revision]. Write it first.")
]
_Engine = Annotated[Literal["llama.cpp", "vllm"], typer.Option("--engine", help="llama.cpp or vllm.")]
_Device = Annotated[str, typer.Option("--device", help="Device id; cpu is a generic CPU, this-machine is this one.")]
_Runtime = Annotated[str | None, typer.Option("--runtime", help="llama-server, llama-cpp-python, llama-cpp-server, vllm-serve; /backend.")]
_Version = Annotated[str | None, typer.Option("--engine-version", help="b11549, 0.33.0 …")]
_Quantization = Annotated[str | None, typer.Option("--quantization", help="Q4_K_M, bf16, fp8 …; a file may say it itself.")]
_Imatrix = Annotated[bool, typer.Option("--imatrix", help="The GGUF is made with an importance matrix.")]
_Weights = Annotated[int | None, typer.Option("--weights-bytes", help="Tensor bytes of the files, where you know them.")]
_Count = Annotated[int | None, typer.Option("--devices", help="Devices of the replica.")]
_Tensor = Annotated[int, typer.Option("--tensor-parallel", "--tensor-parallel-size", help="vLLM: ranks that share each layer.")]
_Pipeline = Annotated[int, typer.Option("--pipeline-parallel", "--pipeline-parallel-size", help="vLLM: stages.")]
_Data = Annotated[int, typer.Option("--data-parallel", "--data-parallel-size", help="vLLM: copies behind one address.")]
_Expert = Annotated[bool, typer.Option("--expert-parallel", "--enable-expert-parallel", help="vLLM: whole experts per rank.")]
_Input = Annotated[int | None, typer.Option("--input-tokens", help="Tokens sent per request.")]
_Output = Annotated[int | None, typer.Option("--output-tokens", help="Tokens generated per request.")]
_Concurrency = Annotated[int | None, typer.Option("--concurrency", help="Requests always in flight.")]
_Rate = Annotated[float | None, typer.Option("--request-rate", help="Requests per second that arrive.")]
_Price = Annotated[float | None, typer.Option("--price-per-hour", help="USD per hour of the whole deployment.")]
_Download = Annotated[
    float | None,
    typer.Option("--download-speed", help="MB/s at which the weights are fetched before they are read."),
]
_Like = Annotated[str | None, typer.Option("--like", help="The model whose architecture yours has; MODEL is then its name only.")]
_Quiet = Annotated[bool, typer.Option("--quiet", help="Only the answer on one line: fits, does not fit, may not fit.")]


def estimate(
    ctx: typer.Context,
    model: _Model,
    *,
    engine: _Engine,
    device: _Device,
    like: _Like = None,
    quantization: _Quantization = None,
    runtime: _Runtime = None,
    engine_version: _Version = None,
    imatrix: _Imatrix = False,
    weights_bytes: _Weights = None,
    devices: _Count = None,
    tensor: _Tensor = 1,
    pipeline: _Pipeline = 1,
    data: _Data = 1,
    expert: _Expert = False,
    input_tokens: _Input = None,
    output_tokens: _Output = None,
    concurrency: _Concurrency = None,
    request_rate: _Rate = None,
    price_per_hour: _Price = None,
    download_speed: _Download = None,
    measured: MeasuredOption = None,
    ask_engine: AskEngineOption = False,
    engine_python: EnginePythonOption = None,
    catalogs: CatalogOption = None,
    output: FormatOption = "text",
    quiet: _Quiet = False,
) -> None:
    """Memory, latency and cost of one model on one engine and device, each number with its range and where it comes from."""
    from advisor.domain.engine import Parallelism
    from advisor.intake.estimation import EstimateRequest, Program, Traffic, WeightFiles

    program = Program(engine, runtime, engine_version)
    weights = WeightFiles(quantization, imatrix, weights_bytes)
    spread = Parallelism(tensor, pipeline, data, expert)
    traffic = Traffic(input_tokens, output_tokens, concurrency, request_rate)
    flags, points = _flags(program, ctx.args), measured_points(measured)
    asked = EstimateRequest(model, device, program, weights, spread, traffic, flags, devices, price_per_hour, like, points, download_speed)
    _print(asked, _witness(model, engine_python) if ask_engine else None, output, quiet=quiet)


def _flags(program: "Program", arguments: list[str]) -> dict[str, object]:
    from advisor.catalog import load_catalog
    from advisor.intake.estimate_flags import estimate_flags

    record = load_catalog().engine(program.engine)
    return estimate_flags(record, (program.runtime or record.default_runtime).partition("/")[0], arguments)


def _witness(reference: str, engine_python: str | None) -> "Ask":
    """Asks about the user's own file where the model is one, else about a header of the same dimensions."""
    from advisor.engines.witness import ask_engine
    from advisor.intake.models import gguf_file_of

    def ask(candidate: "Candidate", quantization: "Quantization", record: "EngineRecord") -> "Witness":
        file = gguf_file_of(candidate.model, reference)
        return ask_engine(candidate, quantization, record, engine_python=engine_python, file=file)

    return ask


def _print(asked: "EstimateRequest", ask: "Ask | None", output: str, *, quiet: bool) -> None:
    from advisor.catalog import load_catalog
    from advisor.cli.output import emit_json, printable, say_overrides
    from advisor.errors import UnknownArchitecture
    from advisor.intake.estimation import estimate_request
    from advisor.report.estimate_json import estimate_json
    from advisor.report.estimate_text import FITS, estimate_text

    say_overrides(load_catalog(), quiet=quiet)
    try:
        answer = estimate_request(asked, load_catalog(), ask)
    except UnknownArchitecture as unknown:
        _print_witness(asked, ask, unknown, output)
        return
    if output == "json":
        emit_json(dict(estimate_json(answer)))
    elif quiet:
        typer.echo(FITS[answer.estimate.memory.fits])
    else:
        typer.echo(printable(estimate_text(answer)))


def _print_witness(asked: "EstimateRequest", ask: "Ask | None", unknown: Exception, output: str) -> None:
    """What the engine alone knows, where it is asked about a file that nobody else here understands."""
    from pathlib import Path

    from advisor.catalog import load_catalog
    from advisor.cli.output import emit_json, printable
    from advisor.intake.unread_gguf import ask_about_file
    from advisor.report.witness_json import witness_document
    from advisor.report.witness_text import witness_text

    path = Path(asked.model).expanduser()
    if ask is None or path.suffix != ".gguf":
        raise unknown
    told = ask_about_file(asked, path, load_catalog(), ask)
    if output == "json":
        emit_json(witness_document(told))
    else:
        typer.echo(printable(witness_text(told)))
