"""A load in numbers: percentiles over requests and over gaps, throughput, and how many requests were served as promised."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from advisor.domain.workload import ServiceLevel
from advisor.validation.smoke.answer import Answer


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, 95th and 99th percentile, between the ranks of what was measured."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Rung:
    """One load, summed up. Times in seconds over the requests that did not fail (`itl_s` over all gaps of them); None: there are none.

    `tpot_s` is a request's (e2e - TTFT) / (output tokens - 1). Medians bear a stall of the machine; throughput does not, for it is
    tokens over the whole time. `goodput` is the share of all requests, failed ones included, that kept every limit of the service level.
    """

    concurrency: int | None  # closed loop: requests at once
    rate_per_s: float | None  # open loop: requests per second
    requests: int
    failed: int
    first_error: str | None
    duration_s: float
    ttft_s: Spread | None
    tpot_s: Spread | None
    itl_s: Spread | None
    e2e_s: Spread | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int | None  # None: the server does not tell
    output_tokens_per_s: float
    requests_per_s: float
    goodput: float


def summarise(answers: Sequence[Answer], level: ServiceLevel, *, concurrency: int | None = None, rate_per_s: float | None = None) -> Rung:
    """Sum up one load."""
    whole = [answer for answer in answers if answer.error is None]
    duration_s = _duration_s(answers)
    output_tokens = sum(answer.output_tokens or 0 for answer in whole)
    cached = [answer.cached_tokens for answer in whole if answer.cached_tokens is not None]
    return Rung(
        concurrency=concurrency,
        rate_per_s=rate_per_s,
        requests=len(answers),
        failed=len(answers) - len(whole),
        first_error=next((answer.error for answer in answers if answer.error), None),
        duration_s=duration_s,
        ttft_s=spread(answer.ttft_s for answer in whole),
        tpot_s=spread(answer.tpot_s for answer in whole),
        itl_s=spread(gap for answer in whole for gap in answer.itl_s),
        e2e_s=spread(answer.e2e_s for answer in whole),
        input_tokens=sum(answer.input_tokens or 0 for answer in whole),
        output_tokens=output_tokens,
        cached_tokens=sum(cached) if cached else None,
        output_tokens_per_s=output_tokens / duration_s if duration_s else 0.0,
        requests_per_s=len(whole) / duration_s if duration_s else 0.0,
        goodput=sum(keeps(answer, level) for answer in whole) / len(answers) if answers else 0.0,
    )


def spread(values: Iterable[float | None]) -> Spread | None:
    """The percentiles of what was measured; None when nothing was.

    >>> spread([1.0, 2.0, 3.0])
    Spread(p50=2.0, p95=2.9, p99=2.98)
    """
    measured = [value for value in values if value is not None]
    if len(measured) < 2:
        return Spread(measured[0], measured[0], measured[0]) if measured else None
    cuts = quantiles(measured, n=100, method="inclusive")
    return Spread(cuts[49], cuts[94], cuts[98])


def keeps(answer: Answer, level: ServiceLevel) -> bool:
    """True when one request that did not fail stays within every limit that there is; a single token has no TPOT to break."""
    limits = ((answer.ttft_s, level.ttft_p95_s), (answer.tpot_s, level.tpot_p95_s), (answer.e2e_s, level.e2e_p95_s))
    return answer.error is None and all(limit is None or value is None or value <= limit for value, limit in limits)


def breaches(rung: Rung, level: ServiceLevel) -> str | None:
    """The first limit that a load broke, in words; a failed request is a breach too. None: it kept all of them."""
    if rung.failed:
        return f"{rung.failed} of {rung.requests} requests failed: {rung.first_error}"
    for name, measured, limit in (
        ("TTFT", rung.ttft_s, level.ttft_p95_s),
        ("TPOT", rung.tpot_s, level.tpot_p95_s),
        ("e2e", rung.e2e_s, level.e2e_p95_s),
    ):
        if limit is not None and measured is not None and measured.p95 > limit:
            return f"{name} p95 {measured.p95:.3g} s, at most {limit:g} s"
    return None


def _duration_s(answers: Sequence[Answer]) -> float:
    """From the first request's start to the last answer's end."""
    if not answers:
        return 0.0
    return max(answer.start_s + (answer.e2e_s or 0.0) for answer in answers) - min(answer.start_s for answer in answers)
