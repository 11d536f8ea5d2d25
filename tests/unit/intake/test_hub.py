"""Downloads against a small hub on this computer: pinned to a commit, resumed, and every refusal as one sentence."""

import pytest

from advisor.errors import UserInputError
from advisor.intake import hub
from tests.unit.intake.fake_hub import COMMIT, CONTENT, Hub


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


def test_a_file_that_is_not_what_the_hub_says_is_removed(mirror, tmp_path):
    Hub.wrong_checksum = True
    with pytest.raises(UserInputError, match="it was removed, fetch it again"):
        hub.download("org/model", ["sub/model-Q4_K_M.gguf"], revision=None, destination=tmp_path)
    assert not (tmp_path / "sub/model-Q4_K_M.gguf").exists()


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
