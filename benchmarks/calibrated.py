"""Predictions for this machine after `advisor calibrate`, against `advisor crossover`. `python benchmarks/calibrated.py [RUNS [TRIES]]`

The model has other dimensions than those that were calibrated on, and llama.cpp another quantisation. Medians of RUNS (5) crossovers;
one in which other work used more than 5 % of the processors is not counted, and up to TRIES are begun for an engine that lacks one.
Run `advisor calibrate` first, on a quiet machine.

The crossover's requests are equal and start together, so they stay in step: a token then waits for no other request's prompt, as it
does in the load that is predicted. Throughput does not mind; the time per token at several at once does, the more the longer prompts are.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any

ADVISOR = [sys.executable, "-m", "advisor.cli"]
MODEL, QUANTIZATION = "Qwen/Qwen3-0.6B", {"llama.cpp": "Q5_K_M", "vllm": "bf16"}
AT_ONCE, SENT, GENERATED = (1, 2, 4), 64, 64
AIM = 0.20


def main() -> None:
    """Print predicted and measured, and how far apart they are."""
    runs, tries, *_ = (*map(int, sys.argv[1:]), *(5, 10)[len(sys.argv) - 1 :])
    seen: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    for number in range(tries):
        if all(len(seen[engine, at_once]) >= runs for engine in QUANTIZATION for at_once in AT_ONCE):
            break
        for engine, point, contention in crossover():
            if contention["disturbed"]:
                print(f"run {number + 1}: {engine}: not counted: {contention['others_share']:.0%} of the processors were others'")
            else:
                seen[engine, point["concurrency"]].append(point)
    print(f"{'engine':<10}{'at once':>8}{'runs':>6}   {'ms per token: predicted, measured':<36}tokens/s: predicted, measured")
    for (engine, at_once), points in sorted(seen.items()):
        predicted = estimate(engine, at_once)
        token = compared(1e3 * predicted["tpot_s"]["p50"]["value"], 1e3 * median(point["tpot_s"] for point in points))
        rate = compared(predicted["output_tokens_per_s"]["value"], median(point["output_tokens_per_s"] for point in points))
        print(f"{engine:<10}{at_once:>8}{len(points):>6}   {token:<36}{rate}")


def compared(predicted: float, measured: float) -> str:
    """Both and their difference, with a mark where it misses the aim."""
    off = predicted / measured - 1
    return f"{predicted:.1f}, {measured:.1f}: {off:+.0%}{'' if abs(off) <= AIM else ' MISSED'}"


def crossover() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each engine's points and how busy the machine was."""
    load = ["--concurrency", ",".join(map(str, AT_ONCE)), "--input-tokens", str(SENT), "--output-tokens", str(GENERATED)]
    formats = ["--quantization", ",".join(QUANTIZATION.values())]
    command = [*ADVISOR, "crossover", MODEL, *formats, *load, "--enforce-eager", "--yes", "--quiet", "--format", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    for curve in json.loads(ended.stdout)["curves"]:
        yield from ((curve["engine"], point, curve["contention"]) for point in curve["points"])


def estimate(engine: str, at_once: int) -> dict[str, Any]:
    """What is predicted for this machine."""
    slots = ["--ctx-size", str(256 * max(AT_ONCE)), "--parallel", str(max(AT_ONCE))] if engine == "llama.cpp" else ["--enforce-eager"]
    asked = ["--engine", engine, "--quantization", QUANTIZATION[engine], "--device", "this-machine", *slots]
    load = ["--input-tokens", str(SENT), "--output-tokens", str(GENERATED), "--concurrency", str(at_once)]
    command = [*ADVISOR, "estimate", MODEL, *asked, *load, "--format", "json"]
    performance: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["performance"]
    return performance


if __name__ == "__main__":
    main()
