"""A server that somebody else started, held against its plan: looked at first, then a ladder of loads that stops at the first breach."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from advisor.domain.evidence import ClaimResult, EvidenceFile
from advisor.engines.page import checked_address
from advisor.errors import EngineFailed, TimedOut
from advisor.resources import advisor_version
from advisor.validation.compare import judge
from advisor.validation.contention import RETRIES
from advisor.validation.endpoint.look import Endpoint, require_quiet
from advisor.validation.expectations import Expected, expectations
from advisor.validation.load import SmokeLoad
from advisor.validation.sampled import Sampling, rung_row, sampled_ladder, sampled_requests, why_nothing_was_answered
from advisor.validation.served.vllm_bench import BenchLoad, BenchProgram, compared, run_vllm_bench
from advisor.validation.service_level import judge_service
from advisor.validation.smoke.answer import NOT_FINISHED
from advisor.validation.smoke.connection import port_of
from advisor.validation.smoke.drive import drive
from advisor.validation.smoke.host import listening_process
from advisor.validation.smoke.ladder import Climb, Ladder, climb, pace
from advisor.validation.smoke.summary import summarise
from advisor.validation.smoke.target import Target
from advisor.validation.speed_rule import is_speed
from advisor.validation.subject import Subject

_NO_LOAD: Final = SmokeLoad((), 0, 0, 0)
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EndpointTerms:
    """How to measure: the server, its key, what is sent, the time limit, today's date.

    `busy_is_fine` measures it while others use it too; `bench` repeats the last load with vLLM's own generator and compares.
    """

    endpoint: Endpoint
    sampling: Sampling
    time_limit_s: float
    today: str
    api_key: str | None = None
    busy_is_fine: bool = False
    bench: BenchProgram | None = None


def validate_endpoint(subject: Subject, terms: EndpointTerms, *, announce: Told, progress: Told | None = None) -> EvidenceFile:
    """Measure it. `announce` is told the most that will be sent before anything is.

    A server that is not the planned deployment is given no load. Raises NotProven for one that is busy with others' requests,
    EngineFailed or TimedOut for one that answers nothing, Interrupted.
    """
    if terms.endpoint.shown.differs:
        return _evidence(subject, terms, None)
    require_quiet(terms.endpoint, yes=terms.busy_is_fine)
    target = Target(terms.endpoint.base_url, terms.endpoint.model, api_key=terms.api_key)
    server = _processes(target)
    ladder = sampled_ladder(subject, terms.sampling, time_limit_s=terms.time_limit_s, retries=0 if server is None else RETRIES)
    announce(_announcement(subject, ladder, twice_more=terms.bench is not None))
    shown = climb(target, ladder, sampled_requests(subject, subject.demand, seed=terms.sampling.seed), server=server, progress=progress)
    if error := why_nothing_was_answered(shown):
        fault = TimedOut if error == NOT_FINISHED else EngineFailed
        raise fault(f"{terms.endpoint.base_url}: no request was answered: {error}")
    return replace(evidence := _evidence(subject, terms, shown), remarks=(*evidence.remarks, *_cross_check(subject, terms, target, shown)))


def _cross_check(subject: Subject, terms: EndpointTerms, target: Target, shown: Climb) -> Iterator[str]:
    """The heaviest load that did not fail once more, in median requests of one length: by our client, then by vLLM's."""
    rung = next((rung for rung in reversed(shown.rungs) if rung.concurrency and not rung.failed), None)
    if terms.bench is None or rung is None or rung.concurrency is None:
        return
    demand = subject.demand
    load = BenchLoad(rung.requests, rung.concurrency, demand.input_tokens.p50, demand.output_tokens.p50, terms.sampling.seed)
    requests = list(islice(sampled_requests(subject, load.demand(demand), seed=terms.sampling.seed), load.requests))
    answers = drive(target, requests, concurrency=load.concurrency, time_limit_s=terms.time_limit_s)
    ours = summarise(answers, terms.sampling.level, concurrency=load.concurrency)
    yield compared(ours, run_vllm_bench(terms.bench, target, load, level=terms.sampling.level, time_limit_s=terms.time_limit_s))


def _announcement(subject: Subject, ladder: Ladder, *, twice_more: bool) -> str:
    paces = ", ".join(dict.fromkeys(pace(step) for step in ladder.steps))
    demand, last = subject.demand, ladder.steps[-1]
    most = ladder.most_requests + (2 * last.requests + last.warm_ups if twice_more else 0)
    again = f"; what other work here disturbs is sent again, {ladder.retries} times at most" if ladder.retries else ""
    return (
        f"sending at most {most:,} requests ({paces}) of about {demand.input_tokens.p50:,} tokens in and {demand.output_tokens.p50:,} out, "
        f"for at most {ladder.time_limit_s:g} s; the first broken limit or failed request ends it{again}"
    )


def _processes(target: Target) -> tuple[int, ...] | None:
    """The server's, where it runs on this machine and its owner may be seen."""
    found = listening_process(port_of(checked_address(target.base_url))) if target.is_local else None
    return None if found is None else (found,)


# ---- evidence


def _evidence(subject: Subject, terms: EndpointTerms, shown: Climb | None) -> EvidenceFile:
    planned, looked = subject.planned, terms.endpoint.shown
    rows = [row for row in expectations(subject, _NO_LOAD, source="endpoint") if not row.name.endswith("_bytes")]
    return EvidenceFile(
        schema="advisor.evidence/1",
        deployment=planned.name,
        fingerprint=subject.fingerprint,
        measured_on=terms.today,
        engine={**looked.engine, "planned_runtime": planned.engine.runtime, "planned_version": planned.engine.version},
        device=planned.hardware.device,
        hardware="not claimed",
        weights="not claimed",
        weights_sha256=None,
        settings={flag: setting.value for flag, setting in planned.settings.items()},
        reduced=(),
        claims=tuple(_claim(row, subject, terms, shown) for row in rows),
        benchmark=tuple(rung_row(rung) for rung in shown.rungs) if shown else (),
        memory={},
        contention=shown.contention.as_dict() if shown else {},
        made_with={"advisor": advisor_version(), "seed": terms.sampling.seed},
        source="endpoint",
        differs=looked.differs,
        remarks=(*looked.remarks, *((f"ended early: {shown.ended}",) if shown and shown.ended else ())),
    )


def _claim(row: Expected, subject: Subject, terms: EndpointTerms, shown: Climb | None) -> ClaimResult:
    looked = terms.endpoint.shown
    if looked.differs:
        return judge(row, looked.values.get(row.name), note="another deployment runs there", decides="nothing")
    if shown is None or not is_speed(row.name):
        return judge(row, looked.values.get(row.name), note="" if row.name in looked.values else looked.silence)
    here = Target(terms.endpoint.base_url, "").is_local  # elsewhere it is taken to be the planned machine, which cannot be seen
    return judge_service(row, subject if here else replace(subject, same_machine=True), shown)
