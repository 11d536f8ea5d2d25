"""The words and figures that the terminal and the page of `advisor accuracy` share."""

from typing import Final

METRIC_WORDS: Final = {
    "tpot_s": "time per token",
    "ttft_s": "time to first token",
    "prefill_s": "prompt processing",
    "e2e_s": "whole request",
    "output_tokens_per_s": "tokens per second",
    "requests_per_s": "requests per second",
}
SHORT_WORDS: Final = {
    "tpot_s": "token",
    "ttft_s": "first token",
    "prefill_s": "prompt",
    "e2e_s": "request",
    "output_tokens_per_s": "tokens/s",
    "requests_per_s": "requests/s",
}
HOW: Final = (
    "An error is |predicted / measured - 1|. Every group (source x device x model) counts once, however many rows it has: "
    "`median` is the median of the groups' medians, `p90` their 90th percentile. `inside` is the share of measurements in the predicted "
    "80 % range, `width` the range's high over its low."
)
NOT_A_TEST: Final = "These rows are the ones that the constants were fitted on: this shows how well the form fits, it is no test."


def percent(share: float | None) -> str:
    """`12 %`, `4.1 %` below ten."""
    if share is None:
        return "-"
    return f"{share * 100:.1f} %" if share < 0.1 else f"{share * 100:.0f} %"


def metric_words(metric: str, *, short: bool = False) -> str:
    """The metric in words."""
    return (SHORT_WORDS if short else METRIC_WORDS).get(metric, metric)
