"""What a benchmark's result holds, whichever tool wrote it."""

from dataclasses import dataclass

from advisor.validation.smoke.answer import Answer


@dataclass(frozen=True, slots=True)
class BenchmarkLoad:
    """One load: so many requests at once, or so many a second, and what each request got."""

    answers: tuple[Answer, ...]
    concurrency: int | None = None
    rate_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """`tool` names the program and its version, `model` is what it asked for (None: not told), `measured_on` the day in UTC."""

    tool: str
    model: str | None
    measured_on: str | None
    loads: tuple[BenchmarkLoad, ...]


def plain_word(text: object, longest: int = 40) -> str | None:
    """A short word of somebody else's file, None for anything that is none."""
    known = isinstance(text, str) and 0 < len(text) <= longest and all(c.isascii() and (c.isalnum() or c in "._+-") for c in text)
    return str(text) if known else None
