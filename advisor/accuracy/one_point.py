"""Accuracy after one measured point: the least loaded run of a series is given to the advisor, its other runs are predicted."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from advisor.accuracy.case import Case, CaseMetric
from advisor.accuracy.errors import grouped
from advisor.accuracy.judge import Judged, judge
from advisor.accuracy.llama_cpp_cases import decode_context_tokens, is_bench
from advisor.accuracy.predict import case_deployment, case_memory, predict, steps_of
from advisor.catalog import Catalog
from advisor.domain.measured import MeasuredPoint
from advisor.errors import UserInputError
from advisor.estimate.measured_scale import MeasuredCandidate, scale_of

_FIRST: Final[tuple[CaseMetric, ...]] = ("ttft_s", "prefill_s")


def judged_after_one_point(cases: Iterable[Case], catalog: Catalog) -> tuple[Judged, ...]:
    """Every run of a series but the measured one, predicted as with `--measured`. A series of one run says nothing here."""
    series = grouped(cases, lambda case: case.series)
    return tuple(judged for runs in series.values() for judged in _of_series(runs, catalog))


def _of_series(runs: Sequence[Case], catalog: Catalog) -> Iterator[Judged]:
    first, *others = sorted(runs, key=_weight)
    point = _point(first)
    if not others or point is None:
        return
    try:
        memory, steps = case_memory(first, catalog), steps_of(first, catalog, near=False)
        scale = scale_of(point, MeasuredCandidate(case_deployment(first), memory, steps))
    except UserInputError:  # it does not start, or is too far off to be believed
        return
    known = catalog.with_measured((scale,))
    judged, _, _ = judge(others, lambda case: predict(case, known))
    measured = {"tpot_s": point.tpot_s, "ttft_s": point.ttft_s, "prefill_s": point.ttft_s}
    yield from (one for one in judged if measured.get(one.metric))


def _weight(case: Case) -> tuple[float, float]:
    """Least loaded first; where all requests come at once or at a rate, that is not known."""
    return float(case.in_flight or 10**9), case.input_tokens + case.depth_tokens


def _point(case: Case) -> MeasuredPoint | None:
    """What a user could have measured and pasted: what physics allows of it. None where there is nothing, or no fixed number in flight."""
    told = {metric: value for metric, value in case.measured.items() if metric not in case.unreliable}
    first = next((told[metric] for metric in _FIRST if metric in told), None)
    if case.in_flight is None or (first is None and "tpot_s" not in told):
        return None
    bare = is_bench(case)
    context = decode_context_tokens(case) - case.output_tokens / 2 if bare else case.depth_tokens + case.input_tokens
    return MeasuredPoint(
        concurrency=case.in_flight,
        input_tokens=max(1, round(context)),
        output_tokens=max(2, round(case.output_tokens)),
        tpot_s=told.get("tpot_s"),
        ttft_s=first,
        prompt_tokens=max(1, round(case.input_tokens)) if bare else None,
        bare=bare,
        source=case.row.row_id,
    )
