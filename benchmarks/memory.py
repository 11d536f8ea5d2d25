"""How many candidates a second the memory estimates size, as a multiple of one bare look at a candidate in the same run.

Machines are noisy, so a ratio within one run says more than seconds. The baseline copies each candidate's settings, which any use of a
candidate costs. llama.cpp: "new" starts with nothing remembered; "again" is the same contexts for other formats and placements, as a plan
asks; "other contexts" is a hundred contexts of each of those models, of which none was sized before. vLLM: "new" and "again".
`python benchmarks/memory.py [RUNS]`
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from advisor.catalog import load_catalog
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, Parallelism
from advisor.domain.weights import WeightBytes
from advisor.estimate import compute_buffer_llama_cpp, kv_cache_vllm
from advisor.estimate.memory import estimate_memory
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

CATALOG = load_catalog()
MODELS = ("meta-llama/Llama-3.1-8B-Instruct", "google/gemma-3-27b-it", "Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-Next-80B-A3B-Instruct")
CONTEXTS = (8192, 32768, 131072)
Case = tuple[Candidate, WeightBytes]


def cases() -> list[Case]:
    """llama.cpp: models x contexts x slots, on one accelerator."""
    grid = itertools.product(MODELS, CONTEXTS, (1, 4, 16))
    return [case("llama.cpp", "Q4_K_M", model, {"ctx_size": context, "parallel": slots}) for model, context, slots in grid]


def vllm_cases() -> list[Case]:
    """vLLM: models x lengths x sequences, on four accelerators."""
    grid, spread = itertools.product(MODELS, CONTEXTS, (16, 64, 256)), Parallelism(tensor=4)
    return [case("vllm", "bf16", model, {"max_model_len": context, "max_num_seqs": most}, spread) for model, context, most in grid]


def case(engine: str, format_: str, model: str, flags: dict[str, object], spread: Parallelism = Parallelism()) -> Case:  # noqa: B008
    """A candidate and its weights."""
    candidate = build_candidate(
        CATALOG,
        model=CATALOG.model(model),
        quantization=format_,
        engine=engine,
        runtime=None,
        version=None,
        node=CATALOG.node("h100-sxm", spread.devices),
        devices=spread.devices,
        parallelism=spread,
        flags=flags,
    )
    quantization, architecture = CATALOG.quantization(format_), candidate.model.architecture
    return candidate, checkpoint_weights(architecture, candidate.checkpoint, quantization, parallelism=spread)


def other_contexts(every: list[Case]) -> list[Case]:
    """A hundred contexts of every model and number of slots."""
    shortest = [pair for pair in every if getattr(pair[0].settings, "ctx_size", 0) == CONTEXTS[0]]
    return [with_settings(pair, {"ctx_size": 2048 + 1259 * step}) for pair in shortest for step in range(100)]


def with_settings(pair: Case, changed: dict[str, Any]) -> Case:
    """The same candidate with other settings."""
    candidate, weights = pair
    return replace(candidate, settings=replace(candidate.settings, **changed)), weights


def size(every: list[Case]) -> None:
    """The complete memory path."""
    for candidate, weights in every:
        estimate_memory(candidate, weights, constants=CATALOG.memory_constants, typical_tokens=4000, longest_tokens=8000)


def elsewhere(every: list[Case]) -> list[Case]:
    """The same candidates with another number of layers on the device."""
    return [with_settings(pair, {"n_gpu_layers": 7}) for pair in every]


def look(every: list[Case]) -> None:
    """The baseline."""
    for candidate, _ in every:
        if isinstance(candidate.settings, LlamaCppSettings):
            replace(candidate.settings, threads=1)


def forget() -> None:
    """As a fresh process."""
    compute_buffer_llama_cpp.forget()
    kv_cache_vllm.forget()


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
    """One line a case."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    every, paged = cases(), vllm_cases()
    moved, drawn = elsewhere(every), other_contexts(every)
    baseline_s = median_s(lambda: look(every), runs) / len(every)
    print(f"a bare look at a candidate: {baseline_s * 1e6:.1f} us; median of {runs}")
    kinds: tuple[tuple[str, list[Case], Callable[[], object]], ...] = (
        ("llama.cpp, new", every, forget),
        ("llama.cpp, again", moved, lambda: size(every)),
        ("llama.cpp, other contexts", drawn, forget),
        ("vLLM, new", paged, forget),
        ("vLLM, again", paged, lambda: size(paged)),
    )
    for name, sized, before in kinds:
        taken_s = median_s(lambda sized=sized: size(sized), runs, before) / len(sized)  # type: ignore[misc]
        print(f"{name:<26} {taken_s / baseline_s:6.0f} x {taken_s * 1e6:7.0f} us a candidate {1 / taken_s:8.0f} candidates/s")


if __name__ == "__main__":
    main()
