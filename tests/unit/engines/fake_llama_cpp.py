"""An interpreter with a pretended llama.cpp that tells the sizes it is given."""

import json
import sys
from pathlib import Path

FAKE = Path(__file__).parents[2] / "fakes/llama_cpp_python.py"
MIB = 2**20


def report(*, tensor_bytes, kv_mib=(), state_mib=None, compute_mib=100.0, output_mib=2.0, context=(8192, 8192), ignored=()):
    """A size_only report as the validator writes it."""
    caches = [f"llama_kv_cache: size = {size:7.2f} MiB (  8192 cells,  36 layers,  1/1 seqs), K (f16): x MiB" for size in kv_mib]
    states = [] if state_mib is None else [f"llama_memory_recurrent: size = {state_mib:7.2f} MiB (     1 cells,  48 layers,  1 seqs)"]
    return {
        "mode": "size_only",
        "engine": {"name": "llama.cpp"},
        "model": {"tensor_bytes": tensor_bytes},
        "context": {"n_ctx": context[0], "n_ctx_seq": context[1]},
        "ignored_settings": list(ignored),
        "log": [
            "print_info: n_ctx_train = 40960",
            "llama_context: constructing llama_context",
            f"llama_context:        CPU  output buffer size = {output_mib:8.2f} MiB",
            *caches,
            *states,
            f"sched_reserve:        CPU compute buffer size = {compute_mib:8.2f} MiB",
        ],
    }


def python(folder, answer):
    """The interpreter; what it is asked appears in `asked(folder)`."""
    (folder / "report.json").write_text(json.dumps(answer))
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "{folder / "report.json"}" "$@"\n')
    script.chmod(0o755)
    return script


def asked(folder):
    return json.loads((folder / "asked.json").read_text())
