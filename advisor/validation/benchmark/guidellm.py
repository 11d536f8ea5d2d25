"""guidellm's report (`benchmarks.json`), read request by request.

Versions 1 (guidellm 0.5 and 0.6) and 2 (0.7 and 0.8) of its schema hold these fields alike: `guidellm/benchmark/schemas/report.py`,
`guidellm/schemas/request_stats.py`, and reports that 0.6.1 and 0.8.1 really wrote. Its own percentiles are not taken: those of
`inter_token_latency_ms` weigh each request by its tokens, and its `time_per_output_token_ms` counts the first token in. A request's
TPOT as we mean it is its `inter_token_latency_ms`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from advisor.errors import UserInputError
from advisor.validation.benchmark.loads import BenchmarkLoad, BenchmarkResult, plain_word
from advisor.validation.smoke.answer import NOT_FINISHED, Answer

_SCHEMAS: Final = {1: "guidellm 0.5 and 0.6", 2: "guidellm 0.7 and 0.8"}
_AT_ONCE: Final = {"synchronous": "none", "concurrent": "streams", "throughput": "max_concurrency"}  # strategy -> its field
_BY_RATE: Final = frozenset({"constant", "poisson"})
_KINDS: Final = ("successful", "errored", "incomplete")


def is_guidellm(document: Mapping[str, Any]) -> bool:
    """Its reports hold a list of benchmarks."""
    return isinstance(document.get("benchmarks"), list)


def read_guidellm(document: Mapping[str, Any]) -> BenchmarkResult:
    """Raises UserInputError for another schema or a report that did not keep its requests; KeyError and the like for a misshapen one."""
    about = document.get("metadata") or {}
    schema = about.get("version")
    if type(schema) is not int or schema not in _SCHEMAS:
        known = ", ".join(f"{number} ({names})" for number, names in _SCHEMAS.items())
        told = f"version {plain_word(str(schema)) or 'unknown'}" if schema is not None else "no version (before guidellm 0.5)"
        raise UserInputError(f"a guidellm report with {told} of its schema; known are {known}")
    benchmarks = document["benchmarks"]
    if not benchmarks:
        raise UserInputError("a guidellm report without a benchmark: the run did not get that far")
    began_s = min(float(benchmark["start_time"]) for benchmark in benchmarks)
    model = benchmarks[0]["config"]["backend"].get("model")
    return BenchmarkResult(
        tool=f"guidellm {plain_word(about.get('guidellm_version')) or 'of an untold version'}",
        model=model if isinstance(model, str) and model else None,
        measured_on=datetime.fromtimestamp(began_s, UTC).date().isoformat(),
        loads=tuple(_load(benchmark) for benchmark in benchmarks),
    )


def _load(benchmark: Mapping[str, Any]) -> BenchmarkLoad:
    answers = tuple(sorted(_answers(benchmark), key=lambda answer: answer.start_s))
    strategy = benchmark["config"]["strategy"]
    kind = strategy["type_"]
    if kind in _BY_RATE:
        return BenchmarkLoad(answers, rate_per_s=float(strategy["rate"]))
    if kind not in _AT_ONCE:
        raise UserInputError(
            f"a guidellm report of the strategy {plain_word(kind) or 'unknown'}; known are {', '.join([*_AT_ONCE, *_BY_RATE])}"
        )
    at_once = 1 if kind == "synchronous" else strategy[_AT_ONCE[kind]]
    return BenchmarkLoad(answers, concurrency=int(at_once) if at_once is not None else len(answers))


def _answers(benchmark: Mapping[str, Any]) -> Iterator[Answer]:
    """Those of the measured time, which warm-up and cool-down are not part of. Raises UserInputError where only a sample was kept."""
    began_s, ended_s = float(benchmark["start_time"]), float(benchmark["end_time"])
    for kind in _KINDS:
        kept = [one for one in benchmark["requests"][kind] or () if _within(one, began_s, ended_s)]
        made = benchmark["metrics"]["request_totals"][kind] or 0
        if len(kept) < made:
            raise UserInputError(
                f"keeps {len(kept)} of {made} {kind} requests: percentiles of a sample are not those of the load. "
                "Run it again without a sample size"
            )
        yield from (_answer(one, kind, began_s) for one in kept)


def _within(request: Mapping[str, Any], began_s: float, ended_s: float) -> bool:
    """As guidellm counts them: it ran at some moment of the measured time."""
    return float(request["request_end_time"]) >= began_s and float(request["request_start_time"] or ended_s) <= ended_s


def _answer(request: Mapping[str, Any], kind: str, began_s: float) -> Answer:
    ttft_s, gap_s = _seconds(request["time_to_first_token_ms"]), _seconds(request["inter_token_latency_ms"])
    output = request["output_tokens"]
    return Answer(
        start_s=max(0.0, float(request["request_start_time"] or began_s) - began_s),
        ttft_s=ttft_s,
        e2e_s=None if ttft_s is None else ttft_s + (gap_s or 0.0) * (max(int(output or 0), 1) - 1),
        input_tokens=_count(request["prompt_tokens"]),
        output_tokens=_count(output),
        error=_error(kind, ttft_s, output),
    )


def _error(kind: str, ttft_s: float | None, output: Sequence[Any] | None) -> str | None:
    """Its own words may hold anything."""
    if kind == "successful":
        return None if ttft_s is not None and output else "no token came, or it was not streamed"
    return NOT_FINISHED if kind == "incomplete" else "failed"


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else float(milliseconds) / 1e3


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)
