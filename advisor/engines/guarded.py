"""A command under its guard: started, and at the end of the block gone with everything it started (see guard.py)."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from advisor.engines import guard
from advisor.engines.surroundings import engine_environment
from advisor.errors import NotProven

_GUARD_EXTRA_S: Final = 10.0
Talks = Literal["answers", "logs"]  # request on stdin and report on stdout; or nothing to read, and one log on stdout


@contextmanager
def guarded(
    command: Sequence[str], *, talks: Talks, grace_s: float, environment: Mapping[str, str] | None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start `command` in a scrubbed environment; inside the block it may be talked to, after it nothing of it is left.

    `grace_s` lies between SIGTERM and SIGKILL. Raises NotProven when no process can be started at all.
    """
    control_read, control_write = os.pipe()
    try:
        try:
            process = _start(command, control_read, talks, grace_s, engine_environment(environment))
        finally:
            os.close(control_read)
        try:
            yield process
        finally:
            os.close(control_write)  # tells the guard to end what is still there
            control_write = -1
            _collect(process, grace_s)
    finally:
        if control_write >= 0:
            os.close(control_write)


def _start(command: Sequence[str], control: int, talks: Talks, grace_s: float, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    wrapped = [sys.executable, "-I", str(Path(guard.__file__)), str(control), str(grace_s), *command]
    pipe, nothing, together = subprocess.PIPE, subprocess.DEVNULL, subprocess.STDOUT
    stdin, stderr = (pipe, pipe) if talks == "answers" else (nothing, together)
    try:
        return subprocess.Popen(
            wrapped, stdin=stdin, stdout=pipe, stderr=stderr, env=environment, pass_fds=(control,), start_new_session=True, bufsize=0
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        raise NotProven(f"cannot start a process: {getattr(error, 'strerror', None) or error}") from None


def _collect(process: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """Wait for the guard, which ends everything else first; a guard that cannot is ended with its group."""
    try:
        process.wait(timeout=grace_s + _GUARD_EXTRA_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
