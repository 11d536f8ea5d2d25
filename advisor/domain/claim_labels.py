"""What a claim or a requirement is called in words, and its unit; the one place for it."""

from typing import Final

_LABELS: Final = {
    "ttft_p95_s": ("first token p95", " s"),
    "tpot_p95_s": ("per token p95", " s"),
    "e2e_p95_s": ("whole answer p95", " s"),
    "cold_start_s": ("start from cold", " s"),
    "utilization": ("utilisation", ""),
    "finish_h": ("finished after", " h"),
    "failed_pct": ("requests that fail", " %"),
    "usd_per_month": ("cost a month", " USD"),
    "required_gib": ("memory per device", " GiB"),
    "host_required_gib": ("host memory", " GiB"),
    "context_per_request_tokens": ("longest request", " tokens"),
    "replicas_up": ("replicas left", ""),
    "weights_gib": ("weights on a device", " GiB"),
    "kv_cache_gib": ("cache on a device", " GiB"),
    "recurrent_state_gib": ("recurrent state on a device", " GiB"),
    "reserved_gib": ("reserved on a device", " GiB"),
    "kv_capacity_tokens": ("tokens held", " tokens"),
    "requests_held_typical": ("typical requests held", ""),
    "usd_per_request": ("cost a request", " USD"),
    "usd_per_request_at_capacity": ("cost a request when full", " USD"),
    "usd_per_million_input_tokens": ("cost of a million tokens sent, the bill over these alone", " USD"),
    "usd_per_million_output_tokens": ("cost of a million tokens generated, the bill over these alone", " USD"),
    "usd_per_pile": ("cost of one pile", " USD"),
    "usd_per_user_month": ("cost a user a month", " USD"),
}


def label_of(name: str) -> tuple[str, str]:
    """What a claim is called, and its unit: `ttft_p95_s_one_down` -> ('first token p95, 1 down', ' s')."""
    for known, (label, unit) in _LABELS.items():
        if name == known:
            return label, unit
        if name.startswith(known + "_") and name.endswith("_down"):
            down = name.removeprefix(known + "_").removesuffix("_down").replace("one", "1")
            return f"{label}, {down} down", unit
    return name, ""
