"""Token lengths from a log of requests: one JSON object a line, read for its token counts alone. Prompts are never kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from advisor.documents import read_text
from advisor.domain.demand import Lengths
from advisor.errors import DataError, Fault, UserInputError

_INPUT: Final = ("input_tokens", "prompt_tokens")
_OUTPUT: Final = ("output_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class Samples:
    """How long requests were, in tokens; `said` is what they are and how far to trust them."""

    requests: int
    input_tokens: Lengths
    output_tokens: Lengths
    said: str


def read_samples(path: Path) -> Samples:
    """Counts from `input_tokens`/`output_tokens` or `prompt_tokens`/`completion_tokens`, at the top of a line or under `usage`.

    Raises DataError with every line that has none, UserInputError for a file that cannot be read or holds nothing.
    """
    counts: list[tuple[int, int]] = []
    faults: list[Fault] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            found = _counts(line)
            if isinstance(found, str):
                faults.append(Fault(f"{path}:{number}:1", found))
            else:
                counts.append(found)
    if faults:
        raise DataError(faults)
    if not counts:
        raise UserInputError(f"{path}: no requests in it; one JSON object a line is needed, with {_INPUT[0]} and {_OUTPUT[0]}")
    said = f"{len(counts):,} requests"
    return Samples(len(counts), lengths_of([sent for sent, _ in counts]), lengths_of([made for _, made in counts]), said)


def _counts(line: str) -> tuple[int, int] | str:
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "not a JSON object"
    if not isinstance(entry, dict):
        return "not a JSON object"
    usage = entry.get("usage")
    sources = [entry, usage] if isinstance(usage, dict) else [entry]
    sent, made = _count(sources, _INPUT), _count(sources, _OUTPUT)
    if sent is None or made is None:
        return f"needs {' or '.join(_INPUT)} and {' or '.join(_OUTPUT)}, whole numbers above 0"
    return sent, made


def _count(sources: Sequence[Mapping[str, Any]], names: tuple[str, ...]) -> int | None:
    values = [source[name] for source in sources for name in names if name in source]
    return values[0] if values and isinstance(values[0], int) and not isinstance(values[0], bool) and values[0] > 0 else None


def lengths_of(tokens: list[int]) -> Lengths:
    """Percentiles by nearest rank: each is a length that occurred."""
    ordered = sorted(tokens)
    return Lengths(_rank(ordered, 50), _rank(ordered, 95), ordered[-1])


def _rank(ordered: list[int], pct: int) -> int:
    return ordered[max(0, -(-len(ordered) * pct // 100) - 1)]
