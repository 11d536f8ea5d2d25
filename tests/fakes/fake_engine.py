"""A stand-in for an engine that misbehaves on demand: `python fake_engine.py FAULT [ARGUMENT]`. Standard library only.

With FAULT `answer` it reads a request from stdin and writes the report that the request's `report` key holds.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def answer() -> None:
    request = json.loads(sys.stdin.read() or "{}")
    print("loading", file=sys.stderr, flush=True)
    print("some chatter on stdout")
    print(json.dumps(request.get("report", {"echo": request})))


def seen() -> None:
    """What the engine sees of its surroundings."""
    print(json.dumps({"environment": dict(os.environ), "cwd": str(Path.cwd()), "arguments": sys.argv[2:]}))


def refuse() -> None:
    print("llama_model_load: error loading model: unknown architecture", file=sys.stderr)
    sys.exit(1)


def crash() -> None:
    print("GGML_ASSERT(n_outputs_max >= n_seq_max) failed", file=sys.stderr, flush=True)
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))


def hang() -> None:
    print("load_tensors: loading", file=sys.stderr, flush=True)
    time.sleep(600)


def chatter() -> None:
    while True:
        print("still here", file=sys.stderr, flush=True)
        time.sleep(0.05)


def flood() -> None:
    block = "x" * 65535 + ("\n" if sys.argv[2] == "lines" else "")
    stream = sys.stderr if sys.argv[3] == "stderr" else sys.stdout
    while True:
        stream.write(block)


def garbage() -> None:
    print("{not json at all")


def silent() -> None:
    """Ends well without a word."""


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang()


def _child(*arguments: str, new_session: bool) -> None:
    subprocess.Popen([sys.executable, __file__, *arguments], start_new_session=new_session)


def grandchildren() -> None:
    """Leaves processes behind: one in its group, one that left the group and whose parent ended; then hangs or answers."""
    _child("ignore_sigterm", new_session=False)
    _child("orphan", new_session=True)
    time.sleep(0.3)
    if sys.argv[2] == "hang":
        hang()
    print("{}")


def orphan() -> None:
    _child("ignore_sigterm", new_session=True)


def litter() -> None:
    """Writes files where a temporary file would go, and crashes."""
    (Path(os.environ["TMPDIR"]) / "left-over").write_text("x")
    Path("core").write_text("x")
    crash()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
