"""Runs an engine's process so that the advisor survives whatever it does: crash, hang, flood, garbage, a memory kill, Ctrl-C.

Every path out of `run` has ended the process, its group and its orphans first (see guard.py) and leaves no file.
"""

import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from advisor.engines.guarded import guarded
from advisor.engines.interruption import noticed
from advisor.engines.memory_limit import memory_limit
from advisor.engines.process_end import Ending, failure
from advisor.engines.process_memory import memory_below
from advisor.engines.streams import LineBuffer
from advisor.errors import Interrupted

_POLL_S: Final = 0.2
_SAMPLE_S: Final = 1.0
_CHUNK_BYTES: Final = 65536
_WORDS_KEPT: Final = 40
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a process may run, be silent, talk, and take to stop after SIGTERM."""

    time_s: float = 900.0
    silence_s: float = 300.0
    output_bytes: int = 64 * 1024 * 1024
    grace_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended by itself: its exit status, its last line on stdout, its last words on stderr, and what it took."""

    status: int
    last_line: str
    last_words: tuple[str, ...]
    elapsed_s: float
    peak_rss_bytes: int


@dataclass(slots=True)
class _Run:
    """The state of one run; times are of the monotonic clock."""

    process: "subprocess.Popen[bytes]"
    limits: Limits
    progress: Progress | None
    started_s: float = field(default_factory=time.monotonic)
    heard_s: float = field(default_factory=time.monotonic)
    sampled_s: float = 0.0
    output_bytes: int = 0
    peak_rss_bytes: int = 0
    last_line: str = ""
    words: deque[str] = field(default_factory=lambda: deque(maxlen=_WORDS_KEPT))


def run(
    command: Sequence[str],
    *,
    name: str,
    limits: Limits,
    request: str = "",
    progress: Progress | None = None,
    environment: Mapping[str, str] | None = None,
    explains_refusal: bool = False,
) -> Finished:
    """Run `command` with `request` on its stdin; `name` is what errors call it, `progress` gets each line of stderr.

    A program that `explains_refusal` on stdout is finished also with a positive exit status.
    Raises EngineFailed (refused, crashed, killed, flooded), TimedOut, NotProven (cannot be started), Interrupted.
    """
    kills_before = memory_limit().kills
    with noticed() as signals, guarded(command, talks="answers", grace_s=limits.grace_s, environment=environment) as process:
        state = _Run(process, limits, progress)
        fault = _converse(state, request.encode(), signals)
    if signals:
        raise Interrupted(signals[0])
    elapsed_s = time.monotonic() - state.started_s
    ending = Ending(name, state.process.returncode, fault, elapsed_s, tuple(state.words), state.peak_rss_bytes, kills_before)
    error = failure(ending, limits.time_s, limits.silence_s)
    explained = explains_refusal and fault is None and ending.status > 0 and state.last_line != ""
    if error is not None and not explained:
        raise error
    return Finished(ending.status, state.last_line, tuple(state.words), elapsed_s, state.peak_rss_bytes)


def _converse(state: _Run, request: bytes, signals: list[int]) -> str | None:
    """Write the request, read both streams to their end. Returns what broke a limit: "time", "silence", "flood", or None."""
    process = state.process
    streams = (process.stdin, process.stdout, process.stderr)
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
        stdout, stderr = LineBuffer(state.limits.output_bytes), LineBuffer(_CHUNK_BYTES)
        unwritten = memoryview(request)
        _register(selector, process, bool(request))
        while selector.get_map():
            for key, _ in selector.select(_POLL_S):
                if key.fileobj is process.stdin:
                    unwritten = _write(selector, process, unwritten)
                else:
                    _read(state, selector, process.stdout is key.fileobj, stdout if process.stdout is key.fileobj else stderr)
            _sample(state)
            if signals:
                return None
            if (fault := _broken_limit(state)) is not None:
                return fault
    return None


def _register(selector: selectors.BaseSelector, process: "subprocess.Popen[bytes]", has_request: bool) -> None:
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            selector.register(stream, selectors.EVENT_READ)
    if process.stdin is not None and has_request:
        selector.register(process.stdin, selectors.EVENT_WRITE)
    elif process.stdin is not None:
        process.stdin.close()


def _write(selector: selectors.BaseSelector, process: "subprocess.Popen[bytes]", unwritten: memoryview) -> memoryview:
    """Write some of the request; close stdin at its end, or when the process no longer listens."""
    if process.stdin is None:
        return unwritten
    try:
        unwritten = unwritten[os.write(process.stdin.fileno(), unwritten[:_CHUNK_BYTES]) :]
        listening = True
    except BrokenPipeError:
        listening = False
    if not unwritten or not listening:
        selector.unregister(process.stdin)
        process.stdin.close()
    return unwritten


def _read(state: _Run, selector: selectors.BaseSelector, is_stdout: bool, buffer: LineBuffer) -> None:
    stream: IO[bytes] | None = state.process.stdout if is_stdout else state.process.stderr
    if stream is None:
        return
    data = os.read(stream.fileno(), _CHUNK_BYTES)
    state.output_bytes += len(data)
    state.heard_s = time.monotonic()
    lines = buffer.feed(data) if data else buffer.rest()
    if not data:
        selector.unregister(stream)
    for line in lines:
        _heard(state, line, is_stdout)


def _heard(state: _Run, line: str, is_stdout: bool) -> None:
    if is_stdout:
        state.last_line = line
        return
    state.words.append(line)
    if state.progress is not None:
        state.progress(line)


def _sample(state: _Run) -> None:
    """Keep the largest resident size of everything that was started, looked at once a second."""
    now_s = time.monotonic()
    if now_s - state.sampled_s < _SAMPLE_S:
        return
    state.sampled_s = now_s
    state.peak_rss_bytes = max(state.peak_rss_bytes, memory_below(state.process.pid).resident_bytes)


def _broken_limit(state: _Run) -> str | None:
    now_s = time.monotonic()
    if state.output_bytes > state.limits.output_bytes:
        return "flood"
    if now_s - state.started_s > state.limits.time_s:
        return "time"
    return "silence" if now_s - state.heard_s > state.limits.silence_s else None
