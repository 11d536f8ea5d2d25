"""Runs one command so that nothing of it survives: `python -I guard.py CONTROL_FD GRACE_S COMMAND…`. Standard library only.

The advisor holds the other end of CONTROL_FD. When that end closes (the advisor stops the run, or is killed itself) the command,
its process group and every orphan of it are ended, and the scratch directory, which is its working directory and TMPDIR, removed.
Ends with the command's exit status, or by the command's signal; 127 when it could not be started.
"""

import contextlib
import ctypes
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)
_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.1
CANNOT_START = 127


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the process group is all there is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _die_with_guard() -> None:
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _await(child: "subprocess.Popen[bytes]", control: int) -> bool:
    """Wait for the command; True when it was told to stop before it ended by itself."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: asked.append(received))
    while child.poll() is None:
        if asked or select.select([control], [], [], _POLL_S)[0]:
            return True
    return False


def _signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _orphans() -> list[int]:
    """Children of this process by now: as a subreaper it inherits every descendant whose parent ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(entry.parent.name))
    return found


def _reap() -> bool:
    """Collect ended children; True while some are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _end_all(child: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """SIGTERM to the group, after `grace_s` SIGKILL to it and to whatever left the group."""
    _signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    _signal_group(child, signal.SIGKILL)
    child.wait()
    while _reap():
        for pid in _orphans():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _run(command: list[str], control: int, grace_s: float, scratch: str) -> int:
    """The command's return code, negative for a signal."""
    environment = os.environ | {"TMPDIR": scratch}
    try:
        child = subprocess.Popen(
            command,
            cwd=scratch,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with_guard,  # noqa: PLW1509 - this program has one thread
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror or error}", file=sys.stderr)
        return CANNOT_START
    os.close(0)  # the request is the command's to read
    stopped = False
    try:
        stopped = _await(child, control)
    finally:
        _end_all(child, grace_s if stopped else 0.0)
    return child.returncode


def main() -> None:
    """Run the command, clean up, end the way it ended."""
    control, grace_s, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no core file
    _prctl(_SET_CHILD_SUBREAPER, 1)
    scratch = tempfile.mkdtemp(prefix="advisor-")
    try:
        status = _run(command, control, grace_s, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
