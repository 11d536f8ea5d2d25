"""Words of command lines with their places: arguments of a list, a command in one string, a shell script. Nothing is expanded or run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from advisor.domain.position import Position
from advisor.manifests.found import Word

SHELLS: Final = frozenset({"sh", "bash", "ash", "dash", "zsh"})
_SEPARATORS: Final = frozenset({"&&", "||", ";", "|", "&", "(", ")", ";;"})
_RUN_SCRIPT: Final = re.compile(r"-[a-z]*c")


@dataclass
class Source:
    """The text of a file, to look up where a word stands."""

    file: str
    text: str

    def __post_init__(self) -> None:
        self._starts = [0]
        for line in self.text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def offset(self, at: Position) -> int:
        """The character at a place of this file."""
        return self._starts[min(at.line - 1, len(self._starts) - 1)] + at.column - 1

    def position(self, offset: int) -> Position:
        """The place of a character."""
        line = max(index for index, start in enumerate(self._starts) if start <= offset)
        return Position(self.file, line + 1, offset - self._starts[line] + 1)

    def locate(self, texts: list[str], start: Position) -> list[Word]:
        """Each word at its next occurrence from `start` on; at the place of the one before it when it was written differently."""
        cursor, place = self.offset(start), start
        words: list[Word] = []
        for text in texts:
            found = self.text.find(text, cursor) if text else -1
            if found >= 0:
                cursor, place = found + len(text), self.position(found)
            words.append(Word(text, place))
        return words


def shell_commands(script: str, source: Source, start: Position) -> list[list[Word]]:
    """The simple commands of a script in its order; an unfinished quote ends the reading there."""
    commands: list[list[str]] = []
    for line in _logical_lines(script):
        commands += _simple_commands(line)
    words = source.locate([word for command in commands for word in command], start)
    found: list[list[Word]] = []
    for command in commands:
        found.append(words[: len(command)])
        words = words[len(command) :]
    return found


def inner_commands(words: list[Word], source: Source) -> tuple[list[list[Word]], bool] | None:
    """The commands of the script that these words hand to a shell (`bash -c SCRIPT`), and True; None when they are no shell."""
    options = [index for index, word in enumerate(words[1:], 1) if _RUN_SCRIPT.fullmatch(word.text)]
    if not options or words[0].text.rsplit("/", 1)[-1] not in SHELLS or len(words) <= options[0] + 1:
        return None
    script = words[options[0] + 1]
    return [launched(command) for command in shell_commands(script.text, source, script.at)], True


def launched(command: list[Word]) -> list[Word]:
    """A simple command without what stands in front of its program: assignments, exec, env, nohup, time."""
    rest = list(command)
    while rest and (rest[0].text in {"exec", "env", "nohup", "time", "sudo", "command"} or _assigns(rest[0].text)):
        rest.pop(0)
    return rest


def _assigns(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.replace("_", "a").isalnum()


def _logical_lines(script: str) -> Iterator[str]:
    """Lines joined where they end in a backslash or inside a quote; comment lines left out."""
    pending = ""
    for line in script.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        if not pending and line.lstrip().startswith("#"):
            continue
        pending = f"{pending}\n{line}" if pending else line
        if _tokens(pending) is not None:
            yield pending
            pending = ""


def _tokens(line: str) -> list[str] | None:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return None  # a quote goes on in the next line


def _simple_commands(line: str) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    redirected = False
    for token in _tokens(line) or []:
        if token.startswith("#"):
            break
        if token in _SEPARATORS:
            commands.append([])
            redirected = False
        elif set(token) <= set("<>&"):
            redirected = True
        elif not redirected:
            commands[-1].append(token)
    return [command for command in commands if command]
