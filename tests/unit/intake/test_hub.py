"""Downloads against a small hub on this computer: pinned to a commit, resumed, and every refusal as one sentence."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from advisor.errors import UserInputError
from advisor.intake import hub

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
        files = [{"rfilename": file, "size": len(data)} for file, data in CONTENT.items()]
        files[1]["lfs"] = {"sha256": hashlib.sha256(CONTENT[files[1]["rfilename"]]).hexdigest(), "size": files[1]["size"], "pointerSize": 1}
        if name == "huge":
            files[0]["size"] = 10**18
        body = {"id": f"org/{name}", "sha": COMMIT, "siblings": files, "private": False, "gated": False}
        return self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def serve(self, file):
        data = CONTENT[file]
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
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.01}).start()
    Hub.requests, Hub.cut_at = [], None
    address = f"http://127.0.0.1:{server.server_port}"
    for flag in ("ADVISOR_OFFLINE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(flag, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    yield address
    server.shutdown()
    server.server_close()


def test_files_are_fetched_at_one_commit_and_not_again(mirror, tmp_path):
    seen = []
    folder = tmp_path / "models"
    options = {"revision": None, "destination": folder, "progress": lambda done, total: seen.append((done, total))}
    repository, paths = hub.download("org/model", list(CONTENT), **options)
    assert repository.commit == COMMIT
    assert [file.sha256 is None for file in repository.files] == [True, False]
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths} == CONTENT
    total = sum(map(len, CONTENT.values()))
    assert seen[-1] == (total, total)
    assert any(COMMIT in path for _, path, _, _ in Hub.requests)
    assert not any("/resolve/main" in path for _, path, _, _ in Hub.requests)
    Hub.requests.clear()
    hub.download("org/model", list(CONTENT), revision=COMMIT, destination=folder)
    assert [path for method, path, _, _ in Hub.requests if method == "GET" and "/resolve/" in path] == []


def test_a_broken_transfer_goes_on_where_it_broke(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)  # what arrived in whole chunks is kept
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    Hub.cut_at = 300_000
    seen = []
    options = {"revision": None, "destination": tmp_path, "progress": lambda done, total: seen.append(done)}
    _, (path,) = hub.download("org/model", ["sub/model-Q4_K_M.gguf"], **options)
    assert seen[-1] == path.stat().st_size
    assert path.read_bytes() == CONTENT["sub/model-Q4_K_M.gguf"]
    ranges = [asked for method, _, asked, _ in Hub.requests if method == "GET" and asked]
    assert ranges == ["bytes=300000-"]


def test_the_token_of_the_environment_is_sent(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.list_files("org/model")
    assert [authorization for *_, authorization in Hub.requests] == ["Bearer hf_secret"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gated", "accept the terms on its page"),
        ("private", "no such repository .* or a private one"),
        ("absent", "no such repository"),
        ("norevision", "no revision 'v9'"),
        ("broken", "answered 503: try again later"),
        ("forbidden", "answered 403: the token may not read it"),
    ],
)
def test_refusals_say_what_to_do(mirror, tmp_path, name, says):
    with pytest.raises(UserInputError, match=says) as caught:
        hub.download(f"org/{name}", ["config.json"], revision="v9", destination=tmp_path)
    assert str(caught.value).startswith(f"org/{name}: ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("repo_id", "file", "says"),
    [
        ("org/model", "sub/model-Q4_K_S.gguf", "near names: sub/model-Q4_K_M.gguf"),
        ("org/model", "../../etc/passwd", "not a path inside"),
        ("org/model", "/etc/passwd", "not a path inside"),
        ("org/huge", "config.json", "GiB to fetch"),
        ("no//id", "config.json", "no//id: "),
    ],
)
def test_requests_that_cannot_be_met(mirror, tmp_path, repo_id, file, says):
    with pytest.raises(UserInputError, match=says):
        hub.download(repo_id, [file], revision=None, destination=tmp_path)


@pytest.mark.parametrize("flag", ["ADVISOR_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_asks_nobody(mirror, tmp_path, monkeypatch, flag):
    monkeypatch.setenv(flag, "1")
    with pytest.raises(UserInputError, match=f"{flag} is set"):
        hub.download("org/model", ["config.json"], revision=None, destination=tmp_path)
    assert Hub.requests == []


def test_an_unreachable_hub_is_one_sentence(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserInputError, match=r"127\.0\.0\.1:9/.*not reachable"):
        hub.download("org/model", ["config.json"], revision=None, destination=tmp_path)
