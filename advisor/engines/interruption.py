"""Ctrl-C and SIGTERM without loose ends: noticed while an engine runs, raised as `Interrupted` everywhere else."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from advisor.errors import Interrupted

_Handler = Callable[[int, FrameType | None], object]
_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def _handled_by(handler: _Handler) -> Iterator[None]:
    """Install a handler for the signals that mean "stop"; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class Signals(list[int]):
    """The stop signals received so far. While they are `raised`, each also raises `Interrupted` where it arrives."""

    def __init__(self) -> None:
        super().__init__()
        self._at_once = False

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Inside, a stop signal ends what is under way; one that came before does so at the start."""
        self._at_once = True
        try:
            if self:
                raise Interrupted(self[0])
            yield
        finally:
            self._at_once = False

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """The handler."""
        self.append(number)
        if self._at_once:
            self._at_once = False  # a second one must not stop the cleaning up
            raise Interrupted(number)


@contextmanager
def noticed() -> Iterator[Signals]:
    """Inside, a stop signal only adds its number to the list: whoever waits looks at it and cleans up in peace."""
    received = Signals()
    with _handled_by(received.receive):
        yield received


@contextmanager
def raised() -> Iterator[None]:
    """Inside, a stop signal raises `Interrupted`, so that `finally` blocks run for SIGTERM as they do for Ctrl-C."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    with _handled_by(stop):
        yield
