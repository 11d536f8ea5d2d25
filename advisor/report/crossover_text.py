"""A measured crossover for the terminal: a table, bars to see it by, the finding, and the prediction beside it. 80 columns."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from advisor.estimate.crossing import Comparison
from advisor.units import significant, time_unit
from advisor.validation.crossover.curves import Curve, Point, compare_measured, compare_predicted, finding
from advisor.validation.crossover.run import Crossover

_WIDTH: Final = 80
_BAR: Final = 34
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_NONE: Final = "-"


def crossover_text(found: Crossover) -> str:
    """The whole report, ending without a line break."""
    return "\n".join(_lines(found))


def _lines(found: Crossover) -> Iterator[str]:
    yield f"{found.model}: {found.input_tokens} tokens in, {found.output_tokens} out, on {found.machine}"
    yield from (f"  {line}" for line in found.reduced)
    for curve in found.curves:
        yield f"  {curve.engine:<11}{curve.runtime} {curve.version}, {curve.quantization}, ready after {_time(curve.start_s)}"
    yield ""
    yield from _table(found.curves)
    yield ""
    yield from _bars(found.curves)
    yield ""
    yield from _finding("Measured", finding(found.curves))
    if len(found.curves) == 2:
        yield from _finding("Predicted", compare_predicted(*found.curves).sentence())
    yield from (f"  {curve.engine}: ended early: {curve.ended}" for curve in found.curves if curve.ended)
    yield from (f"  measurement invalid: {reason}" for reason in found.invalid)


def _finding(title: str, sentence: str) -> Iterator[str]:
    yield from textwrap.wrap(f"{title:<11}{sentence}", _WIDTH, subsequent_indent=" " * 11)


# ---- the table


def _table(curves: Sequence[Curve]) -> Iterator[str]:
    measured = compare_measured(*curves) if len(curves) == 2 else None
    yield (f"{'':>8}" + "".join(f"  {curve.engine:<24}" for curve in curves)).rstrip()
    yield f"{'at once':>8}" + "".join(f"  {'tokens/s':>8} {'TTFT':>7} {'TPOT':>7}" for _ in curves) + ("  ahead" if measured else "")
    for load in loads_of(curves):
        cells = "".join(f"  {_cells(curve.at(load))}" for curve in curves)
        yield f"{load:>8}{cells}  {_ahead(load, measured)}".rstrip()


def loads_of(curves: Sequence[Curve]) -> list[int]:
    """Every load that any of them was measured at."""
    return sorted({point.concurrency for curve in curves for point in curve.points})


def _cells(point: Point | None) -> str:
    if point is None:
        return f"{_NONE:>8} {_NONE:>7} {_NONE:>7}"
    rate = significant(point.output_tokens_per_s, 3) + ("!" if point.failed else "")
    return f"{rate:>8} {_time(point.ttft_s):>7} {_time(point.tpot_s):>7}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return _NONE
    scale, unit = time_unit(seconds)
    return f"{significant(seconds / scale)} {unit}"


def _ahead(load: int, measured: Comparison | None) -> str:
    ratio = measured.ratios.get(load) if measured else None
    if measured is None or ratio is None:
        return ""
    return f"{measured.second} {ratio:.2f}x" if ratio > 1 else f"{measured.first} {1 / ratio:.2f}x"


# ---- the picture


def _bars(curves: Sequence[Curve]) -> Iterator[str]:
    most = max((point.output_tokens_per_s for curve in curves for point in curve.points), default=0.0)
    for load in loads_of(curves):
        label = f"{load:>8}"
        for curve in curves:
            if point := curve.at(load):
                yield f"{label:>8}  {curve.engine:<10}{_bar(point.output_tokens_per_s / most if most else 0.0)} {_rates(point)}"
                label = ""


def _rates(point: Point) -> str:
    expected = f" (predicted {significant(point.predicted.value)})" if point.predicted else ""
    return significant(point.output_tokens_per_s, 3) + expected


def _bar(share: float) -> str:
    """A bar of a share of the full width, in eighths of a character."""
    eighths = round(share * _BAR * 8)
    rest = _EIGHTHS[eighths % 8].strip()
    return "█" * (eighths // 8) + rest
