"""Recorded measurements (`advisor validate --record`) as points. Each row says what it is of."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

from advisor.domain.engine import EngineName
from advisor.domain.measured import MeasuredPoint
from advisor.domain.measurement import Measurement
from advisor.errors import UserInputError

_WORTHLESS = ("disturbed", "reduced")
_BINDING = "llama-cpp-python "


def row_points(rows: Iterable[Measurement], where: str) -> tuple[MeasuredPoint, ...]:
    """Rows of memory alone are passed over. Raises UserInputError where all that is left was disturbed or scaled down."""
    timed = [row for row in rows if _timed(row)]
    points = sound_points(timed)
    if timed and not points:
        flags = ", ".join(sorted({row.flags or "" for row in timed}))
        raise UserInputError(f"{where}: every speed in it is {flags}: no measurement of the deployment")
    return points


def sound_points(rows: Iterable[Measurement]) -> tuple[MeasuredPoint, ...]:
    """Of rows with a speed that were neither disturbed nor scaled down."""
    sound = [row for row in rows if _timed(row) and not set((row.flags or "").split(";")) & set(_WORTHLESS)]
    return tuple(point for row in sound for point in _points(row))


def _timed(row: Measurement) -> bool:
    return bool(row.max_concurrency and (row.tpot_p50_ms or row.ttft_p50_ms))


def _points(row: Measurement) -> Iterator[MeasuredPoint]:
    """A served load; or of the engine's own steps, which have no output lengths, one point for each side."""
    tpot_s, ttft_s = _seconds(row.tpot_p50_ms), _seconds(row.ttft_p50_ms)
    sent = round(row.input_len_tokens) if row.input_len_tokens else None
    if row.output_len_tokens:
        generated = round(row.output_len_tokens)
        yield _point(row, input_tokens=sent, output_tokens=generated, tpot_s=tpot_s, ttft_s=ttft_s)
        return
    if tpot_s is not None:
        yield _point(row, bare=True, input_tokens=sent, tpot_s=tpot_s)
    if ttft_s is not None and sent is not None:
        yield _point(row, bare=True, prompt_tokens=sent, ttft_s=ttft_s)


def _point(row: Measurement, **seen: Any) -> MeasuredPoint:  # noqa: ANN401 - fields of a point
    return MeasuredPoint(
        engine=cast(EngineName, row.engine),
        version=row.engine_version.removeprefix(_BINDING),
        backend=row.backend,
        model=row.model,
        quantization=row.weight_quant,
        device=row.gpu,
        devices=row.gpu_count,
        tensor=row.tp or 1,
        pipeline=row.pp or 1,
        data=row.dp or 1,
        settings=json.loads(row.launch_args) if row.launch_args else {},
        concurrency=row.max_concurrency or 1,
        source=f"{row.source} ({row.source_date})",
        **seen,
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3
