"""Another estimator on the same runs, as it answered when we asked it, beside ours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from advisor.accuracy.errors import Compared, grouped, summary
from advisor.accuracy.judge import Judged
from advisor.domain.published import PeerAnswer
from advisor.domain.strict import STRICT


@dataclass(frozen=True, slots=True)
class PeerLine:
    """Errors of a peer and of the advisor on the runs that both predict, all and on one device."""

    __pydantic_config__ = STRICT
    peer: str
    version: str
    metric: str
    of: str
    rows: int
    groups: int
    peer_median_error: float
    peer_median_row_error: float
    median_error: float
    median_row_error: float


def peer_lines(judged: Iterable[Judged], answers: Sequence[PeerAnswer]) -> tuple[PeerLine, ...]:
    """Of every metric that a peer answered, over all devices and on each."""
    by_row = {answer.row_id: answer for answer in answers}
    both = [(one, answer, told) for one in judged if (answer := by_row.get(one.case.row.row_id)) and (told := _told(answer, one.metric))]
    parts = grouped(both, lambda row: (row[1].peer, row[1].version, row[0].metric, ""))
    on_device = grouped(both, lambda row: (row[1].peer, row[1].version, row[0].metric, row[0].case.group.device))
    return tuple(_line(key, rows) for part in (parts, on_device) for key, rows in sorted(part.items()))


def _line(key: tuple[str, str, str, str], rows: Sequence[tuple[Judged, PeerAnswer, float]]) -> PeerLine:
    ours = [one.compared for one, _, _ in rows]
    theirs = [replace(one.compared, predicted=told) for one, _, told in rows]
    groups = len({one.case.group for one, _, _ in rows})
    return PeerLine(*key, len(rows), groups, *_errors(theirs), *_errors(ours))


def _errors(compared: Sequence[Compared]) -> tuple[float, float]:
    """Median of group medians, and the plain median over rows, which is what peers publish."""
    told, ordered = summary(compared), sorted(one.error for one in compared)
    return round(told.median_error if told else 0.0, 3), round(ordered[len(ordered) // 2], 3)


def _told(answer: PeerAnswer, metric: str) -> float | None:
    ms = {"ttft_s": answer.ttft_ms, "tpot_s": answer.tpot_ms}.get(metric)
    return None if ms is None else ms / 1000
