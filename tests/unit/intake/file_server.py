"""A server of files on this computer that counts what it is asked: whole, in ranges, or in the ways that servers misbehave."""

import contextlib
import json
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

from tests.unit.loopback import listening

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Handler(BaseHTTPRequestHandler):
    """Answers from the server's `files`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.requests.append((path, self.headers.get("Range"), self.headers.get("Authorization")))
        found = self.server.files.get(path, (404, {"X-Error-Code": "EntryNotFound"}, b"{}"))
        with contextlib.suppress(OSError):
            if callable(found):
                self.close_connection = True
                found(self)
            elif isinstance(found, tuple):
                self.answer(*found)
            else:
                self.part(found)

    def part(self, data):
        asked = self.headers.get("Range")
        if not (asked and self.server.ranges):
            return self.answer(200, {}, data)
        first, last = (int(text) for text in asked.removeprefix("bytes=").split("-"))
        body = data[first : last + 1]
        if not body:
            return self.answer(416, {}, b"")
        return self.answer(206, {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{len(data)}"}, body)

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in ({"Content-Type": "application/octet-stream"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(files, *, ranges=True):
    """`files`: path -> bytes, or (status, headers, bytes), or a function of the handler. Yields `address` and the `requests` so far."""
    with listening(Handler, files=files, ranges=ranges, requests=[]) as server:
        yield SimpleNamespace(address=f"http://127.0.0.1:{server.server_port}", requests=server.requests)


def repository(repo, contents, *, tags=(), commit=COMMIT, revision=None):
    """The pages of a hub that a repository with these files has."""
    siblings = [{"rfilename": name, "size": len(data)} for name, data in contents.items()]
    listing = json.dumps({"id": repo, "sha": commit, "siblings": siblings, "tags": list(tags)}).encode()
    named = [
        f"/api/models/{repo}",
        f"/api/models/{repo}/revision/{commit}",
        *([f"/api/models/{repo}/revision/{revision}"] if revision else []),
    ]
    return dict.fromkeys(named, listing) | {f"/{repo}/resolve/{commit}/{name}": data for name, data in contents.items()}
