"""Which files of a repository are the planned ones, and that nothing is fetched before it was agreed to."""

from pathlib import Path

import pytest

from advisor.domain.plan import PlannedModel
from advisor.errors import UserInputError
from advisor.intake.hub import HubFile, HubRepository
from advisor.validation import download as module
from advisor.validation.download import fetch, planned_files

NAMES = ("README.md", "m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "big-q8_0-00001-of-00002.gguf", "big-q8_0-00002-of-00002.gguf", "m-IQ4_XS.gguf")
REPOSITORY = HubRepository("org/m-GGUF", "c" * 40, tuple(HubFile(name, 10, None) for name in NAMES))


@pytest.mark.parametrize(
    ("quantization", "files", "expected"),
    [
        ("Q4_K_M", (), ("m-Q4_K_M.gguf",)),
        ("Q8_0", (), ("big-q8_0-00001-of-00002.gguf", "big-q8_0-00002-of-00002.gguf")),
        ("Q4_K_M", ("named.gguf",), ("named.gguf",)),
    ],
)
def test_the_planned_files(quantization, files, expected):
    assert planned_files(REPOSITORY, PlannedModel("org/m", quantization, files=files)) == expected


def test_a_quantisation_that_is_not_there_is_refused_by_name():
    with pytest.raises(UserInputError, match="no GGUF of Q4_K at commit cccccccccccc; it holds big-q8_0"):
        planned_files(REPOSITORY, PlannedModel("org/m", "Q4_K"))


def test_the_download_is_pinned_and_agreed_to(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "models_folder", lambda: tmp_path)
    monkeypatch.setattr(module, "list_files", lambda repo_id, *, revision: REPOSITORY)
    calls = []

    def download(repo_id, names, *, revision, destination, progress):
        calls.append((repo_id, names, revision, destination))
        return REPOSITORY, tuple(Path(destination) / name for name in names)

    monkeypatch.setattr(module, "download", download)
    model = PlannedModel("org/m", "Q4_K_M", repo_id="org/m-GGUF")
    agreed = []
    path = fetch(model, agree=lambda what, size_bytes: agreed.append((what, size_bytes)))
    destination = tmp_path / "org--m-GGUF" / ("c" * 40)
    assert calls == [("org/m-GGUF", ("m-Q4_K_M.gguf",), "c" * 40, destination)] and path == destination / "m-Q4_K_M.gguf"
    assert agreed == [("m-Q4_K_M.gguf of org/m-GGUF at commit cccccccccccc", 10)]

    def refuse(what, size_bytes):
        raise UserInputError("no")

    with pytest.raises(UserInputError):
        fetch(model, agree=refuse)
    assert len(calls) == 1
