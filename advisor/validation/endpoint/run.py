"""A server that somebody else started, held against its plan: looked at first, then a ladder of loads that stops at the first breach."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Final

from advisor.domain.demand import Demand
from advisor.domain.evidence import ClaimResult, EvidenceFile
from advisor.domain.workload import ServiceLevel
from advisor.engines.page import checked_address
from advisor.errors import EngineFailed, TimedOut
from advisor.resources import advisor_version
from advisor.validation.compare import judge
from advisor.validation.endpoint.look import Endpoint, require_quiet
from advisor.validation.expectations import Expected, expectations
from advisor.validation.latency import MeasuredLoad, judge_latency, measured_latency
from advisor.validation.load import SmokeLoad
from advisor.validation.planned_load import planned_at_once
from advisor.validation.served.vllm_bench import BenchLoad, BenchProgram, compared, run_vllm_bench
from advisor.validation.smoke.answer import NOT_FINISHED, Answer
from advisor.validation.smoke.connection import port_of
from advisor.validation.smoke.drive import drive
from advisor.validation.smoke.host import listening_process
from advisor.validation.smoke.ladder import Climb, Ladder, climb, closed_steps
from advisor.validation.smoke.requests import PlannedRequest, Vocabulary, plan_requests
from advisor.validation.smoke.summary import Rung, summarise
from advisor.validation.smoke.target import Target
from advisor.validation.speed_rule import LEAST_REQUESTS, is_speed
from advisor.validation.subject import Subject

_NO_LOAD: Final = SmokeLoad((), 0, 0, 0)
_REQUESTS_EACH: Final = 4
_FIRST_STEP: Final = 4  # requests one after another: a look before anything comes at once
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EndpointTerms:
    """How to measure: the server, its key, what its users were promised, requests at once (none: up to the planned load), limit, date.

    `busy_is_fine` measures it while others use it too; `bench` repeats the last load with vLLM's own generator and compares.
    """

    endpoint: Endpoint
    level: ServiceLevel
    concurrency: tuple[int, ...]
    time_limit_s: float
    today: str
    api_key: str | None = None
    busy_is_fine: bool = False
    bench: BenchProgram | None = None
    seed: int = 0


def validate_endpoint(subject: Subject, terms: EndpointTerms, *, announce: Told, progress: Told | None = None) -> EvidenceFile:
    """Measure it. `announce` is told the most that will be sent before anything is.

    A server that is not the planned deployment is given no load. Raises NotProven for one that is busy with others' requests,
    EngineFailed or TimedOut for one that answers nothing, Interrupted.
    """
    if terms.endpoint.shown.differs:
        return _evidence(subject, terms, None)
    require_quiet(terms.endpoint, yes=terms.busy_is_fine)
    ladder = _ladder(subject, terms)
    announce(_announcement(subject, ladder, twice_more=terms.bench is not None))
    target = Target(terms.endpoint.base_url, terms.endpoint.model, api_key=terms.api_key)
    shown = climb(target, ladder, _requests(subject, subject.demand, terms), server=_processes(target), progress=progress)
    if not any(rung.failed < rung.requests for rung in shown.rungs):
        error = shown.rungs[0].first_error if shown.rungs else shown.ended
        fault = TimedOut if error == NOT_FINISHED else EngineFailed
        raise fault(f"{terms.endpoint.base_url}: no request was answered: {error}")
    return replace(evidence := _evidence(subject, terms, shown), remarks=(*evidence.remarks, *_cross_check(subject, terms, target, shown)))


def _requests(subject: Subject, demand: Demand, terms: EndpointTerms) -> Iterator[PlannedRequest]:
    return plan_requests(
        demand,
        Vocabulary(subject.candidate.model.architecture.vocab_size),
        context_tokens=subject.memory.context_per_request_tokens,
        seed=terms.seed,
        salt=secrets.randbits(64),
    )


def _cross_check(subject: Subject, terms: EndpointTerms, target: Target, shown: Climb) -> Iterator[str]:
    """The heaviest load that did not fail once more, in median requests of one length: by our client, then by vLLM's."""
    rung = next((rung for rung in reversed(shown.rungs) if not rung.failed), None)
    if terms.bench is None or rung is None or rung.concurrency is None:
        return
    demand = subject.demand
    load = BenchLoad(rung.requests, rung.concurrency, demand.input_tokens.p50, demand.output_tokens.p50, terms.seed)
    requests = list(islice(_requests(subject, load.demand(demand), terms), load.requests))
    answers = drive(target, requests, concurrency=load.concurrency, time_limit_s=terms.time_limit_s)
    ours = summarise(answers, terms.level, concurrency=load.concurrency)
    yield compared(ours, run_vllm_bench(terms.bench, target, load, level=terms.level, time_limit_s=terms.time_limit_s))


