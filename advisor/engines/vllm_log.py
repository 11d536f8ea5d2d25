"""What vLLM's own start-up log says: version, memory, the KV pool, settings in effect, whether it came up or why not.

Sizes in the log are rounded to hundredths of a GiB. Of several ranks the tightest counts: the most memory taken, the smallest pool.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from advisor.engines.log_stream import Patterns, collect, compiled, read_last_start
from advisor.units import GIB

_START: Final = "version"
_PROGRESS: Final = ("version", "engine", "weights", "kv_available", "kv_cache", "graphs", "started", "serving", "ready")
_FOLLOW_UP: Final = "Engine core initialization failed"  # the API server's echo of the engine's own error
_DETAILS: Final = frozenset({"model", "given_setting", "engine_setting", "time"})  # of lines that tell something else first
_DAY_S: Final = 86_400
_NAMES: Final = {
    "max_seq_len": "max_model_len",
    "tensor_parallel_size": "tensor",
    "pipeline_parallel_size": "pipeline",
    "data_parallel_size": "data",
}

_OF_RANKS: Final = {
    "weights": ("weights", "gib"),
    "memory taken": ("peak_activation", "taken"),
    "activation peak": ("peak_activation", "gib"),
    "pool": ("kv_in_use", "gib"),
    "tokens": ("kv_cache", "tokens"),
}

Found = Mapping[str, list[re.Match[str]]]


@dataclass(frozen=True, slots=True)
class VllmLog:
    """The last start in a log; None where the log is silent. `taken_bytes` are weights and all that is outside PyTorch, before the pool.

    `settings` are in effect, by the names of VllmSettings and Parallelism; `given` were on the command line. `uneven` names what the
    ranks do not agree on. `refusal` is why it did not come up, `later_error` what went wrong after it had.
    """

    starts: int
    version: str | None
    model: str | None
    ready: bool
    refusal: str | None
    later_error: str | None
    ranks: int  # that tell their memory; some versions let only the first one speak
    on_cpu: bool
    device_name: str | None
    device_bytes: float | None
    budget_bytes: float | None
    weights_bytes: float | None
    taken_bytes: float | None
    activation_bytes: float | None
    graphs_bytes: float | None
    pool_bytes: float | None
    kv_tokens: int | None
    length_tokens: int | None
    max_concurrency_x: float | None
    blocks: int | None
    longest_tokens: int | None
    load_s: float | None
    engine_s: float | None
    start_s: float | None
    settings: Mapping[str, str]
    given: Mapping[str, str]
    uneven: tuple[str, ...]

    @property
    def tells(self) -> bool:
        """True when at least one line of a start of vLLM was found."""
        return bool(self.version or self.ready or self.refusal or self.weights_bytes or self.kv_tokens)


def read_vllm_log(log: BinaryIO, log_patterns: Mapping[str, str]) -> VllmLog:
    """Read a log of any size to its end. Raises UserInputError when several pods are mixed in it."""
    patterns = compiled(log_patterns)
    last = read_last_start(log, patterns, start=_START, details=_DETAILS)
    found = collect(last.lines, patterns)
    version, settings = _settings(found, patterns)
    refusal, later_error = _errors(last.lines, patterns)
    return VllmLog(
        starts=last.starts,
        version=version,
        model=_model(found, patterns),
        ready=bool(found["ready"]),
        refusal=refusal,
        later_error=later_error,
        ranks=max(len(found["weights"]), len(found["peak_activation"])),
        on_cpu=bool(found["processor"] or found["kv_reserved"]),
        device_name=_text(found, "device_name", "name"),
        device_bytes=_gib(_least(found, "device_memory", "total")),
        budget_bytes=_gib(_least(found, "budget", "gib")),
        weights_bytes=_gib(_most(found, "weights", "gib")),
        taken_bytes=_gib(_consumed_gib(found)),
        activation_bytes=_gib(_most(found, "peak_activation", "gib")),
        graphs_bytes=_gib(_most(found, "graphs", "gib")),
        pool_bytes=_gib(_pool_gib(found)),
        kv_tokens=_whole(_least(found, "kv_cache", "tokens")),
        length_tokens=_whole(_least(found, "concurrency", "length")),
        max_concurrency_x=_least(found, "concurrency", "concurrency"),
        blocks=_whole(_least(found, "blocks", "blocks")),
        longest_tokens=_whole(_least(found, "longest", "tokens")),
        load_s=_most(found, "weights", "seconds"),
        engine_s=_most(found, "started", "seconds"),
        start_s=_start_s(last.lines, patterns),
        settings=settings,
        given=_given(found, patterns),
        uneven=tuple(words for words, (name, group) in _OF_RANKS.items() if len(set(_numbers(found, name, group))) > 1),
    )


# ---- identity and settings


def _settings(found: Found, patterns: Patterns) -> tuple[str | None, dict[str, str]]:
    """The version that started, and what its configuration line and its scheduler say is in effect."""
    engines = found["engine"]
    in_effect = {}
    for match in patterns["engine_setting"].finditer(engines[-1].string) if engines else ():
        in_effect[_NAMES.get(match["name"], match["name"])] = match["value"]
    if found["batched"]:
        in_effect["max_num_batched_tokens"] = found["batched"][-1]["tokens"]
    if found["budget"]:
        in_effect["gpu_memory_utilization"] = found["budget"][-1]["share"]
    return _text(found, "engine", "version") or _text(found, "version", "version"), in_effect


def _given(found: Found, patterns: Patterns) -> dict[str, str]:
    """What was on the command line, as far as this reader knows it."""
    lines = [match.string for match in found["given"]]
    return {match["name"]: match["value"] for line in lines for match in patterns["given_setting"].finditer(line)}


def _model(found: Found, patterns: Patterns) -> str | None:
    match = patterns["model"].search(found["engine"][-1].string) if found["engine"] else None
    return match["model"] if match else None


# ---- numbers


def _numbers(found: Found, name: str, group: str) -> list[float]:
    return [float(match[group].replace(",", "")) for match in found[name] if match[group] is not None]


def _most(found: Found, name: str, group: str) -> float | None:
    return max(_numbers(found, name, group), default=None)


def _least(found: Found, name: str, group: str) -> float | None:
    return min(_numbers(found, name, group), default=None)


def _pool_gib(found: Found) -> float | None:
    """Of one device, or of one NUMA node on a CPU. What the workers have in use is told by all of them, what is available by the first."""
    told = [_least(found, name, "gib") for name in ("kv_available", "kv_in_use", "kv_reserved")]
    return min((gib for gib in told if gib is not None), default=None)


def _consumed_gib(found: Found) -> float | None:
    """Weights and what is outside PyTorch: one number since 0.2x, two before."""
    ranks = [float(match["taken"]) + float(match["other"] or 0.0) for match in found["peak_activation"]]
    return max(ranks, default=None)


def _gib(value: float | None) -> float | None:
    return None if value is None else value * GIB


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _text(found: Found, name: str, group: str) -> str | None:
    return str(found[name][-1][group]) if found[name] else None


# ---- how it went


def _errors(lines: Sequence[str], patterns: Patterns) -> tuple[str | None, str | None]:
    """Why it did not come up, or what went wrong after it had. An error that the start went on after is neither."""
    ready, messages = False, list[str]()
    for line in lines:
        if any(patterns[name].search(line) for name in _PROGRESS):
            ready, messages = ready or bool(patterns["ready"].search(line)), []
        elif match := patterns["refused"].search(line):
            messages.append(match["message"].strip())
    own = [message for message in messages if _FOLLOW_UP not in message] or messages
    first = own[0] if own else None
    return (None, first) if ready else (first, None)


def _start_s(lines: tuple[str, ...], patterns: Patterns) -> float | None:
    """From the first to the last time in the log until it was ready; a start over midnight is one of the next day."""
    times = []
    for line in lines:
        if match := patterns["time"].search(line):
            times.append(int(match["hour"]) * 3600 + int(match["minute"]) * 60 + int(match["second"]))
        if patterns["ready"].search(line):
            return float((times[-1] - times[0]) % _DAY_S) if times else None
    return None
