"""Another tool's result against the plan: the same rows and the same rule as for a server that we load ourselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

from advisor.domain.demand import Lengths
from advisor.domain.evidence import ClaimResult, EvidenceFile
from advisor.domain.workload import ServiceLevel
from advisor.errors import UserInputError
from advisor.estimate.load import share_of_load
from advisor.resources import advisor_version
from advisor.validation.benchmark.loads import BenchmarkLoad, BenchmarkResult
from advisor.validation.compare import judge
from advisor.validation.expectations import Expected, expectations
from advisor.validation.latency import MeasuredLoad, judge_latency, measured_latency
from advisor.validation.load import SmokeLoad
from advisor.validation.planned_load import planned_at_once
from advisor.validation.sampled import rung_row
from advisor.validation.smoke.answer import Answer
from advisor.validation.smoke.summary import summarise
from advisor.validation.speed_rule import is_speed
from advisor.validation.subject import Subject

_NO_LOAD: Final = SmokeLoad((), 0, 0, 0)
_APART: Final = 0.05  # a generator draws lengths around what it was asked for
_SILENCE: Final = "not in a benchmark's result"
_WORDS: Final = 80


@dataclass(frozen=True, slots=True)
class BenchmarkTerms:
    """What users were promised, what the planned model is called there (None: one of its names), and today for a file without a date."""

    level: ServiceLevel
    served_model: str | None
    today: str


def validate_benchmark(subject: Subject, result: BenchmarkResult, terms: BenchmarkTerms) -> EvidenceFile:
    """Evidence of its speeds. A result of another model proves nothing: the evidence then says so in `differs`.

    Raises UserInputError for one in which no request was answered.
    """
    loads = sorted((measured_load(subject, load, terms.level) for load in result.loads if load.answers), key=_pace)
    if not any(load.rung.failed < load.rung.requests for load in loads):
        raise UserInputError(f"{result.tool}: no request in it was answered")
    differs = tuple(_other_model(subject, result, terms.served_model))
    planned = subject.planned
    return EvidenceFile(
        schema="advisor.evidence/1",
        deployment=planned.name,
        fingerprint=subject.fingerprint,
        measured_on=result.measured_on or terms.today,
        engine={"name": None, "version": None, "planned_runtime": planned.engine.runtime, "planned_version": planned.engine.version},
        device=planned.hardware.device,
        hardware="not claimed",
        weights="not claimed",
        weights_sha256=None,
        settings={flag: setting.value for flag, setting in planned.settings.items()},
        reduced=(),
        claims=tuple(_claim(row, loads, differs) for row in _rows(subject)),
        benchmark=tuple(rung_row(load.rung) for load in loads),
        memory={},
        contention={},
        made_with={"advisor": advisor_version(), "benchmark": result.tool},
        source="benchmark",
        differs=differs,
        remarks=tuple(_remarks(subject, result, loads)),
    )


def _rows(subject: Subject) -> Iterator[Expected]:
    return (row for row in expectations(subject, _NO_LOAD, source="benchmark") if not row.name.endswith("_bytes"))


def _claim(row: Expected, loads: Sequence[MeasuredLoad], differs: Sequence[str]) -> ClaimResult:
    if differs:
        return judge(row, None, note="another model was measured", decides="nothing")
    if row.name == "starts":
        return judge(row, 1.0)
    if not is_speed(row.name):
        return judge(row, None, note=_SILENCE)
    apart = dict.fromkeys(words for load in loads for words in load.easier)
    return judge_latency(row, measured_latency(row, loads, nothing_harder=f"easier than planned: {'; '.join(apart)}"))


def _other_model(subject: Subject, result: BenchmarkResult, served_model: str | None) -> Iterator[str]:
    names = subject.model_names if served_model is None else {served_model.casefold()}
    if result.model is not None and result.model.casefold() not in names:
        hint = "" if served_model else " (if that is its name there, say so with --served-model)"
        yield f"model {served_model or subject.planned.model.id} -> {result.model[:_WORDS]}{hint}"


def _remarks(subject: Subject, result: BenchmarkResult, loads: Sequence[MeasuredLoad]) -> Iterator[str]:
    planned = subject.planned
    yield (
        f"a result of {result.tool} tells no hardware, engine version, weights or settings: taken to be the planned "
        f"{planned.hardware.device}, {planned.engine.name} {planned.engine.version} and {planned.model.quantization}"
    )
    if result.model is None:
        yield f"it does not name the model: taken to be the planned {planned.model.id}"
    if result.measured_on is None:
        yield "it does not say when it was measured: taken to be today"
    for load in loads:
        if apart := (*load.easier, *load.harder):
            yield f"{load.pace}: not the planned load: {'; '.join(apart)}"


# ---- against the planned load


def measured_load(subject: Subject, load: BenchmarkLoad, level: ServiceLevel) -> MeasuredLoad:
    """One load with what sets it apart from the planned one: its pace, and the lengths of its requests."""
    rung = summarise(load.answers, level, concurrency=load.concurrency, rate_per_s=load.rate_per_s)
    easier, harder = [], []
    for name, shown, planned, slack in (_pace_of(subject, load), *_lengths(subject, load.answers)):
        words = f"{name} {shown:,.4g}, planned {planned:,.4g}"
        if shown < planned * (1 - slack):
            easier.append(words)
        elif shown > planned * (1 + slack):
            harder.append(words)
    return MeasuredLoad(rung, load.answers, tuple(easier), tuple(harder))


_Compared = tuple[str, float, float, float]  # what, shown, planned, and how far apart is the same


def _pace_of(subject: Subject, load: BenchmarkLoad) -> _Compared:
    if load.concurrency is not None:
        return "requests at once", load.concurrency, planned_at_once(subject), 0.0
    offered = share_of_load(subject.demand.load, subject.planned.replicas).requests_per_s
    if offered:
        return "requests a second", load.rate_per_s or 0.0, offered, _APART
    return "requests at once on average", _in_flight(load.answers), subject.in_flight or 1.0, _APART


def _in_flight(answers: Sequence[Answer]) -> float:
    """By Little's law: the time that requests took over the time of the load."""
    busy_s = sum(answer.e2e_s or 0.0 for answer in answers)
    ends_s = [answer.start_s + (answer.e2e_s or 0.0) for answer in answers]
    whole_s = max(ends_s, default=0.0) - min((answer.start_s for answer in answers), default=0.0)
    return busy_s / whole_s if whole_s else 0.0


def _lengths(subject: Subject, answers: Sequence[Answer]) -> Iterator[_Compared]:
    demand = subject.demand
    whole = [answer for answer in answers if answer.error is None]
    for way, planned, tokens in (
        ("input", demand.input_tokens, [answer.input_tokens for answer in whole]),
        ("output", demand.output_tokens, [answer.output_tokens for answer in whole]),
    ):
        yield from _length(way, planned, sorted(count for count in tokens if count is not None))


def _length(way: str, planned: Lengths, tokens: Sequence[int]) -> Iterator[_Compared]:
    """Median and 95th percentile; no tokens told is the easiest load of all."""
    cuts = quantiles(tokens, n=100, method="inclusive") if len(tokens) > 1 else [float(tokens[0]) if tokens else 0.0] * 99
    yield f"{way} tokens p50", cuts[49], planned.p50, _APART
    yield f"{way} tokens p95", cuts[94], planned.p95, _APART


def _pace(load: MeasuredLoad) -> float:
    return float(load.rung.concurrency or load.rung.rate_per_s or 0.0)
