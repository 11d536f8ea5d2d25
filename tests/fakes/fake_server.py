"""A stand-in for an engine's server that misbehaves on demand: `python fake_server.py FAULT PORT`. Standard library only.

FAULT `good` serves /health, and /die, which ends it as DEATH (a third argument: a signal, `exit` or `full`) says.
"""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PORT = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/die":
            die(sys.argv[3])
        if self.path == "/vanish":  # the model's file is removed meanwhile
            say("GGML_ASSERT(file) failed: model.gguf: no such file")
            die("SIGBUS")
        body = json.dumps({"environment": dict(os.environ), "cwd": str(Path.cwd()), "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text: str, *_: object) -> None:
        say(f"request {text}")


def die(how: str) -> None:
    say("CUDA error: an illegal memory access was encountered" if how != "full" else "write failed: No space left on device")
    os._exit(1) if how in ("exit", "full") else os.kill(os.getpid(), getattr(signal, how))
    time.sleep(60)  # the signal arrives in another thread: nothing is answered meanwhile


def listening() -> http.server.ThreadingHTTPServer:
    return http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Answering)


def good() -> None:
    say("load_tensors: CPU model buffer size = 12.00 MiB")
    with listening() as server:
        print("listening", flush=True)
        server.serve_forever()


def takes_the_port() -> None:
    """Somebody else has it: the engine's own words, its own exit."""
    try:
        good()
    except OSError as error:
        say(f"couldn't bind HTTP server socket: {error}")
        sys.exit(1)


def refuse() -> None:
    say("error: invalid argument: --kv-unified")
    sys.exit(1)


def crash() -> None:
    say("GGML_ASSERT(n_outputs_max >= n_seq_max) failed")
    os.kill(os.getpid(), getattr(signal, sys.argv[3]))


def full() -> None:
    say("write failed: No space left on device")
    sys.exit(1)


def ends_well() -> None:
    say("nothing to do")


def hang() -> None:
    say("load_tensors: loading")
    time.sleep(600)


def never_ready() -> None:
    Answering.do_GET = lambda self: self.send_error(503)
    good()


def half_open() -> None:
    """Accepts, reads nothing, answers nothing."""
    with socket.create_server(("127.0.0.1", PORT)) as server:
        _held = server.accept()
        say("accepted")
        time.sleep(600)


def garbage() -> None:
    with socket.create_server(("127.0.0.1", PORT)) as server:
        say("listening")
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"\x00\x01 this is no HTTP\r\n\r\n")


def flood() -> None:
    while True:
        sys.stdout.write("x" * 200 + "\n")


def floods_later() -> None:
    """Serves first, floods when it is asked for something."""
    Answering.do_GET = lambda self: self.send_response(200) or self.end_headers() if self.path == "/health" else flood()
    good()


def ignores_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    good()


def grandchildren() -> None:
    """Leaves processes behind: one in its group, one that left the group and whose parent ended; then serves."""
    here = Path(__file__).with_name("fake_engine.py")
    subprocess.Popen([sys.executable, str(here), "ignore_sigterm"])
    subprocess.Popen([sys.executable, str(here), "orphan"], start_new_session=True)
    good()


def litters() -> None:
    """Writes files where a temporary file would go, and serves."""
    (Path(os.environ["TMPDIR"]) / "left-over").write_text("x")
    Path("core").write_text("x")
    good()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
