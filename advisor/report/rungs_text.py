"""The rungs of a ladder of loads in text: a table, one line each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from advisor.units import significant, time_unit

_TIMES: Final = {"TTFT": "ttft_s", "TPOT": "tpot_s", "ITL": "itl_s", "e2e": "e2e_s"}
_POINTS: Final = ("p50", "p95", "p99")
_HEAD: Final = ("the workload's requests", *(f"{name} {'/'.join(_POINTS)}" for name in _TIMES), "tokens/s", "requests/s", "goodput")


def rung_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """`4 at once   120/210/230 ms   31/35/36 ms   31/35/40 ms   1.1/1.3/1.3 s   117   3.4   100% of 16`; nothing without rows."""
    if not rows:
        return
    cells = [_HEAD, *(tuple(_cells(row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"{row['concurrency']} at once" if row.get("concurrency") else f"{row.get('rate_per_s'):g} arriving per s"
    for name in _TIMES.values():
        yield _spread(row[name]) if row.get(name) else "-"
    yield significant(row["output_tokens_per_s"])
    yield significant(row["requests_per_s"])
    failed = f", {row['failed']} failed" if row["failed"] else ""
    yield f"{row['goodput']:.0%} of {row['requests']}{failed}"


def _spread(told: Mapping[str, float]) -> str:
    scale, unit = time_unit(told["p50"])
    return f"{'/'.join(significant(told[point] / scale) for point in _POINTS)} {unit}"
