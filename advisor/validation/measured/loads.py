"""Loads of another tool's benchmark as points: medians over the requests that were answered. The file tells no engine and no device."""

from collections.abc import Iterator
from statistics import median

from advisor.catalog import load_catalog
from advisor.domain.measured import MeasuredPoint
from advisor.domain.workload import ServiceLevel
from advisor.errors import UserInputError
from advisor.validation.benchmark.loads import BenchmarkLoad, BenchmarkResult
from advisor.validation.smoke.summary import summarise

_MOST_FAILED = 0.1  # of the requests: those that were answered are then the lucky ones
_MOST_CACHED = 0.1  # of the prompts' tokens: the time to the first token is then not that of the prompts


def load_points(result: BenchmarkResult, where: str) -> tuple[MeasuredPoint, ...]:
    """Raises UserInputError where most requests failed. Open loops are left out: how many were in flight is not known."""
    return tuple(point for load in result.loads if load.concurrency is not None for point in _point(result, load, where))


def _point(result: BenchmarkResult, load: BenchmarkLoad, where: str) -> Iterator[MeasuredPoint]:
    rung = summarise(load.answers, ServiceLevel(), concurrency=load.concurrency)
    if rung.failed > _MOST_FAILED * rung.requests:
        raise UserInputError(f"{where}: {load.concurrency} at once: {rung.failed} of {rung.requests} requests failed: no measurement")
    whole = [answer for answer in load.answers if answer.error is None]
    sent = [answer.input_tokens for answer in whole if answer.input_tokens]
    generated = [answer.output_tokens for answer in whole if answer.output_tokens]
    cold = (rung.cached_tokens or 0) <= _MOST_CACHED * max(rung.input_tokens, 1)
    if rung.tpot_s is None and (rung.ttft_s is None or not cold):
        return
    yield MeasuredPoint(
        model=_model(result.model),
        concurrency=load.concurrency or 1,
        input_tokens=round(median(sent)) if sent else None,
        output_tokens=round(median(generated)) if generated else None,
        tpot_s=rung.tpot_s.p50 if rung.tpot_s else None,
        ttft_s=rung.ttft_s.p50 if rung.ttft_s and cold else None,
        source=f"{result.tool}, {load.concurrency} at once, {where}{f' ({result.measured_on})' if result.measured_on else ''}",
    )


def _model(named: str | None) -> str | None:
    """The catalog's id where it knows the name; servers may call their models anything."""
    try:
        return load_catalog().model(named).id if named else None
    except UserInputError:
        return None
