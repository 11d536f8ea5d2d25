"""The same five caches by this advisor and by other estimators: their figures as read or run on the day named, ours computed now."""

import csv
from dataclasses import replace
from pathlib import Path

from accuracy_memory.llama_cpp_sizes import CATALOG, PLAIN, as_run
from advisor.estimate.kv_cache_llama_cpp import context_of, layer_cache_bytes, layer_state_bytes
from advisor.units import MIB

PEERS = Path(__file__).parent / "peers.csv"
CASES = {
    "A": ("meta-llama/Llama-3.1-8B-Instruct", 32768, "grouped queries"),
    "B": ("google/gemma-3-27b-it", 131072, "windows"),
    "C": ("openai/gpt-oss-20b", 131072, "windows"),
    "D": ("deepseek-ai/DeepSeek-V3", 32768, "latent"),
    "E": ("Qwen/Qwen3-Next-80B-A3B-Instruct", 32768, "hybrid"),
}
_WRONG = 0.01


def ours() -> dict[str, float]:
    """MiB of keys, values and states of one sequence, as llama-server allocates them."""
    return {case: _mib(model, context) for case, (model, context, _) in CASES.items()}


def _mib(model: str, context_tokens: int) -> float:
    architecture, settings = as_run(model), replace(PLAIN, ctx_size=context_tokens)
    context = context_of(architecture, settings)
    sizes = [
        group.count * (layer_cache_bytes(group, architecture, settings, context) + layer_state_bytes(group, context))
        for group in architecture.layer_groups
    ]
    return sum(sizes) / MIB


def rows() -> list[dict[str, str]]:
    """The others' figures."""
    return list(csv.DictReader(PEERS.read_text(encoding="utf-8").splitlines()))


def section() -> str:
    """A table in Markdown; figures more than 1 % off the engine's are shown with their factor."""
    engine = {case: float(value) for case, value in rows()[0].items() if case in CASES}
    cases = "\n".join(
        f"- {case}: {model} at {context:,} tokens ({CATALOG.model(model).architecture.name}, {kind})"
        for case, (model, context, kind) in CASES.items()
    )
    mine = {case: f"**{round(value):,}**" for case, value in ours().items()}
    lines = [f"| **this advisor** | {' | '.join(mine.values())} | computed with this page |"]
    lines += [f"| {row['estimator']} | {' | '.join(_cell(row[case], engine[case]) for case in CASES)} | {row['how']} |" for row in rows()]
    head = f"| estimator | {' | '.join(CASES)} | how obtained |\n|---|{'---|' * len(CASES)}---|"
    return f"""## Next to other estimators

Keys, values and recurrent state of one sequence in half precision, in MiB, as llama.cpp allocates them. The others' figures were read
or run on 2026-11-20 in the versions named.

{cases}

{head}
{chr(10).join(lines)}
"""


def _cell(text: str, engine_mib: float) -> str:
    if not text.isdigit():
        return text
    value = int(text)
    factor = value / engine_mib
    return f"{value:,}" if abs(factor - 1) <= _WRONG else f"{value:,} ({factor:.2g} x)"
