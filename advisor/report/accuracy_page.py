"""`docs/accuracy/performance.md`: the study as a page in Markdown."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from advisor.accuracy.document import Line, Study
from advisor.report.accuracy_words import HOW, metric_words, percent

_SIDE = {"report": "no constant was fitted on them", "fit": "the constants were fitted on them, so this is no test"}
_HEAD = "| engine | metric | {of}median | p90 | inside | width | groups | rows |"


def accuracy_page(study: Study) -> str:
    """The page in Markdown."""
    return "\n".join(_lines(study)) + "\n"


def _lines(study: Study) -> Iterator[str]:
    yield from ("# Accuracy: speed", "")
    yield "What the advisor predicts against what others measured and published. Written by `advisor accuracy` from the rows of"
    yield f"`catalog/measurements` on the side `{study.split}` of the split, catalog of {study.catalog_as_of}; {_SIDE[study.split]}."
    yield "How to read it: [reading.md](reading.md)."
    yield from ("", HOW, "", "## All", "")
    yield from _table(study.headline)
    yield from ("", "Of a fixed number of requests in flight alone, closed loops and benchmarks:", "")
    yield from _table(study.fixed_in_flight)
    yield from _counted(study)
    yield from _section("By class of device", study.device_classes, "device class")
    yield from _section("By load", study.regions, "load")
    loops = study.open_loops
    yield (
        f"Of {loops.rows} open loops {loops.predicted_saturated} were predicted to be above capacity and are not judged further: their "
        f"wait hangs on how long they last. {loops.of_which_served} of these served at least nine tenths of what was offered."
    )
    yield from _section("By what is new", study.unseen, "never fitted")
    yield "`group`: source, device and model are each known from other rows; else the hardest thing that no fitted row has."
    yield ""
    yield from _section("By basis", study.bases, "basis")
    yield "`scaled` predictions are corrected by published measurements near them, of the other side of the split. The same rows without:"
    yield ""
    yield from _table(study.without_near)
    yield from ("", "## After one measured point", "")
    yield "The least loaded run of a series is given as with `--measured`; its other runs are predicted. Before, the same runs:"
    yield ""
    yield from _table(study.before_one_point)
    yield from ("", "After:", "")
    yield from _table(study.after_one_point)
    yield from _bands(study)
    yield from _baselines(study)
    yield from _peers(study)
    yield from _worst(study)
    yield from _excluded(study)
    yield from ("", "## What limits the rest", "", "Not stated by the rows, so no model can know it:", "")
    yield from (f"- {limit.what} ({limit.rows:,} rows)" for limit in study.limits)


def _section(title: str, lines: Sequence[Line], of: str) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from _table(lines, of)
    yield ""


def _table(lines: Sequence[Line], of: str = "") -> Iterator[str]:
    yield _HEAD.format(of=f"{of} | " if of else "")
    yield "|---|---|" + "---|" * bool(of) + "---|" * 6
    for line in lines:
        part = f" {line.of} |" if of else ""
        width = "-" if line.width is None else f"{line.width:.2f}"
        errors = f"{percent(line.median_error)} | {percent(line.p90_error)} | {percent(line.coverage)} | {width}"
        yield f"| {line.engine} | {metric_words(line.metric)} |{part} {errors} | {line.groups} | {line.rows:,} |"


def _counted(study: Study) -> Iterator[str]:
    yield ""
    for count in study.counted:
        unmapped = count.rows - count.mapped
        yield (
            f"{count.engine}: {count.judged:,} of {count.rows:,} rows are judged; of {unmapped:,} the device or the model is not in the "
            "catalog. All that is left out, and why: [below](#what-is-left-out).  "
        )


def _bands(study: Study) -> Iterator[str]:
    yield from ("", "## Ranges", "")
    yield "80 % ranges of measured over predicted time, by what was held out when they were fitted (`catalog/calibration`)."
    yield from ("", "| engine | metric | held out | low | high | |", "|---|---|---|---|---|---|")
    for band in study.bands:
        engine = f"{band.engine}, {band.backend}" if band.backend else band.engine
        yield f"| {engine} | {band.metric} | {band.level} | {band.low:.2f} | {band.high:.2f} | {band.note} |"


def _baselines(study: Study) -> Iterator[str]:
    yield from ("", "## Against a roofline", "")
    yield "Bytes at the nominal bandwidth, or arithmetic at the peak, of the same runs: what a calculator from data sheets says."
    yield from ("", "| engine | metric | | median | p90 | groups | rows |", "|---|---|---|---|---|---|---|")
    for line in study.baselines:
        errors = f"{percent(line.median_error)} | {percent(line.p90_error)}"
        yield f"| {line.engine} | {metric_words(line.metric)} | {line.of} | {errors} | {line.groups} | {line.rows:,} |"


def _peers(study: Study) -> Iterator[str]:
    yield from ("", "## Others", "")
    if study.peers:
        yield "Another estimator on the same runs, asked by us (`benchmarks/peers_performance.py`). The runs are of its own sample, on"
        yield "devices whose kernels it has measured one by one. First the median of groups, then of rows."
        yield from ("", "| estimator | metric | device | it, groups | it, rows | we, groups | we, rows | groups | rows |")
        yield "|---|---|---|---|---|---|---|---|---|"
    for peer in study.peers:
        theirs = f"{percent(peer.peer_median_error)} | {percent(peer.peer_median_row_error)}"
        ours = f"{percent(peer.median_error)} | {percent(peer.median_row_error)}"
        name = f"{peer.peer} {peer.version} | {metric_words(peer.metric)} | {peer.of or 'all'}"
        yield f"| {name} | {theirs} | {ours} | {peer.groups} | {peer.rows} |"
    yield from ("", "As they publish, on cases of their own choice; not the rows above:", "")
    yield from ("| estimator | metric | cases | error | address |", "|---|---|---|---|---|")
    for told in study.peers_published:
        address = f"[{told.retrieved}]({told.address})"
        yield f"| {told.peer} ({told.version}) | {told.metric} | {told.cases} | {told.error} | {address} |"


def _worst(study: Study) -> Iterator[str]:
    yield from ("", "## The worst", "", "Groups by their median error. The reason is what a generic check says of most of their runs.", "")
    yield "| error | predicted / measured | engine | metric | model | device | source | rows | likely |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in study.worst:
        where = f"{one.engine} | {metric_words(one.metric)} | {one.model} | {one.device} | [{one.source}]({_link(one.address)})"
        ratio = f"{one.predicted_over_measured:g}"
        yield f"| {percent(one.error)} | {ratio} | {where} | {one.rows} | {one.likely or 'no check says why'} |"


def _link(address: str) -> str:
    """The address without what sources add to it in words."""
    return address.partition(" ")[0]


def _excluded(study: Study) -> Iterator[str]:
    yield from ("", "## What is left out", "", "By rule, never by name.")
    for engine, found in groupby(study.excluded, attrgetter("engine")):
        yield from ("", f"### {engine}", "", "| rows | what | why |", "|---|---|---|")
        for out in found:
            yield f"| {out.rows:,} | {out.what} | {out.why} |"
