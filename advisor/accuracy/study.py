"""Judges the published runs of one side of the split, and sums them up."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Final

from advisor.accuracy.baselines import best_efficiency, roofline
from advisor.accuracy.case import Case, CaseMetric, LeftOut
from advisor.accuracy.cases import published_cases
from advisor.accuracy.document import SCHEMA, Band, Counted, Excluded, Limit, Line, OpenLoops, Study, Worst
from advisor.accuracy.errors import Compared, Summary, grouped, summary
from advisor.accuracy.judge import ABOVE_CAPACITY, REGIONS, Judged, SetAside, judge, region_of
from advisor.accuracy.one_point import judged_after_one_point
from advisor.accuracy.peers import peer_lines
from advisor.accuracy.predict import Prediction, predict
from advisor.accuracy.reasons import likely_reason, limits
from advisor.accuracy.unseen import LEVELS, seen_in
from advisor.catalog import Catalog
from advisor.catalog.coverage import unmapped
from advisor.catalog.measurements import PublishedTables
from advisor.domain.measurement import Split
from advisor.domain.published import PeerAnswer, PeerError

METRICS: Final[tuple[CaseMetric, ...]] = ("tpot_s", "ttft_s", "prefill_s", "e2e_s", "output_tokens_per_s", "requests_per_s")
_WORST: Final = 15
_NEARLY_ALL: Final = 0.9  # of what is offered: a run that ends is served for a while after its last request came
_BASES: Final = ("measured", "scaled", "modelled")
_CLASSES: Final = ("gpu-datacenter", "gpu-workstation", "gpu-consumer", "gpu-laptop", "apu", "apple", "cpu", "board")


def study(catalog: Catalog, published: PublishedTables, split: Split, peers: tuple[Sequence[PeerAnswer], Sequence[PeerError]]) -> Study:
    """Judge every published run of one side of the split. Of the side that was fitted nothing near is used: it holds these very runs."""
    near = split == "report"
    cases, left_out = published_cases(catalog, published, split)
    judged, aside, refused = judge(cases, lambda case: predict(case, catalog, near=near))
    plain = _without_near(judged, catalog) if near else judged
    after = judged_after_one_point(cases, catalog)
    seen = {"vllm": seen_in(published.vllm, published.names), "llama.cpp": seen_in(published.llama_cpp, published.names)}
    return Study(
        schema=SCHEMA,
        split=split,
        catalog_as_of=catalog.as_of,
        counted=tuple(_counted(catalog, published, split, judged)),
        headline=_lines(judged, lambda one: ""),
        fixed_in_flight=_lines([one for one in judged if one.case.in_flight is not None], lambda one: ""),
        device_classes=_lines(judged, lambda one: one.device_class, _CLASSES),
        regions=_lines(judged, lambda one: one.region, REGIONS),
        bases=_lines(judged, lambda one: str(one.basis), _BASES),
        open_loops=_open_loops(judged, aside),
        unseen=_lines(judged, lambda one: seen[one.engine].unseen(one.case.group), LEVELS) if near else (),
        without_near=_lines(plain, lambda one: ""),
        before_one_point=_lines(_same(plain, after), lambda one: ""),
        after_one_point=_lines(_same(after, plain), lambda one: ""),
        bands=tuple(_bands(catalog)),
        baselines=tuple(_baselines(judged)),
        peers=peer_lines(judged, peers[0]),
        peers_published=tuple(peers[1]),
        worst=_worst(judged),
        excluded=tuple(_excluded((*left_out, *refused), aside)),
        limits=tuple(Limit(what, rows) for what, rows in limits(judged)),
    )


def _without_near(judged: Sequence[Judged], catalog: Catalog) -> tuple[Judged, ...]:
    """The same without measurements near; what was only modelled stays as it is."""
    scaled = {id(one.case): one.case for one in judged if one.basis in ("scaled", "measured")}

    def again(case: Case) -> Prediction:
        return predict(case, catalog, near=False)

    kept = tuple(one for one in judged if id(one.case) not in scaled)
    return (*kept, *judge(scaled.values(), again)[0])


def _same(judged: Iterable[Judged], wanted: Iterable[Judged]) -> tuple[Judged, ...]:
    keys = {(one.case.row.row_id, one.metric) for one in wanted}
    return tuple(one for one in judged if (one.case.row.row_id, one.metric) in keys)


# ---- lines


def _lines(judged: Iterable[Judged], of: Callable[[Judged], str], order: Sequence[str] = ("",)) -> tuple[Line, ...]:
    found = grouped(judged, lambda one: (one.engine, METRICS.index(one.metric), order.index(of(one))))
    return tuple(
        line(engine, METRICS[metric], order[part], [one.compared for one in found[engine, metric, part]])
        for engine, metric, part in sorted(found)
    )


def line(engine: str, metric: str, of: str, compared: Iterable[Compared], *, ranges: bool = True) -> Line:
    """The errors as figures of a page. Raises ValueError for nothing compared."""
    told = summary(compared)
    if told is None:
        raise ValueError("nothing compared")
    return Line(engine, metric, of, told.rows, told.groups, *_rounded(told, ranges=ranges))


def _rounded(told: Summary, *, ranges: bool) -> tuple[float, float, float | None, float | None]:
    errors = round(told.median_error, 3), round(told.p90_error, 3)
    return (*errors, round(told.coverage, 2), round(told.width, 2)) if ranges else (*errors, None, None)


def _baselines(judged: Sequence[Judged]) -> Iterator[Line]:
    """The roofline at the data sheet's rates, at one efficiency, and the advisor on the same runs."""
    with_floor = [one for one in judged if one.floor_s]
    for (engine, metric), runs in _by_metric(with_floor):
        efficiency = best_efficiency(runs)
        yield line(engine, metric, "roofline, efficiency 1", roofline(runs), ranges=False)
        yield line(engine, metric, f"roofline, efficiency {efficiency:.2f} fitted on these runs", roofline(runs, efficiency), ranges=False)
        yield line(engine, metric, "the advisor", [one.compared for one in runs], ranges=False)


