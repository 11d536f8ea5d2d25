"""What one step-time evaluation takes when many candidates are evaluated, as a multiple of one plain loop over the same numbers.

Machines are noisy, so a ratio within one run says more than seconds; microseconds are printed beside it. Each candidate is asked as the
load simulation does: batches come back again and again, contexts grow. `python benchmarks/step_time.py [RUNS]`
"""

import statistics
import sys
import time
from collections.abc import Callable
from itertools import product

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.estimate.step_time import StepTimeModel, step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

CATALOG = load_catalog()
MODELS = ("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-30B-A3B", "google/gemma-3-27b-it")
DEVICES = ("rtx-4090", "h100-sxm", "strix-halo")
ENGINES = {"llama.cpp": ("Q4_K_M", None), "vllm": ("bf16", 1)}
BATCHES, CONTEXTS = range(1, 33), range(500, 4500, 500)


def models(engine: str) -> list[StepTimeModel]:
    """Models x devices of one engine, each the step-time model of a replica."""
    quantization, tensor = ENGINES[engine]
    found = []
    for model, device in product(MODELS, DEVICES):
        if engine == "vllm" and device == "strix-halo":
            continue
        candidate = build_candidate(
            CATALOG,
            model=CATALOG.model(model),
            quantization=quantization,
            engine=engine,
            runtime=None,
            version=None,
            node=CATALOG.node(device),
            devices=1,
            parallelism=Parallelism(tensor=tensor or 1),
            flags={},
        )
        kind = CATALOG.quantization(candidate.checkpoint.quantization)
        weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, kind, parallelism=candidate.parallelism)
        found.append(step_time_model(candidate, weights, CATALOG.calibrations[engine], quantization=kind))
    return found


def decode(steps: StepTimeModel) -> int:
    """Every batch at every context."""
    return sum(steps.decode_s(batch, context) > 0 for batch, context in product(BATCHES, CONTEXTS))


def prefill(steps: StepTimeModel) -> int:
    """A prompt of every length, behind every context."""
    return sum(steps.prefill_s(tokens * 64.0, context) > 0 for tokens, context in product(BATCHES, CONTEXTS))


def nothing(steps: StepTimeModel) -> int:
    """The baseline: the same loop over the same numbers."""
    return sum(batch * context * steps.decode_scale > 0 for batch, context in product(BATCHES, CONTEXTS))


def microseconds(run: Callable[[StepTimeModel], int], over: list[StepTimeModel]) -> float:
    """Of one evaluation."""
    start = time.process_time()
    count = sum(run(steps) for steps in over)
    return (time.process_time() - start) / count * 1e6


def main() -> None:
    """Medians of some runs."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for engine in ENGINES:
        over = models(engine)
        for name, run in (("decode", decode), ("prefill", prefill)):
            base = statistics.median(microseconds(nothing, over) for _ in range(runs))
            taken = statistics.median(microseconds(run, over) for _ in range(runs))
            print(f"{engine:10} {name:8} {taken:6.2f} us, {taken / base:5.1f} times a plain loop")


if __name__ == "__main__":
    main()
