"""docs/accuracy/memory.md: a frame around one section an engine, and the comparison with other estimators."""

from accuracy_memory import llama_cpp, peers, vllm, vllm_files

SECTIONS = (llama_cpp, vllm, vllm_files, peers)


def page() -> str:
    """The page in Markdown."""
    head = """# Accuracy: memory

What the advisor predicts against what the engines say of themselves. Written by `python scripts/generate_docs.py`; the sizes lie in
`tests/data/memory/` and a test fails when a formula and its engine part.
"""
    return "\n".join([head, *(module.section() for module in SECTIONS)])
