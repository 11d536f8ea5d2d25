"""A running server against its plan, by the metrics it tells: one page is read, nothing is sent to be computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from advisor.check.codes import CACHE_NEARLY_FULL, ENGINE_CHANGED, LOAD_ABOVE_PLAN, POOL_DIFFERS, PREEMPTED, REQUESTS_WAIT, SETTING_CHANGED
from advisor.check.report import Checked, CheckReport
from advisor.domain.finding import Finding
from advisor.domain.position import Position
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.verdict import Severity
from advisor.engines.metrics import CacheConfig, LiveEngine, Reading, read_metrics
from advisor.engines.page import Page, read_page
from advisor.errors import NotProven, UserInputError
from advisor.files.plan import read_plan
from advisor.manifests.found import NotChecked
from advisor.planning.case import case_of, workload_of
from advisor.validation.planned_load import planned_in_flight, settings_apart, tokens_held
from advisor.validation.prepare import Machine, choose, prepare
from advisor.validation.subject import Subject

_NEARLY_FULL: Final = 0.95  # of the pool: the next long request preempts another one
_ROUNDING: Final = 0.001
_ELSEWHERE: Final = Machine("", offloads=lambda: False)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """The page to read, the plan to hold it against, which of its deployments, and the key for servers that guard their metrics."""

    url: str
    plan: Path
    deployment: str | None = None
    api_key: str | None = None


def check_live(options: LiveOptions) -> CheckReport:
    """Read the page and judge it.

    Raises UserInputError for a page that is no engine's metrics, NotProven when the server does not show them, TimedOut, and what
    reading a plan raises.
    """
    plan, _ = read_plan(options.plan)
    planned = choose(plan, options.deployment)
    workload, _ = workload_of(plan, options.plan)
    case = case_of(workload, [], plan)
    subject = prepare(plan, planned, case, _ELSEWHERE)
    live = read_metrics(_metrics_text(read_page(options.url, api_key=options.api_key), options.url), case.catalog.engines.values())
    report = CheckReport()
    report.checked.append(Checked(options.url, f"running {live.runtime}", planned.name, str(options.plan)))
    report.findings += live_findings(subject, live, options.url)
    if not any(cache.num_blocks for cache in live.caches):
        reason = f"KV capacity: {live.runtime} does not tell it in its metrics; advisor validate --endpoint asks for it"
        report.not_checked.append(NotChecked(Position(options.url, 1, 1), reason))
    return report


def _metrics_text(page: Page, url: str) -> str:
    """The page's text. Raises NotProven when the server does not show it, UserInputError when it is elsewhere."""
    match page.status:
        case HTTPStatus.OK:
            return page.text
        case HTTPStatus.NOT_IMPLEMENTED:
            raise NotProven(f"{url}: the server does not show its metrics; llama-server does when started with --metrics")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise UserInputError(f"{url}: asks for a key (HTTP {page.status}): name the variable that holds it with --api-key-env")
        case HTTPStatus.NOT_FOUND:
            raise UserInputError(
                f"{url}: not there (HTTP 404): give the whole address of the metrics, such as http://127.0.0.1:8000/metrics"
            )
        case status if page.location:
            raise UserInputError(f"{url}: points elsewhere (HTTP {status}) and is not followed: give {page.location[:200]} if you mean it")
        case status:
            raise NotProven(f"{url}: answers HTTP {status} instead of metrics")


def live_findings(subject: Subject, live: LiveEngine, url: str) -> Iterator[Finding]:
    """Everything to be said about a running server: what it is, how it is set, what it holds, how loaded it is."""
    planned = subject.planned
    if live.engine != planned.engine.name:
        text = f"{live.runtime} runs here; the plan and its evidence are for {planned.engine.runtime} {planned.engine.version}"
        yield _finding(url, 1, "block", ENGINE_CHANGED, text)
        return
    for cache in live.caches:
        yield from _settings(subject, cache, url)
        yield from _pool(subject, cache, url)
    yield from _load(subject, live, url)
    yield from _context(subject, live.longest_context_tokens, url)


def _finding(url: str, line: int, severity: Severity, rule: str, text: str) -> Finding:
    return Finding(Position(url, line, 1), severity, rule, Basis.MEASURED, text)


def _settings(subject: Subject, cache: CacheConfig, url: str) -> Iterator[Finding]:
    for flag, planned, told in settings_apart(subject, cache):
        text = f"--{flag}: {planned} in the plan, {told} in the running server. Restart it with the plan's flags, or change the plan"
        yield _finding(url, cache.line, "warn", SETTING_CHANGED, text)


def _pool(subject: Subject, cache: CacheConfig, url: str) -> Iterator[Finding]:
    """Tokens against what the workload needs, blocks against the predicted range."""
    held_tokens, blocks = tokens_held(subject, cache), subject.memory.num_blocks
    if held_tokens is None or cache.num_blocks is None or blocks is None:
        return
    claim = subject.claims.get("kv_capacity_tokens")
    needed_tokens = (claim.at_least if claim else None) or subject.demand.longest_tokens
    if held_tokens < needed_tokens:
        text = f"the pool holds {held_tokens:,.0f} tokens, the workload needs {needed_tokens:,.0f}: give it more memory, or plan again"
        yield _finding(url, cache.line, "block", POOL_DIFFERS, text)
    elif not _inside(cache.num_blocks, blocks):
        fewer = cache.num_blocks < blocks.low
        planned = f"{blocks.value:,.0f}" if blocks.low == blocks.high else f"{blocks.value:,.0f} ({blocks.low:,.0f}-{blocks.high:,.0f})"
        text = f"{cache.num_blocks:,} KV blocks, {planned} planned: {'less' if fewer else 'more'} fits than was reckoned with"
        yield _finding(url, cache.line, "warn" if fewer else "note", POOL_DIFFERS, text)


def _inside(value: float, planned: Quantity) -> bool:
    return planned.low * (1 - _ROUNDING) <= value <= planned.high * (1 + _ROUNDING)


def _load(subject: Subject, live: LiveEngine, url: str) -> Iterator[Finding]:
    if live.requests_waiting and live.requests_waiting.value > 0:
        text = f"{live.requests_waiting.value:,.0f} requests wait: the server is at its limit, and their first token comes late"
        yield _finding(url, live.requests_waiting.line, "warn", REQUESTS_WAIT, text)
    most = planned_in_flight(subject)
    if live.requests_running and most is not None and live.busy > most:
        text = f"{live.busy:,} requests at once, {most:,} planned for a replica: the promised latency was not computed for this load"
        yield _finding(url, live.requests_running.line, "warn", LOAD_ABOVE_PLAN, text)
    if live.kv_used and live.kv_used.value >= _NEARLY_FULL:
        text = f"{live.kv_used.value:.0%} of the KV pool is taken: the next long request pushes another one out"
        yield _finding(url, live.kv_used.line, "warn", CACHE_NEARLY_FULL, text)
    if live.preemptions and live.preemptions.value > 0:
        text = f"{live.preemptions.value:,.0f} requests were pushed out of the KV pool since the start and computed again"
        yield _finding(url, live.preemptions.line, "note", PREEMPTED, text)


def _context(subject: Subject, longest: Reading | None, url: str) -> Iterator[Finding]:
    asked = subject.demand.longest_tokens
    if longest is not None and longest.value > asked:
        text = f"a request of {longest.value:,.0f} tokens was served, the workload's longest has {asked:,}: correct the workload and replan"
        yield _finding(url, longest.line, "warn", LOAD_ABOVE_PLAN, text)
