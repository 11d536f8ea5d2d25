"""A log as it comes from a file or a pipe: any size, any bytes, colours, prefixes; what is kept of it is bounded.

Engines' logs are read line by line with the patterns of the engine's record. A log may hold several starts of a server that was
restarted: the last one counts.
"""

import codecs
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from advisor.errors import UserInputError

_BLOCK_BYTES: Final = 1 << 20
_LONGEST_LINE: Final = 16_384  # the line with vLLM's whole configuration has 5,000 to 9,000 characters
_MOST_LINES: Final = 2_000  # of one start; one with 64 ranks has some 400 that tell anything
# CSI and OSC sequences and their JSON spelling (ECMA-48); what is left of broken ones is escaped where it is printed
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,1024}(?:\x07|\x1b\\)|\\u001b\[[0-9;]{0,32}m")
_ENDS: Final = re.compile(r"[\r\n]+|\\n(?=[\"'])")  # also of a line inside JSON, as Docker keeps it
_POD: Final = re.compile(r"\[pod/(?P<name>[^\]\s]{1,300})\]")  # kubectl logs --prefix

Patterns = Mapping[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class LastStart:
    """The telling lines of the last start, in order, without colours; `starts` is how many beginnings the log holds, 0 for a torn log."""

    lines: tuple[str, ...]
    starts: int


def compiled(patterns: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    """An engine record's patterns, ready to search with."""
    return {name: re.compile(pattern) for name, pattern in patterns.items()}


def read_last_start(log: BinaryIO, patterns: Patterns, *, start: str, details: Collection[str]) -> LastStart:
    """Read to the end; `start` names the pattern of a start's first line, `details` those that alone make no line worth keeping.

    Raises UserInputError for the logs of several pods in one.
    """
    kept: list[str] = []
    starts, pods = 0, set[str]()
    for line in _telling_lines(log, [pattern for name, pattern in patterns.items() if name not in details]):
        if pod := _POD.match(line):
            pods.add(pod["name"])
        if patterns[start].search(line):
            kept, starts = [], starts + 1
        if len(kept) < _MOST_LINES:
            kept.append(line)
    if len(pods) > 1:
        raise UserInputError(f"the log mixes {len(pods)} pods: their lines cannot be told apart safely; give the log of one pod at a time")
    return LastStart(tuple(kept), starts)


def collect(lines: Iterable[str], patterns: Patterns) -> dict[str, list[re.Match[str]]]:
    """The first match of every pattern in every line, by the pattern's name, in the order of the lines."""
    found: dict[str, list[re.Match[str]]] = {name: [] for name in patterns}
    for line in lines:
        for name, pattern in patterns.items():
            if match := pattern.search(line):
                found[name].append(match)
    return found


def _telling_lines(log: BinaryIO, patterns: Sequence[re.Pattern[str]]) -> Iterator[str]:
    """Lines that any pattern matches; a block without one is skipped whole, as most of a long log is."""
    for block in _blocks(log):
        present = [pattern for pattern in patterns if pattern.search(block)]
        for line in _ENDS.split(block) if present else ():
            short = line[:_LONGEST_LINE]
            if any(pattern.search(short) for pattern in present):
                yield short


def _blocks(log: BinaryIO) -> Iterator[str]:
    """Whole lines, about a MiB at a time, escape sequences removed; a line beyond that is cut where the block ends."""
    data = log.read(_BLOCK_BYTES)
    decoder = codecs.getincrementaldecoder(_encoding(data))(errors="replace")
    rest = ""
    while data:
        text, newline, rest = (rest + decoder.decode(data)).rpartition("\n")
        if not newline:
            text, rest = rest, ""
        yield _ESCAPES.sub("", text)
        data = log.read(_BLOCK_BYTES)
    yield _ESCAPES.sub("", rest + decoder.decode(b"", final=True))


def _encoding(head: bytes) -> str:
    """UTF-8, except where a byte order mark says what PowerShell writes."""
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
