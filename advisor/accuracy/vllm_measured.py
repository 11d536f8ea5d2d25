"""What a published row of vLLM says of its speed, in seconds and per second: medians where it has them."""

from advisor.accuracy.case import CaseMetric
from advisor.domain.published import VllmRun

_WITH_TTFT = "tpot_is_e2e_divided_by_output_tokens"


def measured(row: VllmRun, output_tokens: float, in_flight: int | None) -> dict[CaseMetric, float]:
    """Every metric that the row gives or that follows from its throughput."""
    ttft_s = _seconds(row.ttft_p50_ms, row.ttft_mean_ms)
    found: dict[CaseMetric, float | None] = {
        "ttft_s": ttft_s,
        "tpot_s": _tpot_s(row) or _from_throughput(row, output_tokens, in_flight, ttft_s),
        "e2e_s": _seconds(row.e2e_p50_ms, row.e2e_mean_ms),
        "output_tokens_per_s": row.output_throughput_tok_s,
        "requests_per_s": row.req_throughput_rps,
    }
    return {name: value for name, value in found.items() if value}


def _seconds(*ms: float | None) -> float | None:
    """The first that is given."""
    return next((value / 1000 for value in ms if value), None)


def _tpot_s(row: VllmRun) -> float | None:
    """As published; the mean gap between tokens where the row's TPOT has the first token in it."""
    if _WITH_TTFT in (row.flags or ""):
        return _seconds(row.itl_mean_ms)
    return _seconds(row.tpot_p50_ms, row.tpot_mean_ms)


def _from_throughput(row: VllmRun, output_tokens: float, in_flight: int | None, ttft_s: float | None) -> float | None:
    """In a closed loop a request takes in_flight x output / throughput seconds (Little's law): without its first token, per further one."""
    if not row.output_throughput_tok_s or in_flight is None or ttft_s is None or output_tokens <= 1:
        return None
    request_s = in_flight * output_tokens / row.output_throughput_tok_s
    tpot_s = (request_s - ttft_s) / (output_tokens - 1)
    return tpot_s if tpot_s > 0 else None
