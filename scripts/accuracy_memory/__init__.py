"""What docs/accuracy/memory.md is made of, one module a section with `section() -> str`; scripts/ask_memory.py asks anew."""
