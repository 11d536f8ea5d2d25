"""How a process ended, as one sentence and one exit class: what happened, by how much, its last words, what to do."""

import re
import signal
from dataclasses import dataclass
from typing import Final

from advisor.engines.guard import CANNOT_START
from advisor.engines.memory_limit import MemoryLimit, memory_limit
from advisor.errors import AdvisorError, EngineFailed, NotProven, TimedOut
from advisor.units import gib_text

_WORDS_SHOWN: Final = 6
_WORD_CHARACTERS: Final = 300
_TELLING: Final = re.compile(
    r"error|fail|abort|assert|cannot|could not|unable|invalid|not found|unknown|out of memory|refus", re.IGNORECASE
)
_NOT_TELLING: Final = re.compile(r"^\s*(File \"|Traceback|\^+$)|print_info:")  # `rope_finetuned = unknown` is no complaint


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known when a process is gone. `fault` is the limit it broke, `status` its return code (negative: a signal).

    `awaited` is what it was to become: finished, or ready to serve. `reason` is what the engine itself gave for ending, where it is known.
    """

    name: str
    status: int
    fault: str | None
    elapsed_s: float
    words: tuple[str, ...]
    peak_rss_bytes: int
    kills_before: int
    awaited: str = "finished"
    reason: str | None = None


def failure(ending: Ending, time_limit_s: float, silence_limit_s: float) -> AdvisorError | None:
    """The error this ending deserves; None when the process ended well."""
    said = explained(ending.reason, ending.words)
    match ending.fault:
        case "time":
            return TimedOut(f"{ending.name}: not {ending.awaited} after {time_limit_s:g} s, stopped. Allow more with --time-limit.{said}")
        case "silence":
            return TimedOut(f"{ending.name}: silent for {silence_limit_s:g} s after {ending.elapsed_s:.0f} s, stopped as hanging.{said}")
        case "flood":
            return EngineFailed(f"{ending.name}: wrote more output than any report or log needs, stopped.{said}")
    if ending.status == 0:
        return None
    if ending.status == CANNOT_START:
        return NotProven(f"{ending.name}: could not be started.{said}")
    if ending.status == -signal.SIGKILL:
        return EngineFailed(f"{ending.name} {_killed(ending, memory_limit())}{said}")
    if ending.status < 0:
        return EngineFailed(f"{ending.name} crashed after {ending.elapsed_s:.1f} s with {_signal(-ending.status)}.{said}")
    return EngineFailed(f"{ending.name} refused after {ending.elapsed_s:.1f} s (exit code {ending.status}).{said}")


def explained(reason: str | None, words: tuple[str, ...]) -> str:
    """The engine's reason, where it is known, and its last words, each on a line of its own."""
    told = f"\n    Its reason: {reason[:_WORD_CHARACTERS]}" if reason else ""
    return f"{told}{last_words(words)}" or " It said nothing."


def last_words(words: tuple[str, ...]) -> str:
    """The lines that tell why, else the very last ones, one a line; empty when there are none. Lines of JSON are for machines."""
    spoken = [word for word in words if not word.startswith("{")]
    telling = [word for word in spoken if _TELLING.search(word) and not _NOT_TELLING.search(word)]
    shown = [word.strip()[:_WORD_CHARACTERS] for word in (telling or spoken)[-_WORDS_SHOWN:]]
    return "".join(f"\n    {word}" for word in ["Its last words:", *shown]) if shown else ""


def _killed(ending: Ending, now: MemoryLimit) -> str:
    at = f" at {gib_text(ending.peak_rss_bytes)} of memory" if ending.peak_rss_bytes else ""
    limit = f"; this container allows {gib_text(now.limit_bytes)}" if now.limit_bytes is not None else ""
    by = "by the kernel for lack of memory" if now.kills > ending.kills_before else "from outside, most often for lack of memory"
    return (
        f"was killed (signal 9) {by} after {ending.elapsed_s:.1f} s{at}{limit}. "
        "Plan a shorter context, fewer parallel requests or a smaller quantisation, or allow more memory."
    )


def _signal(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"
