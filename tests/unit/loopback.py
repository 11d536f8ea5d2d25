"""A server in this process for a test: on a port of its own, until the test is over."""

import contextlib
import sys
import threading
from http.server import ThreadingHTTPServer


class Loopback(ThreadingHTTPServer):
    """A client that hangs up is no fault of its server: the standard class prints a traceback for it into the test's stderr."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def listening(handler, port=0, **attributes):
    """The server of this handler, answering; `attributes` are set on it before the first request."""
    with Loopback(("127.0.0.1", port), handler) as server:
        for name, value in attributes.items():
            setattr(server, name, value)
        threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.01}).start()
        try:
            yield server
        finally:
            server.shutdown()
