"""What a step time costs, by engine, amortised over the candidates and steps of a plan, as a multiple of one bare call in the same run.

Machines are noisy, so a ratio within one run says more than microseconds. The baseline adds up as many numbers as a step has parts.
"steps" are the decode steps of a load simulation, which asks for the same batches again and again; "mixed" have a prompt in them, another
each time; "build" is one candidate's step-time model with the steps that a plan asks of it. `python benchmarks/step_time.py [RUNS]`
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from advisor.catalog import load_catalog
from advisor.catalog.calibration import load_calibrations
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.domain.weights import WeightBytes
from advisor.estimate.step_time import StepTimeModel, step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

CATALOG, CALIBRATIONS = load_catalog(), load_calibrations()
MODELS: Final = ("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-32B", "Qwen/Qwen3-30B-A3B")
DEVICES: Final = ("h100-sxm", "h200-sxm", "rtx-6000-ada", "l40s")
FORMATS: Final = {"vllm": "bf16", "llama.cpp": "Q4_K_M"}
CONTEXT: Final[dict[str, dict[str, object]]] = {"vllm": {"max_model_len": 8192}, "llama.cpp": {"ctx-size": 32768}}
STEPS: Final = 2000  # of one candidate: a simulation of a few hundred requests
PARTS: Final = 7


def candidates(engine: str) -> list[tuple[Candidate, WeightBytes]]:
    """Models x devices x tensor parallelism, or devices of a layer split."""
    found = []
    for model in MODELS:
        for device in DEVICES:
            for tensor in (1, 2, 4):
                parallelism = Parallelism(tensor=tensor) if engine == "vllm" else Parallelism()
                candidate = build_candidate(
                    CATALOG,
                    model=CATALOG.model(model),
                    quantization=FORMATS[engine],
                    engine=engine,
                    runtime=None,
                    version=None,
                    node=CATALOG.node(device, tensor),
                    devices=tensor,
                    parallelism=parallelism,
                    flags=CONTEXT[engine],
                )
                quantization = CATALOG.quantization(candidate.checkpoint.quantization)
                architecture = candidate.model.architecture
                found.append((candidate, checkpoint_weights(architecture, candidate.checkpoint, quantization, parallelism=parallelism)))
    return found


def models(every: Sequence[tuple[Candidate, WeightBytes]]) -> list[StepTimeModel]:
    """Their step-time models, with nothing remembered."""
    return [_model(candidate, weights) for candidate, weights in every]


def _model(candidate: Candidate, weights: WeightBytes) -> StepTimeModel:
    calibration, quantization = CALIBRATIONS[candidate.runtime.engine], CATALOG.quantization(candidate.checkpoint.quantization)
    return step_time_model(candidate, weights, calibration, quantization=quantization)


def decode(every: Sequence[StepTimeModel]) -> None:
    """Steps of up to 64 requests, whose contexts grow."""
    for steps in every:
        for index in range(STEPS):
            steps.decode_s(1 + index % 64, 1000.0 + index)


def mixed(every: Sequence[StepTimeModel]) -> None:
    """Steps with a chunk of a prompt in them."""
    for steps in every:
        for index in range(STEPS):
            steps.mixed_step_s(1 + index % 64, 1000.0 + index, prefill_tokens=512.0 + index)


def bare() -> None:
    """The baseline: as many additions as a step has parts, behind one call."""
    parts = dict.fromkeys(range(PARTS), 1.0)
    for _ in range(STEPS):
        sum(parts.values())


def median_s(work: Callable[[], object], runs: int) -> float:
    """Seconds of the median of `runs` calls."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Microseconds of one evaluation, and the multiple of the baseline."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    call_s = median_s(bare, runs) / STEPS
    for engine in FORMATS:
        every = candidates(engine)
        ready = models(every)
        count = len(every) * STEPS
        found = {
            "steps": median_s(lambda ready=ready: decode(ready), runs) / count,
            "mixed": median_s(lambda ready=ready: mixed(ready), runs) / count,
            "build": median_s(lambda every=every: decode(models(every)), runs) / count,
        }
        print(f"{engine}: {len(every)} candidates x {STEPS} steps; a bare call takes {call_s * 1e6:.2f} us")
        for name, seconds in found.items():
            print(f"{name:6} {seconds * 1e6:6.2f} us a step, {seconds / call_s:5.1f} x a bare call")


if __name__ == "__main__":
    main()
