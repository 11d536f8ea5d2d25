"""Logs of any size, in any clothes: what tells something is kept, the rest is not held."""

import gzip
import io
import re

import pytest

from advisor.engines import log_stream
from advisor.engines.log_stream import collect, read_last_start
from advisor.errors import UserInputError

PATTERNS = {
    "start": re.compile("server starts"),
    "size": re.compile(r"size = (?P<size>\d{1,6})"),
    "word": re.compile(r"word (?P<word>\w+)"),
}


def read(data):
    return read_last_start(io.BytesIO(data), PATTERNS, start="start", details=frozenset({"word"}))


def sizes(data):
    return [match["size"] for match in collect(read(data).lines, PATTERNS)["size"]]


@pytest.mark.parametrize(
    "data",
    [
        b"server starts\nsize = 12\n",
        b"server starts\r\nsize = 12\r\n",
        b"server starts\rprogress 10%\rprogress 20%\rsize = 12",
        b"\x1b[1;36mserver starts\x1b[0m\nsi\x1b[0mze = \x1b[31m12\x1b[0m\n",
        b"\x1b]0;title\x07server starts\nsize = 12\n",
        b"2026-11-24T09:00:02.123456789Z server starts\n2026-11-24T09:00:02.2Z size = 12\n",
        b"Nov 24 09:00:02 node serve[12]: server starts\nNov 24 09:00:03 node serve[12]: size = 12\n",
        b"[pod/letters-0/server] server starts\n[pod/letters-0/server] size = 12\n",
        b"letters-1  | server starts\nletters-1  | size = 12\n",
        b'{"log":"server starts\\n","stream":"stderr","time":"x"}\n{"log":"\\u001b[0msize = 12\\n","stream":"stderr"}\n',
        b"\xef\xbb\xbfserver starts\nsize = 12\n",
        "server starts\nsize = 12\n".encode("utf-16"),
        b"\x00\xff\xfe\x80server starts\n\xc3\x28\nsize = 12\n" + bytes(range(256)),
    ],
)
def test_every_way_a_log_may_come(data):
    found = read(data)
    assert (found.starts, sizes(data)) == (1, ["12"])
    assert not [line for line in found.lines if "\x1b" in line or "\r" in line]


def test_of_several_starts_the_last_one_counts():
    found = read(b"server starts\nsize = 1\nserver starts\nsize = 2\nchatter\n")
    assert (found.starts, found.lines) == (2, ("server starts", "size = 2"))


def test_a_torn_log_has_no_beginning():
    assert (read(b"chatter\nsize = 3\n").starts, sizes(b"chatter\nsize = 3\n")) == (0, ["3"])


def test_details_alone_keep_no_line():
    assert read(b"server starts\nword up\n").lines == ("server starts",)


def test_two_pods_in_one_log_are_refused():
    with pytest.raises(UserInputError, match="mixes 2 pods"):
        read(b"[pod/a/x] server starts\n[pod/b/x] size = 1\n")


def test_lines_across_the_blocks_stay_whole(monkeypatch):
    monkeypatch.setattr(log_stream, "_BLOCK_BYTES", 16)
    text = "server starts\nü size = 12\nsize = 345\nsize = 6"
    assert sizes(text.encode()) == ["12", "345", "6"]


class Endless(io.RawIOBase):
    """A log of many blocks that never lie in memory together; remembers how much was asked for at once."""

    def __init__(self, head, blocks):
        self.parts = [head, *([b'INFO: 127.0.0.1 - "POST /v1/completions HTTP/1.1" 200 OK\n' * 300] * blocks), b"size = 9\n"]
        self.largest = 0

    def read(self, count=-1):
        self.largest = max(self.largest, count)
        return self.parts.pop(0) if self.parts else b""


def test_a_long_log_is_streamed():
    log = Endless(b"server starts\nsize = 1\n", blocks=500)
    found = read_last_start(log, PATTERNS, start="start", details=frozenset())
    assert found.lines == ("server starts", "size = 1", "size = 9")
    assert log.parts == []
    assert log.largest == 1 << 20


@pytest.mark.parametrize("data", [b"size = 1\n" * 50_000, b"x" * 3_000_000 + b"size = 1\n", b"server starts\n" + b"size = 1 " * 500_000])
def test_what_is_kept_is_bounded(data):
    found = read(data)
    assert len(found.lines) <= 2_000
    assert max((len(line) for line in found.lines), default=0) <= 16_384


@pytest.mark.parametrize("data", [b"", b"\n\n", gzip.compress(b"server starts\nsize = 1\n", mtime=0), b"\x7fELF" + bytes(5000)])
def test_a_log_of_something_else_is_empty(data):
    assert (read(data).starts, read(data).lines) == (0, ())
