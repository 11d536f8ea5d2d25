"""The section on llama.cpp: largest error of each component, by architecture."""

from collections import defaultdict
from statistics import median

from accuracy_memory import llama_cpp_files
from accuracy_memory.llama_cpp_sizes import Sizes, predicted, read

FILE_ROUNDING_MIB = 0.0051
ROUNDING_MIB = {"kv_mib": 0.0101, "state_mib": 0.0051, "output_mib": 0.0051}  # of the log's lines: two caches, one state, one buffer


def section() -> str:
    """A table in Markdown."""
    stamp, rows = read()
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for row in rows:
        found[row.architecture].append(errors(row))
    every = [error["compute"] for one in found.values() for error in one]
    exact = sum(abs(error) < 0.001 for error in every)
    lines = [_line(name, one, len({row.model for row in rows if row.architecture == name})) for name, one in sorted(found.items())]
    return f"""## llama.cpp

{len(rows)} sizes of {len({row.model for row in rows})} models, asked of {stamp}:
contexts of 4,096 to 131,072 tokens, 1 to 6 slots, shared and separate, caches in f16, q8_0 and q4_0, flash attention on and off,
micro-batches of 128 to 2,048 tokens. `python scripts/ask_memory.py` asks anew. Caches, states and output buffers must be equal to the
last digit of the log; of the compute buffers {exact} of {len(every)} are within 0.1 %, half within {_percent(median(map(abs, every)))}.
Sizes on which the engine itself aborts are left out: rule LCP010 names them, and no other.

On devices the same graph is asked for, less what stays on the host. 36 start-up logs on CUDA and Metal tell the size (builds of 2024,
Llama 3 8B without flash attention, `catalog/measurements/llama.cpp-memory`): 560.00 MiB on one card, 640.01 MiB on each of several, 258.50
MiB for 512 tokens, 24.01, 72.02 and 9.01 MiB on the host. All are met to the last digit, but for 4 MiB of an input that came later. Logs
with flash attention, of another model or on Vulkan and ROCm, are wanting: the range there is assumed.

{_files()}

| architecture | models | sizes | cache | state | output buffer | compute buffer: largest error | of which flash attention on |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}
"""


def _files() -> str:
    stamp, rows = llama_cpp_files.read()
    equal = sum(abs(llama_cpp_files.predicted_mib(model, name) - mib) <= FILE_ROUNDING_MIB for model, name, mib in rows)
    types, models = len({name for _, name, _ in rows}), len({model for model, _, _ in rows})
    return f"Tensor bytes of {types} file types of {models} models, one an architecture, asked of\n{stamp}: {equal} of {len(rows)} equal."


def errors(row: Sizes) -> dict[str, float]:
    """MiB beyond what the log rounds off, and the compute buffer's share of itself."""
    ours = predicted(row)
    beyond = {name: max(0.0, abs(ours[name] - getattr(row, name)) - slack) for name, slack in ROUNDING_MIB.items()}
    return {**beyond, "compute": ours["compute_mib"] / row.compute_mib - 1, "flash": float(row.flash_attn == "on")}


def _line(name: str, found: list[dict[str, float]], models: int) -> str:
    exact = [_equal(max(error[part] for error in found)) for part in ROUNDING_MIB]
    with_flash = [error["compute"] for error in found if error["flash"]]
    worst = (_percent(max((error["compute"] for error in found), key=abs)), _percent(max(with_flash, key=abs)))
    return f"| {name} | {models} | {len(found)} | {' | '.join(exact)} | {' | '.join(worst)} |"


def _equal(beyond_mib: float) -> str:
    return "equal" if not beyond_mib else f"{beyond_mib:.2f} MiB off"


def _percent(share: float) -> str:
    return "0 %" if abs(share) < 0.00005 else f"{share:+.2%}".replace("%", " %")
