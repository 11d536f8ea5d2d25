"""Runs `advisor.cli.main` in this process as the shell would: exit code, stdout, stderr; a traceback or an apology for a defect fails."""

import contextlib
import io
import sys
from dataclasses import dataclass
from unittest import mock

from advisor.cli import main


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


def advisor(*arguments):
    """The command's end. Whatever is printed for a defect of the advisor counts as a failure of the test."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["advisor", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    ended = Ended(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in ended.err and "defect of advisor" not in ended.err, ended.err
    assert "\x1b" not in ended.out + ended.err, "an escape sequence reached the terminal"
    return ended


def refused(*arguments, says, faults=1):
    """Exit 2, nothing on stdout, `faults` lines on stderr, the first of which holds the text."""
    ended = advisor(*arguments)
    assert (ended.code, ended.out) == (2, ""), ended
    lines = ended.err.splitlines()
    assert says in ended.err, ended.err
    assert len(lines) == faults, ended.err
    return lines


def names(folder):
    """What a folder holds, hidden files included."""
    return sorted(path.name for path in folder.iterdir())
