"""Listens to a server while others talk to it: reads its log so that it never blocks on a full pipe, and watches its memory."""

import os
import select
import signal
import subprocess
import threading
import time
from types import TracebackType
from typing import Final, Self

from advisor.engines.kept_log import KeptLog
from advisor.engines.process import Progress
from advisor.engines.process_memory import ProcessMemory, memory_below

_CHUNK_BYTES: Final = 65536
_POLL_S: Final = 0.2
_SAMPLE_S: Final = 1.0
_JOIN_S: Final = 5.0


class Listener:
    """One thread that reads until the log ends. Beyond `output_bytes` it ends the server, `flooded` says so afterwards."""

    process: "subprocess.Popen[bytes]"

    def __init__(self, output_bytes: int, progress: Progress | None) -> None:
        self.log = KeptLog()
        self.flooded = False
        self.peak_bytes = 0
        self.heard_s = time.monotonic()
        self._sampled_s = 0.0
        self._output_bytes, self._progress = output_bytes, progress
        self._gone = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._gone.set()  # whoever still holds the pipe is not waited for
        self.finish()

    def listen_to(self, process: "subprocess.Popen[bytes]") -> None:
        """Read its stdout from now on, through a descriptor of our own."""
        assert process.stdout is not None  # noqa: S101 - started as one that logs
        self.process = process
        own = os.dup(process.stdout.fileno())
        self._thread = threading.Thread(target=self._listen, args=(own,), name="server log", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Have read what it said to the end; called when it is gone."""
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def memory(self, *, proportional: bool = False) -> ProcessMemory:
        """What its processes take now; the most so far is kept."""
        now = memory_below(self.process.pid, proportional=proportional)
        self.peak_bytes = max(self.peak_bytes, now.resident_bytes)
        return now

    def _listen(self, pipe: int) -> None:
        try:
            while not self._at_end(pipe):
                self._sample()
        finally:
            os.close(pipe)
            self._tell(self.log.close())

    def _at_end(self, pipe: int) -> bool:
        if not select.select([pipe], [], [], _POLL_S)[0]:
            return self._gone.is_set()
        data = os.read(pipe, _CHUNK_BYTES)
        self.heard_s = time.monotonic()
        self._tell(self.log.feed(data))
        if self.log.bytes_heard > self._output_bytes and not self.flooded:
            self.flooded = True
            self.process.send_signal(signal.SIGTERM)  # its guard ends everything
        return not data

    def _tell(self, lines: list[str]) -> None:
        for line in lines if self._progress is not None else ():
            self._progress(line)  # type: ignore[misc]

    def _sample(self) -> None:
        now_s = time.monotonic()
        if now_s - self._sampled_s >= _SAMPLE_S:
            self._sampled_s = now_s
            self.memory()
