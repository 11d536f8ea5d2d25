"""Tensor bytes of every file type: llama-quantize's own dry run on a file's header, and the advisor's rules."""

import csv
import re
import tempfile
from pathlib import Path

from accuracy_memory.llama_cpp_sizes import CATALOG, TABLE, smallest_models
from advisor.engines.find_llama_cpp import FoundEngine
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.estimate.weights import gguf_weights
from advisor.synthesis.gguf import write_gguf
from advisor.units import MIB

FILES = TABLE.with_name("llama_cpp_files.csv")
_LIMITS = Limits(time_s=300.0, silence_s=120.0, output_bytes=64 * 1024 * 1024)
_SIZE = re.compile(r"quant size\s*=\s*(?P<mib>\d+\.\d+) MiB")
FILE_TYPES = {name: one.mix.file_type for name, one in CATALOG.quantizations.items() if one.mix and one.mix.file_type is not None}


def ask(engine: FoundEngine) -> list[tuple[str, str, float]]:
    """Model, file type and MiB for the smallest model of every architecture, without an importance matrix."""
    rows = []
    for model in smallest_models():
        with tempfile.TemporaryDirectory(prefix="llm-serving-advisor-") as folder:
            path = Path(folder) / "sparse.gguf"
            write_gguf(path, CATALOG.model(model).architecture, CATALOG.quantization("BF16"), sparse=True)
            request = {"mode": "quantize_each", "model": str(path), "file_types": list(FILE_TYPES.values())}
            logs = ask_validator(engine.python, "llama_cpp_smoke.py", request, name="llama.cpp", limits=_LIMITS)["logs"]
        rows += [(model, name, _mib(lines)) for name, lines in zip(FILE_TYPES, logs, strict=True)]
    return rows


def _mib(lines: list[str]) -> float:
    found = [match for line in lines if (match := _SIZE.search(line))]
    return float(found[-1]["mib"])


def predicted_mib(model: str, quantization: str) -> float:
    """The same by the advisor's rules."""
    return gguf_weights(CATALOG.model(model).architecture, CATALOG.quantization(quantization)).total_bytes / MIB


def read() -> tuple[str, list[tuple[str, str, float]]]:
    """The engine's name in the table's first line, and the rows."""
    stamp, *lines = FILES.read_text(encoding="utf-8").splitlines()
    return stamp.removeprefix("# "), [(row["model"], row["quantization"], float(row["mib"])) for row in csv.DictReader(lines)]


def write(stamp: str, rows: list[tuple[str, str, float]]) -> None:
    """The table anew."""
    with FILES.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {stamp}\n")
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("model", "quantization", "mib"))
        table.writerows(rows)
