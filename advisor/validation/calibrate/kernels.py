"""How long llama.cpp's kernels take here, by storage type: two small models of nothing but the type, decoded in a process of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.kernels import KernelTimes, Matrices, product_cost
from advisor.domain.machine_runs import KernelRuns
from advisor.domain.quantization import GgufMix, Quantization
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.errors import AdvisorError, EngineFailed, Interrupted
from advisor.estimate.weights import gguf_weights
from advisor.synthesis.gguf import write_gguf
from advisor.validation.contention import OTHERS_SHARE_LIMIT, RETRIES, judge_contention

_VALIDATOR: Final = "llama_cpp_smoke.py"
_NAME: Final = "llama.cpp"
_MODEL_S: Final = 10.0  # at most, of one model in one type: two seconds on two cores
_BENCHMARK_SHARE: Final = 0.7  # of that; the rest is for loading
_REPORT_BYTES: Final = 4_000_000
_MICRO_BATCH: Final = 512


@dataclass(frozen=True, slots=True)
class Kernels:
    """What was timed, and which types were not, with the reason."""

    times: tuple[KernelTimes, ...]
    not_run: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Seconds of one model: a step of one sequence, what each further one added, a prompt's token."""

    matrices: Matrices
    one_s: float
    further_s: float
    prompt_s: float


@dataclass(frozen=True, slots=True)
class KernelBench:
    """What they are timed with: an interpreter that has llama.cpp, the runs with their models, where files may lie for a while."""

    python: Path
    runs: KernelRuns
    models: Mapping[str, ModelArchitecture]
    folder: Path


def measure_kernels(bench: KernelBench, limit_s: float, say: Callable[[str], None]) -> Kernels:
    """Each type in turn, as far as `limit_s` goes. Raises Interrupted; what an engine refuses is only left out."""
    began_s, longest_s = monotonic(), 0.0
    times: list[KernelTimes] = []
    not_run: list[str] = []
    for name in bench.runs.types:
        type_began_s = monotonic()
        if type_began_s - began_s + longest_s > limit_s:
            not_run.append(f"llama.cpp kernels of {name}: no time left")
            continue
        say(f"llama.cpp kernels of {name}")
        try:
            times.append(_timed(name, [_seen(bench, bench.models[model], name) for model in bench.runs.models]))
        except Interrupted:
            raise
        except AdvisorError as error:
            not_run.append(f"llama.cpp kernels of {name}: {first_line(error)}")
        else:
            longest_s = max(longest_s, monotonic() - type_began_s)
    return Kernels(tuple(times), tuple(not_run))


def first_line(error: AdvisorError) -> str:
    """What a fault says, without its last words."""
    return str(error).splitlines()[0][:300]


def _timed(name: str, seen: Sequence[_Seen]) -> KernelTimes:
    return KernelTimes(
        name,
        one=product_cost([(each.matrices, each.one_s) for each in seen]),
        further=product_cost([(each.matrices, each.further_s) for each in seen]),
        prompt=product_cost([(each.matrices, each.prompt_s) for each in seen]),
    )


def _seen(bench: KernelBench, architecture: ModelArchitecture, name: str) -> _Seen:
    """Times the model. Raises EngineFailed for a report that is none, and where others used the processors."""
    quantization = _pure(name)
    path, runs = bench.folder / f"kernels-{name}.gguf", bench.runs
    write_gguf(path, architecture, quantization, tokenizer=False)
    try:
        limits = Limits(time_s=_MODEL_S, silence_s=_MODEL_S, output_bytes=_REPORT_BYTES)
        told = ask_validator(bench.python, _VALIDATOR, _request(runs, path), name=_NAME, limits=limits)
    finally:
        path.unlink()
    (matrices,) = gguf_weights(architecture, quantization).matrices
    try:
        contention = judge_contention(told["contention"], ())
        if contention.disturbed:
            raise EngineFailed(f"not kept: {contention.words()}")
        (one_s, _), (together_s, prompts_s) = (_best(told["benchmark"], at_once) for at_once in (1, runs.sequences))
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailed(f"{_NAME}: its report lacks or misshapes {error}") from None
    further_s = max(together_s - one_s, 0.0) / (runs.sequences - 1)
    return _Seen(matrices, one_s, further_s, prompts_s / (runs.sequences * runs.prompt_tokens))


def _pure(name: str) -> Quantization:
    """A file of nothing but this storage type."""
    return Quantization(name, "gguf", "none", "numbers are made up", "16bit", mix=GgufMix(name))


def _best(rows: Sequence[Mapping[str, Any]], at_once: int) -> tuple[float, float]:
    """The shortest median step and the shortest time of the prompts: whatever disturbs a repeat makes it longer."""
    found = [(float(row["step_s_median"]), float(row["prefill_s"])) for row in _rows(rows, at_once)]
    return min(step_s for step_s, _ in found), min(prefill_s for _, prefill_s in found)


def _rows(rows: Sequence[Mapping[str, Any]], at_once: int) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if row["concurrency"] == at_once)


def _request(runs: KernelRuns, path: Path) -> dict[str, Any]:
    """Without caching a prompt or offloading anything; a row that others disturb is measured again."""
    context = runs.sequences * _MICRO_BATCH
    settings = {"ctx_size": context, "parallel": runs.sequences, "batch_size": _MICRO_BATCH, "ubatch_size": _MICRO_BATCH}
    return {
        "mode": "smoke",
        "model": str(path),
        "settings": settings | {"outputs": runs.sequences, "n_gpu_layers": 0, "kv_unified": False},
        "concurrency": [1, runs.sequences],
        "prompt_tokens": runs.prompt_tokens,
        "output_tokens": runs.output_tokens,
        "repeats": runs.repeats,
        "time_limit_s": _BENCHMARK_SHARE * _MODEL_S,
        "others_share_limit": OTHERS_SHARE_LIMIT,
        "retries": RETRIES,
        "seed": 0,
    }
