"""How many candidates a second the memory estimate of llama.cpp sizes, as a multiple of one bare look at a candidate in the same run.

Machines are noisy, so a ratio within one run says more than seconds. The baseline copies each candidate's settings, which any use of a
candidate costs. "new" starts with nothing remembered; "again" is the same contexts for other formats and placements, as a plan asks.
`python benchmarks/memory.py [RUNS]`
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from advisor.catalog import load_catalog
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, Parallelism
from advisor.domain.weights import WeightBytes
from advisor.estimate import compute_buffer_llama_cpp
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

CATALOG = load_catalog()
MODELS = ("meta-llama/Llama-3.1-8B-Instruct", "google/gemma-3-27b-it", "Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-Next-80B-A3B-Instruct")
Case = tuple[Candidate, WeightBytes]


def cases() -> list[Case]:
    """Models x contexts x slots, on one accelerator."""
    found = []
    for model in MODELS:
        for context in (8192, 32768, 131072):
            for slots in (1, 4, 16):
                candidate = build_candidate(
                    CATALOG,
                    model=CATALOG.model(model),
                    quantization="Q4_K_M",
                    engine="llama.cpp",
                    runtime=None,
                    version=None,
                    node=CATALOG.node("h100-sxm", 1),
                    devices=1,
                    parallelism=Parallelism(),
                    flags={"ctx_size": context, "parallel": slots},
                )
                quantization = CATALOG.quantization("Q4_K_M")
                architecture = candidate.model.architecture
                found.append((candidate, checkpoint_weights(architecture, candidate.checkpoint, quantization, parallelism=Parallelism())))
    return found


def size(every: list[Case]) -> None:
    """The complete memory path."""
    for candidate, weights in every:
        estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=4000, longest_tokens=8000)


def elsewhere(every: list[Case]) -> list[Case]:
    """The same candidates with another number of layers on the device."""
    return [(replace(candidate, settings=replace(candidate.settings, n_gpu_layers=7)), weights) for candidate, weights in every]


def look(every: list[Case]) -> None:
    """The baseline."""
    for candidate, _ in every:
        if isinstance(candidate.settings, LlamaCppSettings):
            replace(candidate.settings, threads=1)


def median_s(work: Callable[[], object], runs: int, before: Callable[[], object] = lambda: None) -> float:
    """Seconds of the median of `runs` calls."""
    times = []
    for _ in range(runs):
        before()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Three lines."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    every = cases()
    others = elsewhere(every)
    baseline_s = median_s(lambda: look(every), runs) / len(every)
    print(f"a bare look at a candidate: {baseline_s * 1e6:.1f} us; {len(every)} candidates, median of {runs}")
    new_s = median_s(lambda: size(every), runs, compute_buffer_llama_cpp.forget) / len(every)
    again_s = median_s(lambda: size(others), runs, lambda: size(every)) / len(every)
    for name, taken_s in (("new", new_s), ("again", again_s)):
        print(f"{name:<6} {taken_s / baseline_s:8.0f} x   {taken_s * 1e6:8.0f} us a candidate   {1 / taken_s:8.0f} candidates/s")


if __name__ == "__main__":
    main()
