"""What llama-server's start-up log says: build, devices, buffers, context and slots in effect, whether it came up or why not.

Below `-lv 4` the server prints neither its build nor one size; then only the slots and the readiness are told.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from advisor.engines.llama_cpp_log import LlamaCppLog, parse_log
from advisor.engines.log_stream import Patterns, collect, compiled, read_last_start
from advisor.units import MIB

MEMORY_VERBOSITY: Final = 4
_START: Final = "start"
_DETAILS: Final = frozenset({"time"})
_READY: Final = ("ready", "idle", "application")
_PROGRESS: Final = ("start", "loading", "context", "slots", *_READY)
_ENDS: Final = ("failed", "terminated", "aborted")
_FITTING: Final = "common_fit_params"  # the fit tries settings that fail, and goes on


@dataclass(frozen=True, slots=True)
class LogDevice:
    """A device as the server lists it; `buffer` is how its buffers are called: CPU, CUDA0 …"""

    buffer: str
    name: str
    total_bytes: float


@dataclass(frozen=True, slots=True)
class LlamaServerLog:
    """The last start in a log; None where the log is silent. `refusal` is why it did not come up."""

    starts: int
    build: int | None
    commit: str | None
    verbosity: int | None
    ready: bool
    refusal: str | None
    devices: tuple[LogDevice, ...]
    slots: int | None
    slot_tokens: int | None
    unified: bool | None
    offloaded_layers: int | None
    layers: int | None
    key_type: str | None
    value_type: str | None
    memory: LlamaCppLog
    start_s: float | None

    @property
    def tells(self) -> bool:
        """True when at least one line of a start of llama-server was found."""
        return bool(self.starts or self.ready or self.slots or self.memory.weights_bytes or self.memory.context)

    @property
    def accelerators(self) -> tuple[LogDevice, ...]:
        """Devices other than the processor, as far as weights or caches lie on them."""
        used = self.memory.weights_bytes.keys() | self.memory.cache_buffer_bytes.keys() | self.memory.compute_buffer_bytes.keys()
        return tuple(device for device in self.devices if device.buffer != "CPU" and device.buffer in used)


def read_llama_server_log(log: BinaryIO, log_patterns: Mapping[str, str]) -> LlamaServerLog:
    """Read a log of any size to its end. Raises UserInputError when several pods are mixed in it."""
    patterns = compiled(log_patterns)
    last = read_last_start(log, patterns, start=_START, details=_DETAILS)
    found = collect(last.lines, patterns)
    build, slots, offloaded = _last(found["build"]), _last(found["slots"]), _last(found["offloaded_layers"])
    verbosity, cache = _last(found["verbosity"]), _last(found["kv_cache"])
    ready = any(found[name] for name in _READY)
    return LlamaServerLog(
        starts=last.starts,
        build=int(build["build"]) if build else None,
        commit=build["commit"] if build else None,
        verbosity=int(verbosity["level"]) if verbosity else None,
        ready=ready,
        refusal=None if ready else _refusal(last.lines, patterns),
        devices=tuple(LogDevice(match["buffer"], match["name"].strip(), float(match["total_mib"]) * MIB) for match in found["device"]),
        slots=int(slots["slots"]) if slots else None,
        slot_tokens=int(slots["tokens"]) if slots else None,
        unified=slots["unified"] == "true" if slots else None,
        offloaded_layers=int(offloaded["layers"]) if offloaded else None,
        layers=int(offloaded["of"]) if offloaded else None,
        key_type=cache["type_k"] if cache else None,
        value_type=cache["type_v"] if cache else None,
        memory=parse_log(last.lines),
        start_s=_start_s(last.lines, patterns),
    )


def _last(matches: Sequence[re.Match[str]]) -> re.Match[str] | None:
    return matches[-1] if matches else None


def _refusal(lines: Sequence[str], patterns: Patterns) -> str | None:
    """The first complaint after the last progress, when the server says that it ends or aborts."""
    messages, failed = list[str](), False
    for line in lines:
        failed = failed or any(patterns[name].search(line) for name in _ENDS)
        match = patterns["refused"].search(line) or patterns["aborted"].search(line)
        if any(patterns[name].search(line) for name in _PROGRESS):
            messages = []
        elif match and _FITTING not in line:
            messages.append(match["message"].strip())
    return messages[0] if failed and messages else None


def _start_s(lines: Sequence[str], patterns: Patterns) -> float | None:
    """Seconds since the process began, as its own clock at the line that says it listens."""
    for line in lines:
        if patterns["ready"].search(line) and (match := patterns["time"].search(line)):
            return int(match["minutes"]) * 60 + int(match["seconds"]) + int(match["millis"]) / 1000
    return None
