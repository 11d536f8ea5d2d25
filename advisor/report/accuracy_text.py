"""`advisor accuracy` for the terminal: the headline, where it is good and bad, the worst, what was left out. 80 columns."""

from collections.abc import Iterator, Sequence
from typing import Final

from advisor.accuracy.document import Line, Study
from advisor.report.accuracy_words import NOT_A_TEST, metric_words, percent

_WORST: Final = 5


def accuracy_text(study: Study) -> str:
    """The whole answer, ending without a line break."""
    return "\n".join(_lines(study))


def _lines(study: Study) -> Iterator[str]:
    yield f"Predictions against published measurements, split {study.split}, catalog of {study.catalog_as_of}"
    if study.split == "fit":
        yield NOT_A_TEST
    for count in study.counted:
        yield f"  {count.engine:<11}{count.judged:,} of {count.rows:,} rows judged; device and model known of {count.mapped:,}"
    yield "Every group (source x device x model) counts once; an error is |predicted / measured - 1|"
    yield from _table("all", study.headline)
    yield from _table("of a fixed number in flight", study.fixed_in_flight)
    yield from _table("after one measured point of the series", study.after_one_point)
    yield from _table("the same rows before it", study.before_one_point)
    yield from _table("by device class", study.device_classes)
    yield from _table("by load", study.regions)
    yield from _table("by basis", study.bases)
    yield from _table("by what was never fitted", study.unseen)
    yield from ("", "farthest off")
    for worst in study.worst[:_WORST]:
        yield f"  {percent(worst.error):>7}  {worst.engine} {metric_words(worst.metric, short=True)}: {worst.model} on {worst.device}"
        why = worst.likely or "no generic check says why"
        yield f"           {worst.source}; {worst.predicted_over_measured:g} x measured; {why}"
    left_out = sum(out.rows for out in study.excluded if out.what == "row")
    yield f"left out   {left_out:,} rows; every reason in --format json and in the page (--output FILE.md)"


def _table(title: str, lines: Sequence[Line]) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield f"{title:<43}{'median':>8}{'p90':>8}{'inside':>8}{'width':>6}{'rows':>7}"
    for line in lines:
        of = f", {line.of}" if line.of else ""
        width = "-" if line.width is None else f"{line.width:.1f}"
        figures = f"{percent(line.median_error):>8}{percent(line.p90_error):>8}{percent(line.coverage):>8}{width:>6}{line.rows:>7,}"
        yield f"  {line.engine + ' ' + metric_words(line.metric, short=True) + of:<41}{figures}"