def _by_metric(judged: Iterable[Judged]) -> Iterator[tuple[tuple[str, str], list[Judged]]]:
    found = grouped(judged, lambda one: (one.engine, METRICS.index(one.metric)))
    for engine, metric in sorted(found):
        yield (engine, METRICS[metric]), found[engine, metric]


def _bands(catalog: Catalog) -> Iterator[Band]:
    for engine, calibration in sorted(catalog.calibrations.items()):
        for band in calibration.errors:
            yield Band(engine, band.backend, band.metric, band.level, band.low, band.high, band.note)


# ---- what stands out, what is missing


def _worst(judged: Iterable[Judged]) -> tuple[Worst, ...]:
    by_group = grouped(judged, lambda one: (one.metric, one.case.group))
    ranked = sorted(by_group.values(), key=lambda runs: -median(one.compared.error for one in runs))
    return tuple(map(_worst_line, ranked[:_WORST]))


def _worst_line(runs: Sequence[Judged]) -> Worst:
    first, ratio = runs[0], median(one.compared.predicted / one.compared.measured for one in runs)
    error = median(one.compared.error for one in runs)
    figures = len(runs), round(error, 2), round(ratio, 2)
    return Worst(first.engine, first.metric, *first.case.group, *figures, likely_reason(runs), first.case.row.source)


def _open_loops(judged: Iterable[Judged], aside: Iterable[SetAside]) -> OpenLoops:
    cases = [*(one.case for one in judged), *(one.case for one in aside)]
    runs = {case.row.row_id: case for case in cases if region_of(case) == "open loop"}
    above = {one.case.row.row_id for one in aside if one.why == ABOVE_CAPACITY}
    return OpenLoops(len(runs), len(above), sum(_served_all(runs[row]) for row in above))


def _served_all(case: Case) -> bool:
    offered, served = getattr(case.row, "request_rate_rps", None), case.measured.get("requests_per_s")
    return bool(offered and served and served >= _NEARLY_ALL * offered)


def _counted(catalog: Catalog, published: PublishedTables, split: Split, judged: Sequence[Judged]) -> Iterator[Counted]:
    for engine, rows in (("llama.cpp", published.llama_cpp), ("vllm", published.vllm)):
        own = [row for row in rows if row.split == split]
        mapped = sum(unmapped(row, published.names, catalog) is None for row in own)
        yield Counted(engine, len(own), mapped, len({one.case.row.row_id for one in judged if one.engine == engine}))


def _excluded(left_out: Iterable[LeftOut], aside: Iterable[SetAside]) -> Iterator[Excluded]:
    rows = Counter((_engine(out), out.why) for out in left_out)
    metrics = Counter((one.case.candidate.runtime.engine, f"{one.metric}: {one.why}") for one in aside)
    for (engine, why), count in sorted(rows.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
        yield Excluded(engine, "row", count, why)
    for (engine, why), count in sorted(metrics.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
        yield Excluded(engine, "metric", count, why)


def _engine(out: LeftOut) -> str:
    return "vllm" if hasattr(out.row, "req_throughput_rps") else "llama.cpp"
