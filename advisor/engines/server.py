"""Runs an engine's server so that the advisor survives whatever it does, on a loopback port of our own choice.

    with running(program, limits=Limits(time_s=600)) as server:
        drive(server.base_url)

Inside the block the server is ready. On every way out (success, failure, Ctrl-C, SIGTERM, the advisor being killed) it and all that it
started are gone first, with their scratch directory; see guard.py.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from advisor.domain.engine_record import Readiness
from advisor.engines.guarded import guarded
from advisor.engines.interruption import Signals, noticed
from advisor.engines.kept_log import KeptLog
from advisor.engines.listener import Listener
from advisor.engines.memory_limit import memory_limit
from advisor.engines.ports import LOOPBACK, free_port, is_taken, listens
from advisor.engines.process import Limits, Progress
from advisor.engines.process_end import Ending, explained, failure, last_words
from advisor.engines.process_memory import ProcessMemory, descendants
from advisor.engines.readiness import asking
from advisor.errors import AdvisorError, EngineFailed, Interrupted, TimedOut, UserInputError

_TRIES: Final = 3  # ports that somebody else took between our looking and the engine's binding
_POLL_S: Final = 0.05
_LAST_MOMENT_S: Final = 1.0  # between a connection that broke and the process that broke it being gone


@dataclass(frozen=True, slots=True)
class Program:
    """A server to start. `command` gives its arguments for a port; `name` is what errors call it.

    `readiness` says which answer means that it serves. `port` is the user's own choice, None leaves it to us. `reason` finds in the log
    why the engine would not start, in its own words.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    readiness: Readiness
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    reason: Callable[[Sequence[str]], str | None] = lambda lines: None


class _PortLost(Exception):
    """Somebody else took our port first."""


class Server:
    """A server that was started. Everything it said and took can be asked for while it runs and afterwards."""

    def __init__(self, program: Program, port: int, limits: Limits, listener: Listener) -> None:
        self.name, self.port = program.name, port
        self.base_url = f"http://{LOOPBACK}:{port}"
        self.ready_s = 0.0
        self._readiness, self._reason = program.readiness, program.reason
        self._limits, self._listener = limits, listener
        self._started_s = time.monotonic()
        self._kills_before = memory_limit().kills

    @property
    def log(self) -> KeptLog:
        """What it said: the first lines and the last."""
        return self._listener.log

    @property
    def pid(self) -> int:
        """Whose descendants its processes are."""
        return self._listener.process.pid

    @property
    def peak_bytes(self) -> int:
        """The largest resident size seen, looked at once a second and with each `memory`."""
        return self._listener.peak_bytes

    def memory(self) -> ProcessMemory:
        """What it takes now, each page counted in proportion too."""
        return self._listener.memory(proportional=True)

    def check(self, awaited: str = "finished") -> None:
        """Raises EngineFailed when it has died, or has talked beyond every bound, with its last words."""
        if self._listener.process.poll() is None and not self._listener.flooded:
            return
        self._listener.finish()
        raise self._death(awaited)

    def _death(self, awaited: str) -> AdvisorError:
        fault = "flood" if self._listener.flooded else None
        status, lived_s = self._status(), time.monotonic() - self._started_s
        words, reason = self.log.last_words(), self._reason(self.log.lines())
        ending = Ending(self.name, status, fault, lived_s, words, self.peak_bytes, self._kills_before, awaited, reason)
        error = failure(ending, self._limits.time_s, self._limits.silence_s)
        return error or EngineFailed(f"{self.name}: ended by itself after {lived_s:.1f} s (exit code 0).{explained(reason, words)}")

    def _status(self) -> int:
        try:
            return self._listener.process.wait(self._limits.grace_s + _LAST_MOMENT_S)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL  # which is what it gets next

    def await_ready(self) -> None:
        """Poll until it serves. Raises EngineFailed at once when it ends, TimedOut when a limit passes."""
        with asking(self.base_url, self._readiness) as answers:
            while not (answers.ready() and listens(descendants(self.pid), self.port)):
                self._check_starting()
                if answers.is_no_server:
                    raise EngineFailed(f"{self.name}: {answers.last}, so it is no server.{last_words(self.log.last_words())}")
                self._check_limits(answers.last)
                time.sleep(_POLL_S)
        self.ready_s = time.monotonic() - self._started_s

    def _check_starting(self) -> None:
        try:
            self.check("ready")
        except EngineFailed:
            if not self._listener.flooded and is_taken(self.port):
                raise _PortLost from None
            raise

    def _check_limits(self, last_answer: str) -> None:
        now_s, said = time.monotonic(), last_words(self.log.last_words()) or " It said nothing."
        waited_s, silent_s = now_s - self._started_s, now_s - self._listener.heard_s
        answer = f"; {last_answer}" if last_answer else ""
        if waited_s > self._limits.time_s:
            raise TimedOut(f"{self.name}: not ready after {self._limits.time_s:g} s{answer}, stopped. Allow more with --time-limit.{said}")
        if silent_s > self._limits.silence_s:
            raise TimedOut(f"{self.name}: silent for {silent_s:.1f} s and not ready after {waited_s:.0f} s{answer}, stopped.{said}")


@contextmanager
def running(program: Program, *, limits: Limits, progress: Progress | None = None) -> Iterator[Server]:
    """Start the program and wait until it serves; `limits.time_s` and `limits.silence_s` bound the start, `output_bytes` the whole run.

    An error in the block is replaced by the server's own death where that is what caused it. Raises UserInputError for a chosen port
    that is taken, EngineFailed (refused, crashed, killed, flooded), TimedOut (not ready), NotProven (cannot be started), Interrupted.
    """
    with noticed() as signals:
        for last in [False] * (_TRIES - 1) + [True]:
            try:
                with _started(program, limits, progress, signals) as server, signals.raised(), _its_death_first(server):
                    yield server
                break
            except _PortLost:
                if last or program.port is not None:
                    raise UserInputError(_taken(program, program.port)) from None
        if signals:
            raise Interrupted(signals[0])


@contextmanager
def _started(program: Program, limits: Limits, progress: Progress | None, signals: Signals) -> Iterator[Server]:
    if program.port is not None and is_taken(program.port):
        raise UserInputError(_taken(program, program.port))
    port = program.port or free_port()
    with (
        Listener(limits.output_bytes, progress) as listener,
        guarded(program.command(port), talks="logs", grace_s=limits.grace_s, environment=program.environment) as process,
    ):
        listener.listen_to(process)
        server = Server(program, port, limits, listener)
        with signals.raised():
            server.await_ready()
        yield server


@contextmanager
def _its_death_first(server: Server) -> Iterator[None]:
    """A client of a server that has just died meets a broken connection; what is told is the death."""
    try:
        yield
    except (Interrupted, GeneratorExit):
        raise
    except Exception:
        deadline = time.monotonic() + _LAST_MOMENT_S
        while time.monotonic() < deadline:
            server.check()
            time.sleep(_POLL_S)
        raise


def _taken(program: Program, port: int | None) -> str:
    if port is None:
        return f"{program.name}: {_TRIES} free ports in a row were taken before it could listen on them; give one with --port"
    return f"port {port} of {LOOPBACK} is taken by another program; choose another with --port, or leave it out"
