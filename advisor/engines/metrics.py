"""What a running engine tells of itself: Prometheus text to a typed view, under the names that the engines' records give.

The text is a stranger's: lines that are no samples are passed over, and nothing in it is ever executed or followed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from advisor.domain.engine import EngineName
from advisor.domain.engine_record import EngineRecord, Runtime
from advisor.errors import UserInputError

_SAMPLE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]{0,199})(?:\{(.*)\})?[ \t]+(\S{1,40})(?:[ \t]+-?\d{1,20})?[ \t]*")
_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_LONGEST_LINE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of metrics: `name{label="text"} value`."""

    name: str
    labels: Mapping[str, str]
    value: float
    line: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One number that an engine tells, over all its ranks, and the line where it (first) stands."""

    value: float
    line: int


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """How one rank of vLLM laid out its KV pool; `settings` are told under their own names, as text."""

    num_blocks: int | None
    capacity_tokens: int | None
    settings: Mapping[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class LiveEngine:
    """A running server as its metrics show it; None: this engine does not tell. `kv_used` is a share of the pool, 0 to 1."""

    engine: EngineName
    runtime: str
    requests_running: Reading | None = None
    requests_waiting: Reading | None = None
    kv_used: Reading | None = None
    preemptions: Reading | None = None
    longest_context_tokens: Reading | None = None
    caches: tuple[CacheConfig, ...] = field(default=())

    @property
    def busy(self) -> int:
        """Requests that it works on or that wait: somebody else's, as long as we sent none."""
        return sum(int(reading.value) for reading in (self.requests_running, self.requests_waiting) if reading)


def parse_samples(text: str, names: Iterable[str]) -> Iterator[Sample]:
    """The samples of these names, in order."""
    wanted = frozenset(names)
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > _LONGEST_LINE or line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line)
        if match and match[1] in wanted and (value := _number(match[3])) is not None:
            labels = {label[1]: _ESCAPE.sub(_unescaped, label[2]) for label in _LABEL.finditer(match[2] or "")}
            yield Sample(match[1], labels, value, number)


def read_metrics(text: str, records: Iterable[EngineRecord]) -> LiveEngine:
    """The engine whose names the text holds. Raises UserInputError when it holds no engine's."""
    for record in records:
        for name, runtime in record.runtimes.items():
            samples = list(parse_samples(text, runtime.metrics.values()))
            if samples:
                return _live(record.id, name, runtime, samples)
    raise UserInputError("no metrics of an engine that is known: is this its /metrics page?")


def _live(engine: EngineName, name: str, runtime: Runtime, samples: list[Sample]) -> LiveEngine:
    def reading(what: str, over_ranks: Callable[[Iterable[float]], float] = sum) -> Reading | None:
        found = [sample for sample in samples if sample.name == runtime.metrics.get(what)]
        return Reading(over_ranks(sample.value for sample in found), found[0].line) if found else None

    return LiveEngine(
        engine=engine,
        runtime=name,
        requests_running=reading("requests_running"),
        requests_waiting=reading("requests_waiting"),
        kv_used=reading("kv_used", max),
        preemptions=reading("preemptions"),
        longest_context_tokens=reading("longest_context_tokens", max),
        caches=tuple(_cache(sample, runtime) for sample in samples if sample.name == runtime.metrics.get("cache_config")),
    )


def _cache(sample: Sample, runtime: Runtime) -> CacheConfig:
    told = {what: sample.labels[label] for what, label in runtime.metric_labels.items() if label in sample.labels}
    blocks, tokens = (_whole(told.pop(name, "")) for name in ("num_blocks", "capacity_tokens"))
    return CacheConfig(blocks, tokens, told, sample.line)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _number(text: str) -> float | None:
    """A finite number that is not negative: counts, shares and seconds are nothing else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and value >= 0 else None
