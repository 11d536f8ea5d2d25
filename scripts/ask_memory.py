"""Asks the llama.cpp that the advisor finds for the sizes in tests/data/memory/, and writes them down.

No weights are needed and nothing is downloaded. `python scripts/ask_memory.py` (or `make memory-truth`), some minutes; then `make docs`.
"""

from accuracy_memory import llama_cpp_files
from accuracy_memory.llama_cpp_sizes import CATALOG, as_run, ask, models, variations, write

from advisor.engines.find import find_llama_cpp


def main() -> None:
    """Every architecture; settings on which the engine stops are named and left out."""
    engine, record, rows = find_llama_cpp(), CATALOG.engine("llama.cpp"), []
    build = next((fact.version for fact in record.versions.known if fact.binding == engine.version), "of unknown build")
    stamp = f"{record.title} {build} (llama-cpp-python {engine.version})"
    llama_cpp_files.write(f"{stamp}, llama-quantize's dry run without an importance matrix", llama_cpp_files.ask(engine))
    for model in models():
        rows += ask(engine, model, variations(as_run(model)))
        print(f"{model}: {len(rows)} rows so far")
    write(f"{stamp}, CPU backend, asked without loading", rows)


if __name__ == "__main__":
    main()