def _ladder(subject: Subject, terms: EndpointTerms) -> Ladder:
    planned = planned_at_once(subject)
    steps = tuple(
        step if (step.concurrency or 0) < planned else replace(step, requests=max(step.requests, LEAST_REQUESTS))
        for step in closed_steps(terms.concurrency or rising(planned), requests_each=_REQUESTS_EACH, least=_FIRST_STEP)
    )
    return Ladder(steps, step_limit_s=terms.time_limit_s, time_limit_s=terms.time_limit_s, level=terms.level, stop_at_breach=True)


def rising(most: int) -> tuple[int, ...]:
    """Doubling from one to the most.

    >>> rising(6)
    (1, 2, 4, 6)
    """
    doubled = [2**power for power in range(max(most, 1).bit_length()) if 2**power < most]
    return (*doubled, max(most, 1))


def _announcement(subject: Subject, ladder: Ladder, *, twice_more: bool) -> str:
    at_once = ", ".join(str(step.concurrency) for step in ladder.steps)
    demand, last = subject.demand, ladder.steps[-1]
    most = ladder.most_requests + (2 * last.requests + last.warm_ups if twice_more else 0)
    return (
        f"sending at most {most:,} requests, {at_once} at once, of about {demand.input_tokens.p50:,} tokens in and "
        f"{demand.output_tokens.p50:,} out, for at most {ladder.time_limit_s:g} s; the first broken limit or failed request ends it"
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
        benchmark=tuple(_row(rung) for rung in shown.rungs) if shown else (),
        memory={},
        contention=shown.contention.as_dict() if shown else {},
        made_with={"advisor": advisor_version(), "seed": terms.seed},
        source="endpoint",
        differs=looked.differs,
        remarks=(*looked.remarks, *((f"ended early: {shown.ended}",) if shown and shown.ended else ())),
    )


def _row(rung: Rung) -> dict[str, Any]:
    """Without the server's own words, which may hold anything."""
    return {name: value for name, value in asdict(rung).items() if name != "first_error"}


def _claim(row: Expected, subject: Subject, terms: EndpointTerms, shown: Climb | None) -> ClaimResult:
    looked = terms.endpoint.shown
    if looked.differs:
        return judge(row, looked.values.get(row.name), note="another deployment runs there", decides="nothing")
    if shown is None or not is_speed(row.name):
        return judge(row, looked.values.get(row.name), note="" if row.name in looked.values else looked.silence)
    if Target(terms.endpoint.base_url, "").is_local and not subject.same_machine:
        return judge(row, None, note="another machine than the planned one")
    planned, ended = planned_at_once(subject), f": {shown.ended}" if shown.ended else ""
    seen = measured_latency(row, climbed_loads(shown, planned), nothing_harder=f"needs {planned} at once{ended}")
    if seen.value is not None and shown.contention.disturbed:
        seen = replace(seen, note=f"disturbed: {shown.contention.words()}", decides="nothing")
    return judge_latency(row, seen)


def climbed_loads(shown: Climb, planned: int) -> tuple[MeasuredLoad, ...]:
    """The rungs, whose requests are the planned ones: only how many come at once sets them apart from the plan."""
    return tuple(_load(rung, answers, planned) for rung, answers in zip(shown.rungs, shown.answers, strict=True))


def _load(rung: Rung, answers: tuple[Answer, ...], planned: int) -> MeasuredLoad:
    at_once, words = rung.concurrency or 0, (f"{planned} planned",)
    return MeasuredLoad(rung, answers, easier=words if at_once < planned else (), harder=words if at_once > planned else ())
