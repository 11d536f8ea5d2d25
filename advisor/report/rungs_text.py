"""The rungs of a ladder of loads in text: one line each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.units import significant, time_unit


def rung_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """`4 at once: TTFT 120 ms (p95 210), TPOT 31 ms (p95 35), 117 tokens/s, goodput 100 % of 16`."""
    for row in rows:
        pace = f"{row['concurrency']} at once" if row.get("concurrency") else f"{row.get('rate_per_s'):g} requests/s"
        times = [f"{name} {_spread(row[key])}" for name, key in (("TTFT", "ttft_s"), ("TPOT", "tpot_s"), ("e2e", "e2e_s")) if row.get(key)]
        failed = f", {row['failed']} failed" if row["failed"] else ""
        speed = f"{significant(row['output_tokens_per_s'])} tokens/s"
        yield f"{pace}: {', '.join([*times, speed, _goodput(row)])}{failed}"


def _goodput(row: Mapping[str, Any]) -> str:
    return f"goodput {row['goodput']:.0%} of {row['requests']}"


def _spread(told: Mapping[str, float]) -> str:
    scale, unit = time_unit(told["p50"])
    return f"{significant(told['p50'] / scale)} {unit} (p95 {significant(told['p95'] / scale)})"
