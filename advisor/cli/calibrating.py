"""What `advisor calibrate` does around the runs: find the engines, write their models, and leave nothing behind."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import typer

from advisor.catalog import Catalog, load_catalog
from advisor.cli.dates import today
from advisor.domain.calibrated import CalibratedMachine, MachineRates
from advisor.domain.engine import EngineName
from advisor.domain.machine_runs import MachineRun
from advisor.domain.measured import MeasuredPoint
from advisor.engines.find import FoundEngine, FoundServer, FoundVllm, find_llama_cpp, find_llama_server, find_vllm
from advisor.engines.interruption import raised
from advisor.engines.launch_environment import launch_environment
from advisor.engines.places import models_folder
from advisor.errors import NotProven, UserInputError
from advisor.intake.calibrated import with_rates
from advisor.intake.machine import inspect_machine, this_machine
from advisor.intake.measured import Known, scales_of
from advisor.resources import advisor_version
from advisor.synthesis.gguf import write_gguf
from advisor.synthesis.hf_folder import write_hf_folder
from advisor.validation.calibrate.kernels import KernelBench, Kernels, first_line, measure_kernels
from advisor.validation.calibrate.run import Bench, Terms, calibrate
from advisor.validation.contention import Contention
from advisor.validation.crossover.contender import Contender, Loads, contender
from advisor.validation.crossover.run import Equipped

T = TypeVar("T")
_DUMMY: Final = {"load-format": "dummy"}  # vLLM draws the weights itself


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line."""

    time_limit_s: float
    llama_cpp_python: str | None
    engine_binary: str | None
    vllm_python: str | None
    quiet: bool


@dataclass(frozen=True, slots=True)
class _LlamaCpp:
    binding: FoundEngine
    server: FoundServer


def measure_machine(asked: Asked) -> tuple[CalibratedMachine, Contention]:
    """The whole run. Ctrl-C ends what was started and removes what was written."""
    catalog, absent = load_catalog(), dict[EngineName, str]()
    llama_cpp = _found("llama.cpp", partial(_find_llama_cpp, asked), absent)
    vllm = _found("vllm", partial(_find_vllm, asked), absent)
    models_folder().mkdir(parents=True, exist_ok=True)
    runs = catalog.yardsticks.runs
    loads = Loads(runs.concurrency, runs.input_tokens, runs.output_tokens)
    with raised(), tempfile.TemporaryDirectory(dir=models_folder(), prefix="calibrate-") as folder:
        equip = partial(_equip, catalog=catalog, loads=loads, folder=Path(folder), llama_cpp=llama_cpp, vllm=vllm)
        python = llama_cpp.binding.python if llama_cpp else vllm.python if vllm else Path(sys.executable)
        doubt, kernels = partial(_doubt, catalog=catalog), _kernels(catalog, llama_cpp, Path(folder))
        bench = Bench(inspect_machine().id, python, loads, runs.runs, absent, equip, doubt, kernels)
        terms = Terms(asked.time_limit_s, today(), advisor_version())
        return calibrate(bench, terms, _silent if asked.quiet else _say)


def _found(engine: EngineName, find: Callable[[], T], absent: dict[EngineName, str]) -> T | None:
    """What was found; an engine that is not here is no reason not to measure the rest."""
    try:
        return find()
    except NotProven as error:
        absent[engine] = first_line(error)
        return None


def _find_llama_cpp(asked: Asked) -> _LlamaCpp:
    server = find_llama_server(asked.engine_binary, engine_python=asked.llama_cpp_python)
    return _LlamaCpp(find_llama_cpp(asked.llama_cpp_python), server)


def _find_vllm(asked: Asked) -> FoundVllm:
    found = find_vllm(asked.vllm_python)
    if found.problem or found.program() is None:
        raise NotProven(f"vLLM {found.version}: {found.problem or 'has no `vllm` program'}")
    return found


def _equip(
    run: MachineRun,
    rates: MachineRates,
    *,
    catalog: Catalog,
    loads: Loads,
    folder: Path,
    llama_cpp: _LlamaCpp | None,
    vllm: FoundVllm | None,
) -> Equipped:
    """One run with its model written. Raises UserInputError for what the engine would refuse."""
    offloads = llama_cpp.binding.offloads if run.engine == "llama.cpp" and llama_cpp else bool(vllm and vllm.backend != "cpu")
    model = catalog.yardsticks.model(run.model)
    assert model is not None  # noqa: S101 - the file's own check
    node = with_rates(this_machine(catalog, processor_only=not offloads), rates)
    size = partial(contender, catalog, run.engine, model=model, quantization=run.quantization, node=node, loads=loads)
    if run.engine == "llama.cpp" and llama_cpp:
        return _llama_cpp_side(size(), llama_cpp, folder)
    assert vllm is not None  # noqa: S101 - an engine that is absent is not equipped
    return _vllm_side(size(enforce_eager=True), vllm, folder)


def _kernels(catalog: Catalog, found: _LlamaCpp | None, folder: Path) -> Callable[[float, Callable[[str], None]], Kernels] | None:
    """What times llama.cpp's kernels, where it computes on processors."""
    if found is None or found.binding.offloads:
        return None
    runs, yardsticks = catalog.yardsticks.runs.kernels, catalog.yardsticks
    models = {name: model.architecture for name in runs.models if (model := yardsticks.model(name)) is not None}
    return partial(measure_kernels, KernelBench(found.binding.python, runs, models, folder))


def _llama_cpp_side(side: Contender, found: _LlamaCpp, folder: Path) -> Equipped:
    path = folder / f"{side.candidate.model.id.replace('/', '-')}-{side.quantization.id}.gguf"
    if not path.exists():
        write_gguf(path, side.candidate.model.architecture, side.quantization)
    return Equipped(side, found.server, found.binding.version, str(path), {})


def _vllm_side(side: Contender, found: FoundVllm, folder: Path) -> Equipped:
    path, program = folder / f"{side.candidate.model.id.replace('/', '-')}-{side.quantization.id}", found.program()
    assert program is not None  # noqa: S101 - looked for before
    write_hf_folder(path, side.candidate.model.architecture, quantization=side.quantization)
    served = FoundServer(program, found.origin, launch_environment(side.record, found.backend))
    return Equipped(side, served, found.version, str(path), _DUMMY)


def _say(words: str) -> None:
    typer.echo(f"  {words}", err=True)


def _doubt(point: MeasuredPoint, *, rates: MachineRates, catalog: Catalog) -> str | None:
    """Why later plans could not use it."""
    here = [with_rates(this_machine(catalog, processor_only=only), rates) for only in (True, False)]
    try:
        scales_of((point,), Known(catalog, {node.device.id: node for node in here}))
    except UserInputError as error:
        return first_line(error)
    return None


def _silent(words: str) -> None:
    """Nothing is said."""
