"""A small Hugging Face hub on this computer."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler

import pytest

from tests.unit.loopback import listening

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = {"config.json": b'{"model_type": "llama"}', "sub/model-Q4_K_M.gguf": bytes(range(256)) * 4096}
REFUSALS = {
    "gated": (403, "GatedRepo"),
    "private": (401, "RepoNotFound"),
    "absent": (404, "RepoNotFound"),
    "norevision": (404, "RevisionNotFound"),
    "broken": (503, ""),
    "forbidden": (403, ""),
}


class Hub(BaseHTTPRequestHandler):
    """The two addresses that a download needs; `cut_at` breaks the first transfer of the large file."""

    protocol_version = "HTTP/1.1"
    cut_at = None
    content = CONTENT
    wrong_checksum = False
    requests: list = []  # noqa: RUF012 - emptied by the fixture

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        Hub.requests.append((self.command, self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] == "api":
            return self.describe(parts[3])
        return self.serve("/".join(parts[4:]))

    def describe(self, name):
        if name in REFUSALS:
            status, code = REFUSALS[name]
            return self.answer(status, b"{}", {"X-Error-Code": code} if code else {})
        files = [self.described(file, data) for file, data in Hub.content.items()]
        if name == "huge":
            files[0]["size"] = 10**18
        body = {"id": f"org/{name}", "sha": COMMIT, "siblings": files, "private": False, "gated": False}
        return self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    @staticmethod
    def described(file, data):
        if not file.endswith((".gguf", ".safetensors")):
            return {"rfilename": file, "size": len(data)}
        digest = hashlib.sha256(b"other" if Hub.wrong_checksum else data).hexdigest()
        return {"rfilename": file, "size": len(data), "lfs": {"sha256": digest, "size": len(data), "pointerSize": 1}}

    def serve(self, file):
        data = Hub.content[file]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0]) if self.headers.get("Range") else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = Hub.cut_at if self.command == "GET" and len(data) > 1000 else None
        if cut:
            Hub.cut_at = None
        return self.answer(206 if start else 200, data[start:], headers, cut=cut)

    def answer(self, status, body, headers, cut=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:cut])
        if cut:
            self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    Hub.requests, Hub.cut_at, Hub.content, Hub.wrong_checksum = [], None, CONTENT, False
    with listening(Hub) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        for flag in ("ADVISOR_OFFLINE", "HF_HUB_OFFLINE", "HF_TOKEN"):
            monkeypatch.delenv(flag, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        yield address
