"""The errors a user may meet, each with the exit code it ends in. Nothing here prints.

AdvisorError                 what every caller may catch
├── UserInputError      2    a wrong flag, a wrong value, a missing file
│   ├── UnknownArchitecture 2  a model whose structure is not understood: refused, not guessed
│   ├── NotCounted      2    a setting whose bytes are not known here, though the engine may take it
│   └── DataError       2    a file with one or more faults, each at its position
├── NotBuiltYet         2    a command that is announced but not there
├── NotProven           3    an engine or a tool is absent: it could not be told
├── EngineFailed        4    the engine refused, crashed or was killed
├── TimedOut            5    a time limit passed, or the measurement is worthless
└── Interrupted         130  Ctrl-C (143 for SIGTERM)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FAULTS_SHOWN = 20


class AdvisorError(Exception):
    """Any failure the advisor explains itself; `exit_code` is what the command ends with."""

    exit_code = 2


class UserInputError(AdvisorError):
    """What the user typed cannot be used; the message says what to type instead."""


class UnknownArchitecture(UserInputError):
    """A model file whose structure this version does not understand; an engine may (--ask-engine)."""


class NotCounted(UserInputError):
    """A setting that the engine may well take and whose memory is not known here: refused by name, not guessed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong at one place: `place` is `file:line:column` or a flag."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class DataError(UserInputError):
    """A file cannot be used. It carries every fault found in one run, not just the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        shown = [str(fault) for fault in self.faults[:FAULTS_SHOWN]]
        if len(self.faults) > FAULTS_SHOWN:
            shown.append(f"and {len(self.faults) - FAULTS_SHOWN} more")
        super().__init__("\n".join(shown))

    @classmethod
    def at(cls, place: object, message: str) -> "DataError":
        """The common case of a single fault."""
        return cls([Fault(str(place), message)])


class NotBuiltYet(AdvisorError):
    """The command exists in the command tree, its work does not yet."""


class NotProven(AdvisorError):
    """The engine or tool that could tell is absent: not an `ok`, not a failure."""

    exit_code = 3


class EngineFailed(AdvisorError):
    """The engine refused, crashed or was killed; the message carries its last words."""

    exit_code = 4


class TimedOut(AdvisorError):
    """A time limit passed, or what was measured is worthless (host contention)."""

    exit_code = 5


class Interrupted(AdvisorError):
    """Ctrl-C or SIGTERM during a command that had something to clean up first."""

    def __init__(self, signal_number: int = 2) -> None:
        self.exit_code = 128 + signal_number
        super().__init__("interrupted; everything that was started has been stopped")


def near_names(wrong: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """The known names that are nearest to a misspelt one, nearest first; often none."""
    import difflib  # only a command that fails needs it

    return difflib.get_close_matches(wrong, list(known), n=most, cutoff=0.6)


def did_you_mean(wrong: str, known: Iterable[str], *, most: int = 1) -> str:
    """`; did you mean X or Y?` to put behind the sentence that refuses a name; empty when nothing is near.

    >>> did_you_mean("pause", ["active", "pause_s"])
    '; did you mean pause_s?'
    """
    near = near_names(wrong, known, most=most)
    return f"; did you mean {' or '.join(near)}?" if near else ""
