"""Server-sent events as the completions API sends them: bytes in pieces of any size to the data of whole events."""

from typing import Final

from advisor.validation.smoke.answer import BrokenStream

_LONGEST_EVENT_BYTES: Final = 1024 * 1024


class EventReader:
    """Keeps what is not a whole event yet; comments and fields other than `data` say nothing here."""

    def __init__(self) -> None:
        self._pending = b""
        self._data: list[bytes] = []

    def feed(self, part: bytes) -> list[str]:
        """The data of the events that `part` completes. Raises BrokenStream for one without end, and for llama.cpp's `error:` field."""
        *lines, self._pending = (self._pending + part).split(b"\n")
        events = [event for line in lines if (event := self._line(line.removesuffix(b"\r"))) is not None]
        if len(self._pending) + sum(map(len, self._data)) > _LONGEST_EVENT_BYTES:
            raise BrokenStream(f"an event of more than {_LONGEST_EVENT_BYTES:,} bytes")
        return events

    def _line(self, line: bytes) -> str | None:
        """The event's data when the line is the blank one that ends it."""
        if not line:
            data, self._data = self._data, []
            return b"\n".join(data).decode("utf-8", "replace") if data else None
        name, _, value = line.partition(b":")
        if name == b"error":
            raise BrokenStream(f"the server said: {value.decode('utf-8', 'replace').strip()[:200]}")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        return None
