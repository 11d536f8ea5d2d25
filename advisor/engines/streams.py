"""Bytes of a pipe to lines of safe text, never more than a bound in memory."""


class LineBuffer:
    """Splits what arrives at line ends and carriage returns; a line longer than `longest_bytes` is cut there."""

    def __init__(self, longest_bytes: int) -> None:
        self._longest_bytes = longest_bytes
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        self._pending += data.replace(b"\r", b"\n")
        if b"\n" not in data and b"\r" not in data and len(self._pending) < self._longest_bytes:
            return []
        *complete, rest = bytes(self._pending).split(b"\n")
        if len(rest) >= self._longest_bytes:
            complete, rest = [*complete, rest], b""
        self._pending = bytearray(rest)
        return _texts(complete)

    def rest(self) -> list[str]:
        """The unfinished last line, if there is one."""
        rest, self._pending = bytes(self._pending), bytearray()
        return _texts([rest])


def _texts(lines: list[bytes]) -> list[str]:
    decoded = (line.decode("utf-8", "replace").rstrip() for line in lines)
    return ["".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line) for line in decoded if line]
