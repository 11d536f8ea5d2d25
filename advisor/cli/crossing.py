"""What `advisor crossover` does before and around the runs: find both engines, size both sides, write their models, say what happens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import psutil
import typer

from advisor.architectures.cut_down import cut_down, what_was_cut
from advisor.catalog import Catalog, load_catalog
from advisor.cli.output import agree_to_write
from advisor.domain.hardware import Node
from advisor.domain.model import Model
from advisor.engines.find import FoundServer, FoundVllm, find_llama_cpp, find_llama_server, find_vllm
from advisor.engines.interruption import raised
from advisor.engines.launch_environment import launch_environment
from advisor.errors import NotProven, UserInputError
from advisor.intake.calibrated import calibrated_machine
from advisor.intake.measured import Known, scales_of
from advisor.intake.models import find_model
from advisor.validation.crossover.contender import Contender, Loads, contender, require_room
from advisor.validation.crossover.run import Crossover, Equipped, measure
from advisor.validation.prepare import parse_concurrency
from advisor.validation.synthetic import make_synthetic, make_synthetic_folder, synthetic_path

_DUMMY: Final = {"load-format": "dummy"}  # vLLM draws the weights itself


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line."""

    model: str
    quantization: str | None
    layers: int | None
    concurrency: str
    input_tokens: int
    output_tokens: int
    time_limit_s: float
    llama_cpp_python: str | None
    engine_binary: str | None
    vllm_python: str | None
    yes: bool
    quiet: bool
    enforce_eager: bool = False


@dataclass(frozen=True, slots=True)
class _Programs:
    """Both engines as found here; `on_processor` where not both can use an accelerator."""

    llama_server: FoundServer
    llama_cpp_version: str
    vllm: FoundVllm
    vllm_program: Path
    on_processor: bool


def measure_crossover(asked: Asked) -> Crossover:
    """The whole run, with what of it failed once an engine was started. Raises what went wrong before; nothing is left running."""
    loads = Loads(parse_concurrency(asked.concurrency), asked.input_tokens, asked.output_tokens)
    if not loads.concurrency:
        raise UserInputError("--concurrency: name at least one number of requests at once, such as 1,2,4")
    catalog = load_catalog()
    whole = find_model(asked.model, catalog)
    model = _cut(whole, asked.layers)
    programs = _find(asked)
    here = calibrated_machine(catalog, processor_only=programs.on_processor)
    node = here.node
    catalog = catalog.with_measured(scales_of(here.points, Known(catalog, {node.device.id: node})))
    sides = _sides(asked, model, catalog=catalog, node=node, loads=loads)
    require_room(sides, available_bytes=psutil.virtual_memory().available)
    with raised():
        equipped = _equip(sides, programs, asked)
        curves, faults = measure(equipped, loads, budget_s=asked.time_limit_s, progress=None if asked.quiet else _say)
    reduced = tuple(_reduced(whole, model, sides, enforce_eager=asked.enforce_eager))
    return Crossover(model.id, node.id, loads.input_tokens, loads.output_tokens, reduced, curves, faults)


def _cut(model: Model, layers: int | None) -> Model:
    return model if layers is None else replace(model, architecture=cut_down(model.architecture, layers), checkpoints=())


def _find(asked: Asked) -> _Programs:
    """Both, or NotProven with how to install the missing one."""
    binding = find_llama_cpp(asked.llama_cpp_python)
    server = find_llama_server(asked.engine_binary, engine_python=asked.llama_cpp_python)
    vllm = find_vllm(asked.vllm_python)
    program = vllm.program()
    if program is None or vllm.problem:
        raise NotProven(f"vLLM {vllm.version} ({vllm.python}): {vllm.problem or 'has no `vllm` program'}: nothing was measured")
    return _Programs(server, binding.version, vllm, program, on_processor=not binding.offloads or vllm.backend == "cpu")


def _sides(asked: Asked, model: Model, *, catalog: Catalog, node: Node, loads: Loads) -> tuple[Contender, Contender]:
    """llama.cpp and vLLM, each in its own format of the same quantisation, or in the two that were named."""
    named = (asked.quantization or _sixteen_bits(model, catalog)).split(",")
    if len(named) > 2:
        raise UserInputError(f"--quantization {asked.quantization}: one for both engines, or llama.cpp's and vLLM's")
    side = partial(contender, catalog, model=model, node=node, loads=loads)
    return (
        side("llama.cpp", quantization=named[0].strip()),
        side("vllm", quantization=named[-1].strip(), enforce_eager=asked.enforce_eager),
    )


def _sixteen_bits(model: Model, catalog: Catalog) -> str:
    """The type of the release where it is of 16 bits, else the first format that loses nothing and that vLLM loads."""
    lossless = [one.id for one in catalog.quantizations.values() if one.format == "safetensors" and one.loss == "none"]
    released = [checkpoint.quantization for checkpoint in model.checkpoints if checkpoint.quantization in lossless]
    return (released or lossless)[0]


def _equip(sides: Sequence[Contender], programs: _Programs, asked: Asked) -> tuple[Equipped, Equipped]:
    llama, vllm = sides
    file = _gguf(llama, asked)
    folder = make_synthetic_folder(vllm.candidate.model.architecture, vllm.quantization)
    variables = launch_environment(vllm.record, programs.vllm.backend)
    served = FoundServer(programs.vllm_program, programs.vllm.origin, variables)
    return (
        Equipped(llama, programs.llama_server, programs.llama_cpp_version, str(file), {}),
        Equipped(vllm, served, programs.vllm.version, str(folder), _DUMMY),
    )


def _gguf(side: Contender, asked: Asked) -> Path:
    architecture = side.candidate.model.architecture
    size_bytes = int(sum(device.weights_bytes.value for device in side.memory.devices))
    path = synthetic_path(architecture, side.quantization)
    if not path.exists():
        agree_to_write(path, size_bytes, yes=asked.yes)
    return make_synthetic(architecture, side.quantization)


def _reduced(whole: Model, model: Model, sides: Sequence[Contender], *, enforce_eager: bool) -> Iterator[str]:
    """What is not as it would be deployed."""
    yield "weights: made up, as many and of the same types as the model's"
    if cut := what_was_cut(whole.architecture, model.architecture):
        yield cut
    if whole.architecture.encoder_parameters:
        yield "vision tower: left out on both sides"
    if enforce_eager:
        yield "vllm: enforce-eager: it starts sooner and decodes slower than the compiled model would"
    if len({side.quantization.id.lower() for side in sides}) > 1:
        yield f"formats differ: {', '.join(f'{side.engine} {side.quantization.id}' for side in sides)}"


def _say(words: str) -> None:
    typer.echo(f"  {words}", err=True)
