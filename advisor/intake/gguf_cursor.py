"""A position in untrusted bytes: every length is held against what is there before it is believed."""

import mmap
import struct
from typing import Any, Final

from advisor.errors import UserInputError

_MAX_NAME_BYTES: Final = 65_535  # the format's limit for a key
_MAX_TEXT_BYTES: Final = 16 * 1024 * 1024  # chat templates have some 10 KB; a text is copied, unlike a vocabulary
_MAX_WALKED_ITEMS: Final = 4_000_000  # strings in one file; the largest vocabularies with their merges hold 0.8 million

Buffer = bytes | mmap.mmap


class NeedsMore(UserInputError):
    """The header goes on behind the bytes that were read so far; the file is long enough to hold it."""


class Cursor:
    """Reads little-endian numbers and strings from the start of a buffer and refuses to leave it."""

    def __init__(self, data: Buffer, *, file_bytes: int, where: str) -> None:
        self.where = where
        self.file_bytes = file_bytes
        self.position = 0
        self._data = data
        self._walked = 0

    @property
    def left_bytes(self) -> int:
        """Bytes between here and the end of the buffer."""
        return len(self._data) - self.position

    @property
    def left_of_file_bytes(self) -> int:
        """Bytes between here and the end of the file, of which the buffer may hold the start only."""
        return self.file_bytes - self.position

    def lacking(self, length_bytes: int, what: str) -> UserInputError:
        """The error for bytes that are not here: still in the file, or nowhere."""
        message = f"{what} of {length_bytes:,} bytes at byte {self.position:,} of the header"
        if length_bytes <= self.left_of_file_bytes and len(self._data) < self.file_bytes:
            return NeedsMore(f"{self.where}: {message}: not read yet")
        return self.hostile(message)

    def hostile(self, message: str) -> UserInputError:
        """The error for a number that this file cannot mean."""
        return UserInputError(f"{self.where}: {message}: not a GGUF this size ({self.file_bytes:,} bytes) can hold; truncated or hostile")

    def skip(self, length_bytes: int, what: str) -> int:
        """Move on; returns where the skipped bytes start. Raises UserInputError when they are not all there."""
        if length_bytes > self.left_bytes:
            raise self.lacking(length_bytes, what)
        start = self.position
        self.position += length_bytes
        return start

    def raw(self, length_bytes: int, what: str) -> bytes:
        """The next bytes as they are."""
        start = self.skip(length_bytes, what)
        return self._data[start : self.position]

    def number(self, code: str, what: str) -> Any:  # noqa: ANN401 - int, float or bool, as the struct code says
        """One number."""
        return struct.unpack(f"<{code}", self.raw(struct.calcsize(f"<{code}"), what))[0]

    def numbers(self, code: str, count: int) -> tuple[Any, ...]:
        """A run of numbers of one type."""
        return struct.unpack(f"<{count}{code}", self.raw(struct.calcsize(f"<{code}") * count, "an array"))

    def count(self, what: str, *, item_bytes: int, most: int) -> int:
        """A number of items that follow, each of at least `item_bytes`."""
        value = int(self.number("Q", what))
        if value > most or value * item_bytes > self.left_of_file_bytes:
            raise self.hostile(f"{what} {value:,} in the header")
        return value

    def string(self, what: str) -> bytes:
        """A length and that many bytes."""
        length = int(self.number("Q", what))
        if length > _MAX_TEXT_BYTES:
            raise self.hostile(f"{what} of {length:,} bytes in the header")
        return self.raw(length, what)

    def name(self, what: str) -> str:
        """A key or a tensor's name: short, not empty, UTF-8."""
        raw = self.string(what)
        if not 0 < len(raw) <= _MAX_NAME_BYTES:
            raise self.hostile(f"a {what} of {len(raw):,} bytes in the header")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise UserInputError(f"{self.where}: {what} {raw[:40]!r} is not UTF-8: damaged or hostile") from None

    def skip_strings(self, count: int) -> None:
        """Step over strings without building them."""
        self.visit(count)
        data, position, last = self._data, self.position, len(self._data) - 8
        length_at = struct.Struct("<Q").unpack_from
        for _ in range(count):
            if position > last:
                break
            position += 8 + length_at(data, position)[0]
        else:
            self.skip(position - self.position, "an array of strings")
            return
        raise self.lacking(position + 8 - self.position, f"an array of {count:,} strings")

    def visit(self, count: int) -> None:
        """Account for items that are visited one by one: a small file may not ask for a long loop."""
        self._walked += count
        if self._walked > _MAX_WALKED_ITEMS or count * 8 > self.left_of_file_bytes:
            raise self.hostile(f"an array of {count:,} items at byte {self.position:,} of the header")
