"""A server's log, bounded: its first lines, where memory is told, and its last ones, where a fault is."""

import threading
from collections import deque
from typing import Final

from advisor.engines.streams import LineBuffer

_FIRST: Final = 20_000
_LAST: Final = 2_000
_LONGEST_BYTES: Final = 65_536


class KeptLog:
    """What a server has said so far. One thread feeds it, any may read."""

    def __init__(self, *, first: int = _FIRST, last: int = _LAST) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=last)
        self._room = first
        self._lines = LineBuffer(_LONGEST_BYTES)
        self._lock = threading.Lock()
        self.bytes_heard = 0
        self.left_out = 0

    def feed(self, data: bytes) -> list[str]:
        """Keep what arrived; the lines that it completed."""
        return self._keep(self._lines.feed(data), len(data))

    def close(self) -> list[str]:
        """The unfinished last line is one too."""
        return self._keep(self._lines.rest(), 0)

    def lines(self) -> list[str]:
        """Everything that was kept, in order."""
        with self._lock:
            return [*self._first, *self._last]

    def last_words(self) -> tuple[str, ...]:
        """The newest lines."""
        with self._lock:
            return tuple(self._last) if self._last else tuple(self._first[-(self._last.maxlen or 1) :])

    def _keep(self, lines: list[str], heard_bytes: int) -> list[str]:
        with self._lock:
            self.bytes_heard += heard_bytes
            for line in lines:
                if len(self._first) < self._room:
                    self._first.append(line)
                    continue
                self.left_out += len(self._last) == self._last.maxlen
                self._last.append(line)
        return lines
