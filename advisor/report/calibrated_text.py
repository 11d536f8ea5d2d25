"""A calibrated machine for the terminal: rates, what each engine did, what was not run."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator

from advisor.domain.calibrated import CalibratedMachine
from advisor.units import significant
from advisor.validation.contention import Contention

_WIDTH = 80


def calibrated_text(found: CalibratedMachine, contention: Contention) -> str:
    """The whole report, ending without a line break."""
    return "\n".join(_lines(found, contention))


def _lines(found: CalibratedMachine, contention: Contention) -> Iterator[str]:
    rates = found.rates
    yield f"Machine   {found.machine}, {found.measured_on}, {rates.threads} threads"
    yield f"  memory      {rates.read_bytes_per_s / 1e9:.1f} GB/s read, {rates.copy_bytes_per_s / 1e9:.1f} GB/s copied (three moves a byte)"
    flops = f"{rates.flops_per_s / 1e12:.2f} TFLOP/s in single precision" if rates.flops_per_s else "not measured: no numpy here"
    yield f"  arithmetic  {flops}"
    if rates.kernels:
        yield f"  llama.cpp   kernels timed for {', '.join(times.type for times in rates.kernels)}"
    if found.points:
        yield ""
        yield f"{'Engine':<11}{'model':<20}{'format':<9}{'at once':>8}{'per token':>12}{'first token':>14}"
    yield from _runs(found)
    for reason in found.not_run:
        yield from textwrap.wrap(f"not run: {reason}", _WIDTH, subsequent_indent="  ")
    yield ""
    yield from textwrap.wrap(f"While it ran, {contention.words()}.", _WIDTH)


def _runs(found: CalibratedMachine) -> Iterator[str]:
    """A line for each load; its two sides are points of their own."""
    loads: dict[tuple[object, ...], dict[str, float]] = defaultdict(dict)
    for point in found.points:
        seen = loads[point.engine, point.model, point.quantization, point.concurrency]
        seen |= {name: value for name in ("tpot_s", "ttft_s") if (value := getattr(point, name)) is not None}
    for (engine, model, quantization, at_once), seen in loads.items():
        token, first = (f"{significant(seen[name] * 1e3)} ms" if name in seen else "-" for name in ("tpot_s", "ttft_s"))
        yield f"{engine:<11}{model:<20}{quantization:<9}{at_once:>8}{token:>12}{first:>14}"
